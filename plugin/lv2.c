/* The engine as an LV2 plugin; lv2/keras_sep.ttl describes its ports. */
#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <lv2/atom/atom.h>
#include <lv2/atom/forge.h>
#include <lv2/atom/util.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/core/lv2.h>
#include <lv2/core/lv2_util.h>
#include <lv2/log/logger.h>
#include <lv2/options/options.h>
#include <lv2/patch/patch.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "faces.h"

#define URI "urn:keras-sep:separator"

enum Port {
    IN, /* left, and right behind it; so are the outputs */
    OUT = 2,
    VOICE_OUT = 4,
    ACCOMPANIMENT_OUT = 6,
    VOICE = 8,
    ACCOMPANIMENT_GAIN,
    ENABLED,
    FREEWHEEL,
    LATENCY,
    UNDERRUNS,
    CONTROL,
    NOTIFY,
    NUM_PORTS
};

typedef struct {
    LV2_URID path, model, patch_get, patch_set, patch_property, patch_value, urid, int_type, max_block, nominal_block;
} Urids;

typedef struct {
    Engine *engine;
    void *ports[NUM_PORTS];
    LV2_URID_Map *map; /* NULL if the host has none: no model but the bundle's */
    LV2_Atom_Forge forge;
    Urids urids;
    LV2_Log_Logger logger;
    char default_model[ENGINE_PATH];
    bool tell_model; /* to the host, as soon as it is known */
} Plugin;

static Urids find_urids(LV2_URID_Map *map) {
    Urids urids = {0};
    if (map) {
        urids.path = map->map(map->handle, LV2_ATOM__Path);
        urids.model = map->map(map->handle, URI "#model");
        urids.patch_get = map->map(map->handle, LV2_PATCH__Get);
        urids.patch_set = map->map(map->handle, LV2_PATCH__Set);
        urids.patch_property = map->map(map->handle, LV2_PATCH__property);
        urids.patch_value = map->map(map->handle, LV2_PATCH__value);
        urids.urid = map->map(map->handle, LV2_ATOM__URID);
        urids.int_type = map->map(map->handle, LV2_ATOM__Int);
        urids.max_block = map->map(map->handle, LV2_BUF_SIZE__maxBlockLength);
        urids.nominal_block = map->map(map->handle, LV2_BUF_SIZE__nominalBlockLength);
    }
    return urids;
}

/* Frames of the host's usual block. Some hosts name a largest block that never comes: the usual one counts. */
static size_t block_size(const Plugin *plugin, const LV2_Options_Option *options) {
    int32_t largest = DEFAULT_BLOCK, nominal = 0;
    for (; plugin->map && options && options->key; options++) {
        if (options->type != plugin->urids.int_type || options->size != sizeof(int32_t)) continue;
        int32_t value = *(const int32_t *)options->value;
        if (options->key == plugin->urids.nominal_block && value > 0) nominal = value;
        if (options->key == plugin->urids.max_block && value > 0 && value < largest) largest = value;
    }
    return (size_t)(nominal > 0 ? nominal : largest);
}

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double sample_rate, const char *bundle,
                              const LV2_Feature *const *features) {
    (void)descriptor;
    Plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin) return NULL;
    const LV2_Options_Option *options = NULL;
    /* clang-format off */
    lv2_features_query(features,
                       LV2_URID__map, &plugin->map, false,
                       LV2_LOG__log, &plugin->logger.log, false,
                       LV2_OPTIONS__options, &options, false,
                       NULL);
    /* clang-format on */
    plugin->urids = find_urids(plugin->map);
    if (plugin->map) lv2_atom_forge_init(&plugin->forge, plugin->map);
    lv2_log_logger_init(&plugin->logger, plugin->map, plugin->logger.log);
    char problem[STEP_MODEL_PROBLEM];
    snprintf(plugin->default_model, sizeof plugin->default_model, "%s" DEFAULT_MODEL, bundle); /* which ends with a / */
    plugin->engine = engine_open(sample_rate, block_size(plugin, options), plugin->default_model, problem);
    if (!plugin->engine) {
        lv2_log_error(&plugin->logger, "keras_sep: %s\n", problem);
        free(plugin);
        return NULL;
    }
    return plugin;
}

static void connect_port(LV2_Handle handle, uint32_t port, void *data) {
    Plugin *plugin = handle;
    if (port < NUM_PORTS) plugin->ports[port] = data;
}

static void activate(LV2_Handle handle) {
    Plugin *plugin = handle;
    engine_activate(plugin->engine);
}

static void deactivate(LV2_Handle handle) {
    Plugin *plugin = handle;
    engine_deactivate(plugin->engine);
}

static void cleanup(LV2_Handle handle) {
    Plugin *plugin = handle;
    engine_close(plugin->engine);
    free(plugin);
}

/* patch:Set of the model, and patch:Get. */
static void read_messages(Plugin *plugin) {
    const LV2_Atom_Sequence *messages = plugin->ports[CONTROL];
    if (!messages || !plugin->map) return;
    LV2_ATOM_SEQUENCE_FOREACH(messages, event) {
        if (!lv2_atom_forge_is_object_type(&plugin->forge, event->body.type)) continue;
        const LV2_Atom_Object *object = (const LV2_Atom_Object *)&event->body;
        const LV2_Atom *property = NULL, *value = NULL;
        lv2_atom_object_get(object, plugin->urids.patch_property, &property, plugin->urids.patch_value, &value, 0);
        bool is_model = property && property->type == plugin->urids.urid &&
                        ((const LV2_Atom_URID *)property)->body == plugin->urids.model;
        if (object->body.otype == plugin->urids.patch_get && (!property || is_model)) plugin->tell_model = true;
        if (object->body.otype == plugin->urids.patch_set && is_model && value &&
            (value->type == plugin->urids.path || value->type == plugin->forge.String) && value->size > 0) {
            const char *path = LV2_ATOM_BODY_CONST(value);
            if (!engine_request_model(plugin->engine, path, strnlen(path, value->size))) plugin->tell_model = true;
        }
    }
}

/* Writes patch:Set of the model where it is new or somebody has asked for it. */
static void write_messages(Plugin *plugin) {
    LV2_Atom_Sequence *messages = plugin->ports[NOTIFY];
    plugin->tell_model |= engine_model_served(plugin->engine);
    if (!messages || !plugin->map) return;
    uint32_t capacity = messages->atom.size;
    if (capacity < sizeof(LV2_Atom_Sequence_Body)) return;
    LV2_Atom_Forge *forge = &plugin->forge;
    LV2_Atom_Forge_Frame sequence, object;
    lv2_atom_forge_set_buffer(forge, (uint8_t *)messages, sizeof(LV2_Atom) + capacity);
    lv2_atom_forge_sequence_head(forge, &sequence, 0);
    const char *model = plugin->tell_model ? engine_model(plugin->engine) : NULL;
    if (model && capacity >= strlen(model) + 256) {
        lv2_atom_forge_frame_time(forge, 0);
        lv2_atom_forge_object(forge, &object, 0, plugin->urids.patch_set);
        lv2_atom_forge_key(forge, plugin->urids.patch_property);
        lv2_atom_forge_urid(forge, plugin->urids.model);
        lv2_atom_forge_key(forge, plugin->urids.patch_value);
        lv2_atom_forge_path(forge, model, (uint32_t)strlen(model));
        lv2_atom_forge_pop(forge, &object);
        plugin->tell_model = false;
    }
    lv2_atom_forge_pop(forge, &sequence);
}

static float control(const Plugin *plugin, enum Port port, float otherwise) {
    return plugin->ports[port] ? *(const float *)plugin->ports[port] : otherwise;
}

static void run(LV2_Handle handle, uint32_t count) {
    Plugin *plugin = handle;
    read_messages(plugin);
    const EngineControls controls = {
        .voice_db = control(plugin, VOICE, 0),
        .accompaniment_db = control(plugin, ACCOMPANIMENT_GAIN, 0),
        .enabled = control(plugin, ENABLED, 1) > 0,
        .freewheel = control(plugin, FREEWHEEL, 0) > 0,
    };
    EngineBuffers buffers;
    for (size_t c = 0; c < 2; c++) {
        buffers.in[c] = plugin->ports[IN + c];
        buffers.out[c] = plugin->ports[OUT + c];
        buffers.voice[c] = plugin->ports[VOICE_OUT + c];
        buffers.accompaniment[c] = plugin->ports[ACCOMPANIMENT_OUT + c];
    }
    engine_run(plugin->engine, &controls, &buffers, count);
    if (plugin->ports[LATENCY]) *(float *)plugin->ports[LATENCY] = (float)engine_latency(plugin->engine);
    if (plugin->ports[UNDERRUNS]) *(float *)plugin->ports[UNDERRUNS] = (float)engine_underruns(plugin->engine);
    write_messages(plugin);
}

static void free_path(LV2_State_Free_Path *feature, char *path) {
    if (feature) {
        feature->free_path(feature->handle, path);
    } else {
        free(path);
    }
}

/* The model's path; none for the bundle's own, which may lie elsewhere tomorrow. */
static LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle state, uint32_t flags,
                             const LV2_Feature *const *features) {
    (void)flags;
    Plugin *plugin = handle;
    if (!plugin->map) return LV2_STATE_ERR_NO_FEATURE;
    char path[ENGINE_PATH];
    engine_copy_model(plugin->engine, path);
    if (strcmp(path, plugin->default_model) == 0) return LV2_STATE_SUCCESS;
    LV2_State_Map_Path *map_path = lv2_features_data(features, LV2_STATE__mapPath);
    LV2_State_Free_Path *freer = lv2_features_data(features, LV2_STATE__freePath);
    char *abstract = map_path ? map_path->abstract_path(map_path->handle, path) : NULL;
    const char *kept = abstract ? abstract : path;
    LV2_State_Status status = store(state, plugin->urids.model, kept, strlen(kept) + 1, plugin->urids.path,
                                    LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    if (abstract) free_path(freer, abstract);
    return status;
}

static LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle state,
                                uint32_t flags, const LV2_Feature *const *features) {
    (void)flags;
    Plugin *plugin = handle;
    if (!plugin->map) return LV2_STATE_ERR_NO_FEATURE;
    size_t size;
    uint32_t type, value_flags;
    const char *kept = retrieve(state, plugin->urids.model, &size, &type, &value_flags);
    if (kept && (type != plugin->urids.path || size == 0 || kept[size - 1] != '\0')) return LV2_STATE_ERR_BAD_TYPE;
    LV2_State_Map_Path *map_path = lv2_features_data(features, LV2_STATE__mapPath);
    LV2_State_Free_Path *freer = lv2_features_data(features, LV2_STATE__freePath);
    char *absolute = kept && map_path ? map_path->absolute_path(map_path->handle, kept) : NULL;
    const char *wanted = absolute ? absolute : kept ? kept : plugin->default_model;
    char present[ENGINE_PATH], problem[STEP_MODEL_PROBLEM];
    engine_copy_model(plugin->engine, present);
    bool good = strcmp(wanted, present) == 0 || engine_load_model(plugin->engine, wanted, problem);
    if (!good) lv2_log_error(&plugin->logger, "keras_sep: %s\n", problem);
    if (absolute) free_path(freer, absolute);
    plugin->tell_model = true;
    return good ? LV2_STATE_SUCCESS : LV2_STATE_ERR_UNKNOWN;
}

static const void *extension_data(const char *uri) {
    static const LV2_State_Interface state = {save, restore};
    return strcmp(uri, LV2_STATE__interface) == 0 ? &state : NULL;
}

EXPORTED const LV2_Descriptor *lv2_descriptor(uint32_t index) {
    static const LV2_Descriptor descriptor = {URI,        instantiate, connect_port, activate, run, deactivate, cleanup,
                                              extension_data};
    return index == 0 ? &descriptor : NULL;
}
