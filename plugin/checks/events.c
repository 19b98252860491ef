#include "events.h"

#include <stdio.h>
#include <stdlib.h>

Event *events_read(const char *path, size_t *count) {
    FILE *file = fopen(path, "r");
    Event *events = NULL;
    char line[1024];
    *count = 0;
    while (file && fgets(line, sizeof line, file)) {
        events = realloc(events, (*count + 1) * sizeof *events);
        Event *event = &events[(*count)++];
        *event = (Event){0};
        if (sscanf(line, "%zu %31s %511s %lf", &event->frame, event->name, event->argument, &event->value) < 2) {
            file = NULL;
        }
    }
    if (!file) {
        fprintf(stderr, "host: %s: expected lines of FRAME NAME ARGUMENT VALUE\n", path);
        exit(2);
    }
    fclose(file);
    return events;
}
