/* What happens to a plugin while it runs, one event a line: FRAME NAME ARGUMENT…, in order of their frames. */
#ifndef KERAS_SEP_EVENTS_H_
#define KERAS_SEP_EVENTS_H_

#include <stddef.h>

typedef struct {
    size_t frame;
    char name[32];      /* set, model, get, save, load, restart, delay: see host.c */
    char argument[512]; /* empty if there is none */
    double value;       /* the last number */
} Event;

/* Reads a file of events; exits with a line on stderr if one of them is not understood. */
Event *events_read(const char *path, size_t *count);

#endif
