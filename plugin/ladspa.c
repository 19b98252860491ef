/*
 * The engine as a LADSPA plugin, for hosts without LV2. LADSPA has no way to say that a host exports faster than in
 * real time, so there is a control for it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ladspa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "faces.h"

enum Port { IN, OUT = 2, VOICE = 4, ACCOMPANIMENT_GAIN, EXPORT, LATENCY, NUM_PORTS };

typedef struct {
    Engine *engine;
    LADSPA_Data *ports[NUM_PORTS];
} Plugin;

/* Finds the model beside this library, also where the host opened a link to it. */
static bool find_model(char path[ENGINE_PATH]) {
    static const char here = 0;
    Dl_info info;
    char *library = dladdr(&here, &info) ? realpath(info.dli_fname, NULL) : NULL;
    char *name = library ? strrchr(library, '/') : NULL;
    int length = name ? (int)(name - library) : 0;
    bool found = name && snprintf(path, ENGINE_PATH, "%.*s/" DEFAULT_MODEL, length, library) < ENGINE_PATH;
    free(library);
    return found;
}

static LADSPA_Handle instantiate(const LADSPA_Descriptor *descriptor, unsigned long sample_rate) {
    (void)descriptor;
    char path[ENGINE_PATH], problem[STEP_MODEL_PROBLEM];
    Plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin || !find_model(path)) {
        fputs("keras_sep: the plugin does not find its own folder\n", stderr);
        free(plugin);
        return NULL;
    }
    plugin->engine = engine_open((double)sample_rate, DEFAULT_BLOCK, path, problem);
    if (!plugin->engine) {
        fprintf(stderr, "keras_sep: %s\n", problem);
        free(plugin);
        return NULL;
    }
    return plugin;
}

static void connect_port(LADSPA_Handle handle, unsigned long port, LADSPA_Data *data) {
    Plugin *plugin = handle;
    if (port < NUM_PORTS) plugin->ports[port] = data;
}

static void activate(LADSPA_Handle handle) {
    Plugin *plugin = handle;
    engine_activate(plugin->engine);
}

static void run(LADSPA_Handle handle, unsigned long count) {
    Plugin *plugin = handle;
    const EngineControls controls = {
        .voice_db = *plugin->ports[VOICE],
        .accompaniment_db = *plugin->ports[ACCOMPANIMENT_GAIN],
        .enabled = true,
        .freewheel = *plugin->ports[EXPORT] > 0,
    };
    const EngineBuffers buffers = {
        .in = {plugin->ports[IN], plugin->ports[IN + 1]},
        .out = {plugin->ports[OUT], plugin->ports[OUT + 1]},
    };
    engine_run(plugin->engine, &controls, &buffers, count);
    if (plugin->ports[LATENCY]) *plugin->ports[LATENCY] = (LADSPA_Data)engine_latency(plugin->engine);
}

static void deactivate(LADSPA_Handle handle) {
    Plugin *plugin = handle;
    engine_deactivate(plugin->engine);
}

static void cleanup(LADSPA_Handle handle) {
    Plugin *plugin = handle;
    engine_close(plugin->engine);
    free(plugin);
}

#define AUDIO_IN (LADSPA_PORT_INPUT | LADSPA_PORT_AUDIO)
#define AUDIO_OUT (LADSPA_PORT_OUTPUT | LADSPA_PORT_AUDIO)
#define CONTROL_IN (LADSPA_PORT_INPUT | LADSPA_PORT_CONTROL)
#define CONTROL_OUT (LADSPA_PORT_OUTPUT | LADSPA_PORT_CONTROL)
#define BOUNDED (LADSPA_HINT_BOUNDED_BELOW | LADSPA_HINT_BOUNDED_ABOVE)
#define GAIN {BOUNDED | LADSPA_HINT_DEFAULT_0, ENGINE_MIN_DB, ENGINE_MAX_DB}

EXPORTED const LADSPA_Descriptor *ladspa_descriptor(unsigned long index) {
    static const LADSPA_PortDescriptor kinds[NUM_PORTS] = {AUDIO_IN,   AUDIO_IN,   AUDIO_OUT,  AUDIO_OUT,
                                                           CONTROL_IN, CONTROL_IN, CONTROL_IN, CONTROL_OUT};
    static const char *const names[NUM_PORTS] = {"Mixture left",       "Mixture right",
                                                 "Mix left",           "Mix right",
                                                 "Voice (dB)",         "Accompaniment (dB)",
                                                 "Wait (for exports)", "latency"};
    static const LADSPA_PortRangeHint hints[NUM_PORTS] = {
        [VOICE] = GAIN,
        [ACCOMPANIMENT_GAIN] = GAIN,
        [EXPORT] = {LADSPA_HINT_TOGGLED | LADSPA_HINT_DEFAULT_1, 0, 1},
    };
    static const LADSPA_Descriptor descriptor = {
        .UniqueID = 441, /* below 1000: nobody has assigned it */
        .Label = "keras_sep",
        .Name = "keras_sep: voice and accompaniment",
        .Maker = "The keras_sep authors",
        .Copyright = "Apache-2.0; the model has a licence of its own",
        .PortCount = NUM_PORTS,
        .PortDescriptors = kinds,
        .PortNames = names,
        .PortRangeHints = hints,
        .instantiate = instantiate,
        .connect_port = connect_port,
        .activate = activate,
        .run = run,
        .deactivate = deactivate,
        .cleanup = cleanup,
    };
    return index == 0 ? &descriptor : NULL;
}
