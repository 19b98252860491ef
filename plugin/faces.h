/* What the plugin formats have in common. */
#ifndef KERAS_SEP_FACES_H_
#define KERAS_SEP_FACES_H_

#define DEFAULT_MODEL "model.tflite" /* beside the plugin's library */
#define EXPORTED __attribute__((visibility("default")))

enum { DEFAULT_BLOCK = 1024 }; /* frames, where the host does not say */

#endif
