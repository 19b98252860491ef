/*
 * host KEY=VALUE…
 *
 * Runs instances of the plugin over a raw stereo file, interleaved float32, and prints what it saw as JSON. lilv finds
 * the bundle in LV2_PATH. Keys, all but the first two with defaults:
 *   in=FILE out=FILE    the outputs of instance 0, six channels; of instance 1 in FILE.1
 *   rate=HZ             48000
 *   blocks=MIN:MAX      frames of a run, drawn anew each time by seed=N
 *   nominal=N max=N     what the plugin is told of blocks; 0 to say nothing
 *   instances=N         1
 *   realtime=1          waits for the clock, at a high priority if that is allowed
 *   events=FILE         set SYMBOL VALUE · model PATH · get · save FOLDER · load FOLDER · restart · delay MS (a step)
 */
#define _GNU_SOURCE
#include <lilv/lilv.h>
#include <lv2/atom/forge.h>
#include <lv2/atom/util.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/options/options.h>
#include <lv2/patch/patch.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "count_calls.h"
#include "events.h"

#define URI "urn:keras-sep:separator"

enum { NUM_IN = 2, NUM_OUT = 6, MAX_PORTS = 32, MAX_BLOCK = 1 << 17, MAX_INSTANCES = 8, ATOM_BYTES = 8192 };
enum { CARD_BLOCKS = 2 }; /* that a sound card has in hand */

/* URIDs: numbers of URIs, in a list. */

static char *uris[512];
static uint32_t num_uris;

static LV2_URID map_uri(LV2_URID_Map_Handle handle, const char *uri) {
    (void)handle;
    for (uint32_t i = 0; i < num_uris; i++) {
        if (strcmp(uris[i], uri) == 0) return i + 1;
    }
    uris[num_uris++] = strdup(uri);
    return num_uris;
}

static const char *unmap_uri(LV2_URID_Unmap_Handle handle, LV2_URID urid) {
    (void)handle;
    return urid > 0 && urid <= num_uris ? uris[urid - 1] : NULL;
}

static LV2_URID_Map urid_map = {NULL, map_uri};
static LV2_URID_Unmap urid_unmap = {NULL, unmap_uri};

typedef struct {
    LilvInstance *lilv;
    float controls[MAX_PORTS];
    float *out[NUM_OUT]; /* the whole outputs */
    union {
        LV2_Atom_Sequence sequence;
        uint8_t bytes[ATOM_BYTES];
    } control, notify;
    char model[512]; /* what it has said last */
    int answers;     /* how often */
} Instance;

typedef struct {
    const char *in, *out, *events;
    size_t rate, min_block, max_block, seed, nominal, max, instances, realtime;
} Settings;

static LilvWorld *world;
static const LilvPlugin *plugin;
static Instance instances[MAX_INSTANCES];
static Settings settings = {.rate = 48000, .min_block = 256, .max_block = 256, .nominal = 256, .instances = 1};
static const LV2_Feature *features[8];

static void fail(const char *what, const char *which) {
    fprintf(stderr, "host: %s: %s\n", what, which);
    exit(1);
}

static void read_settings(int count, char **arguments) {
    struct {
        const char *key;
        size_t *value;
    } numbers[] = {{"rate", &settings.rate},     {"seed", &settings.seed},           {"nominal", &settings.nominal},
                   {"max", &settings.max},       {"instances", &settings.instances}, {"realtime", &settings.realtime}};
    for (int i = 1; i < count; i++) {
        char *value = strchr(arguments[i], '=');
        if (!value) fail("expected KEY=VALUE", arguments[i]);
        *value++ = '\0';
        bool known = true;
        if (strcmp(arguments[i], "in") == 0) settings.in = value;
        else if (strcmp(arguments[i], "out") == 0) settings.out = value;
        else if (strcmp(arguments[i], "events") == 0) settings.events = value;
        else if (strcmp(arguments[i], "blocks") == 0) {
            if (sscanf(value, "%zu:%zu", &settings.min_block, &settings.max_block) != 2) fail("blocks", value);
        } else {
            known = false;
            for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
                if (strcmp(arguments[i], numbers[k].key) != 0) continue;
                *numbers[k].value = strtoul(value, NULL, 10);
                known = true;
            }
        }
        if (!known) fail("unknown key", arguments[i]);
    }
    if (!settings.in || !settings.out) fail("expected in= and out=", "");
    if (settings.min_block < 1 || settings.max_block < settings.min_block || settings.max_block > MAX_BLOCK ||
        settings.instances > MAX_INSTANCES) {
        fail("expected", "blocks of 1 to 131072 frames, at most 8 instances");
    }
}

static float *read_input(size_t *frames) {
    FILE *file = fopen(settings.in, "rb");
    if (!file) fail("cannot read", settings.in);
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    float *samples = malloc(bytes + 1);
    *frames = fread(samples, sizeof(float) * NUM_IN, bytes / (sizeof(float) * NUM_IN), file);
    fclose(file);
    return samples;
}

static uint32_t port_index(const char *symbol) {
    LilvNode *node = lilv_new_string(world, symbol);
    const LilvPort *port = lilv_plugin_get_port_by_symbol(plugin, node);
    lilv_node_free(node);
    if (!port) fail("no such port", symbol);
    return lilv_port_get_index(plugin, port);
}

static void open_plugin(void) {
    world = lilv_world_new();
    lilv_world_load_all(world);
    LilvNode *uri = lilv_new_uri(world, URI);
    plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(world), uri);
    lilv_node_free(uri);
    if (!plugin) fail("no such plugin in LV2_PATH", URI);
}

static void make_features(void) {
    static int32_t nominal, largest;
    static LV2_Options_Option options[3];
    static LV2_Feature map = {LV2_URID__map, &urid_map}, unmap = {LV2_URID__unmap, &urid_unmap},
                       bounded = {LV2_BUF_SIZE__boundedBlockLength, NULL}, option = {LV2_OPTIONS__options, options};
    LV2_URID integer = map_uri(NULL, LV2_ATOM__Int);
    size_t count = 0;
    nominal = (int32_t)settings.nominal;
    largest = (int32_t)settings.max;
    if (nominal) {
        LV2_URID key = map_uri(NULL, LV2_BUF_SIZE__nominalBlockLength);
        options[count++] = (LV2_Options_Option){LV2_OPTIONS_INSTANCE, 0, key, sizeof nominal, integer, &nominal};
    }
    if (largest) {
        LV2_URID key = map_uri(NULL, LV2_BUF_SIZE__maxBlockLength);
        options[count++] = (LV2_Options_Option){LV2_OPTIONS_INSTANCE, 0, key, sizeof largest, integer, &largest};
    }
    const LV2_Feature *all[] = {&map, &unmap, &bounded, &option, NULL};
    memcpy(features, all, sizeof all);
}

static void open_instance(Instance *instance, size_t frames) {
    instance->lilv = lilv_plugin_instantiate(plugin, (double)settings.rate, features);
    if (!instance->lilv) fail("cannot instantiate", URI);
    float defaults[MAX_PORTS];
    lilv_plugin_get_port_ranges_float(plugin, NULL, NULL, defaults);
    for (uint32_t port = 0; port < lilv_plugin_get_num_ports(plugin); port++) {
        instance->controls[port] = isnan(defaults[port]) ? 0 : defaults[port];
        lilv_instance_connect_port(instance->lilv, port, &instance->controls[port]);
    }
    for (size_t c = 0; c < NUM_OUT; c++) instance->out[c] = calloc(frames + 1, sizeof(float));
    lilv_instance_connect_port(instance->lilv, port_index("control"), &instance->control);
    lilv_instance_connect_port(instance->lilv, port_index("notify"), &instance->notify);
    lilv_instance_activate(instance->lilv);
}

/* Messages to and from the plugin. */

static LV2_Atom_Forge forge;

static void empty_messages(Instance *instance) {
    LV2_Atom_Forge_Frame frame;
    lv2_atom_forge_set_buffer(&forge, instance->control.bytes, ATOM_BYTES);
    lv2_atom_forge_sequence_head(&forge, &frame, 0);
    lv2_atom_forge_pop(&forge, &frame);
    instance->notify.sequence.atom.size = ATOM_BYTES - sizeof(LV2_Atom);
}

static void write_message(Instance *instance, const char *kind, const char *path) {
    LV2_Atom_Forge_Frame frame, object;
    lv2_atom_forge_set_buffer(&forge, instance->control.bytes, ATOM_BYTES);
    lv2_atom_forge_sequence_head(&forge, &frame, 0);
    lv2_atom_forge_frame_time(&forge, 0);
    lv2_atom_forge_object(&forge, &object, 0, map_uri(NULL, kind));
    lv2_atom_forge_key(&forge, map_uri(NULL, LV2_PATCH__property));
    lv2_atom_forge_urid(&forge, map_uri(NULL, URI "#model"));
    if (path) {
        lv2_atom_forge_key(&forge, map_uri(NULL, LV2_PATCH__value));
        lv2_atom_forge_path(&forge, path, (uint32_t)strlen(path));
    }
    lv2_atom_forge_pop(&forge, &object);
    lv2_atom_forge_pop(&forge, &frame);
}

static void read_messages(Instance *instance) {
    LV2_ATOM_SEQUENCE_FOREACH(&instance->notify.sequence, event) {
        const LV2_Atom *value = NULL;
        lv2_atom_object_get((const LV2_Atom_Object *)&event->body, map_uri(NULL, LV2_PATCH__value), &value, 0);
        if (!value) continue;
        snprintf(instance->model, sizeof instance->model, "%.*s", (int)value->size, (const char *)(value + 1));
        instance->answers++;
    }
}

/* States: the controls' values are the host's to keep, the model is the plugin's. */

static const void *get_value(const char *symbol, void *data, uint32_t *size, uint32_t *type) {
    Instance *instance = data;
    *size = sizeof(float);
    *type = map_uri(NULL, LV2_ATOM__Float);
    return &instance->controls[port_index(symbol)];
}

static void set_value(const char *symbol, void *data, const void *value, uint32_t size, uint32_t type) {
    Instance *instance = data;
    if (size == sizeof(float) && type == map_uri(NULL, LV2_ATOM__Float)) {
        memcpy(&instance->controls[port_index(symbol)], value, size);
    }
}

static void save(Instance *instance, const char *folder) {
    LilvState *state = lilv_state_new_from_instance(plugin, instance->lilv, &urid_map, folder, folder, folder, folder,
                                                    get_value, instance, LV2_STATE_IS_POD, features);
    if (!state || lilv_state_save(world, &urid_map, &urid_unmap, state, NULL, folder, "state.ttl") != 0) {
        fail("cannot save", folder);
    }
    lilv_state_free(state);
}

static void load(Instance *instance, const char *folder) {
    char path[600];
    snprintf(path, sizeof path, "%s/state.ttl", folder);
    LilvState *state = lilv_state_new_from_file(world, &urid_map, NULL, path);
    if (!state) fail("cannot load", path);
    lilv_state_restore(state, instance->lilv, set_value, instance, 0, features);
    lilv_state_free(state);
}

static void handle(const Event *event) {
    for (size_t i = 0; i < settings.instances; i++) {
        Instance *instance = &instances[i];
        if (strcmp(event->name, "set") == 0) instance->controls[port_index(event->argument)] = (float)event->value;
        else if (strcmp(event->name, "model") == 0) write_message(instance, LV2_PATCH__Set, event->argument);
        else if (strcmp(event->name, "get") == 0) write_message(instance, LV2_PATCH__Get, NULL);
        else if (strcmp(event->name, "save") == 0) save(instance, event->argument);
        else if (strcmp(event->name, "load") == 0) load(instance, event->argument);
        else if (strcmp(event->name, "restart") == 0) {
            lilv_instance_deactivate(instance->lilv);
            lilv_instance_activate(instance->lilv);
        } else if (strcmp(event->name, "delay") == 0) count_delay_steps(atoi(event->argument));
        else fail("unknown event", event->name);
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, const double *times, size_t count) {
    double *sorted = malloc((count + 1) * sizeof *sorted);
    if (count) memcpy(sorted, times, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    printf("\"%s\": ", name);
    if (count) {
        printf("{\"count\": %zu, \"p50\": %.4f, \"p99\": %.4f, \"worst\": %.4f}, ", count, sorted[count / 2],
               sorted[count * 99 / 100], sorted[count - 1]);
    } else {
        printf("null, ");
    }
    free(sorted);
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* Returns how late it is then, ms. */
static double wait_until(double time_ms) {
    struct timespec until = {(time_t)(time_ms / 1e3), (long)(1e6 * fmod(time_ms, 1e3))};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return now_ms() - time_ms;
}

static void write_outputs(size_t frames) {
    for (size_t i = 0; i < settings.instances; i++) {
        char path[1024];
        snprintf(path, sizeof path, i ? "%s.%zu" : "%s", settings.out, i);
        FILE *file = fopen(path, "wb");
        if (!file) fail("cannot write", path);
        for (size_t k = 0; k < frames; k++) {
            float frame[NUM_OUT];
            for (size_t c = 0; c < NUM_OUT; c++) frame[c] = instances[i].out[c][k];
            fwrite(frame, sizeof frame, 1, file);
        }
        fclose(file);
    }
}

int main(int count, char **arguments) {
    static float left[MAX_BLOCK], right[MAX_BLOCK];
    read_settings(count, arguments);
    size_t frames, num_events = 0;
    float *input = read_input(&frames);
    Event *events = settings.events ? events_read(settings.events, &num_events) : NULL;
    open_plugin();
    make_features();
    lv2_atom_forge_init(&forge, &urid_map);
    for (size_t i = 0; i < settings.instances; i++) open_instance(&instances[i], frames);
    uint32_t latency_port = port_index("latency"), underruns_port = port_index("underruns");
    double *times = malloc((frames / settings.min_block + num_events + 1) * settings.instances * sizeof *times);
    double *late = malloc((frames / settings.min_block + num_events + 1) * sizeof *late);
    size_t num_times = 0, num_late = 0, next_event = 0, changes = 0, xruns = 0;
    Calls calls = {0};
    bool system_calls = count_system_calls();
    if (settings.realtime) sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 50});
    srand((unsigned int)settings.seed);
    double start = now_ms();
    float latency = -1;
    for (size_t place = 0; place < frames;) {
        size_t block = settings.min_block + (size_t)rand() % (settings.max_block - settings.min_block + 1);
        if (block > frames - place) block = frames - place;
        for (size_t i = 0; i < settings.instances; i++) empty_messages(&instances[i]);
        while (next_event < num_events && events[next_event].frame <= place) handle(&events[next_event++]);
        /* A block ends where something happens. */
        if (next_event < num_events && events[next_event].frame - place < block) {
            block = events[next_event].frame - place;
        }
        if (settings.realtime) {
            double late_ms = wait_until(start + 1e3 * (double)(place + block) / (double)settings.rate);
            late[num_late++] = late_ms;
            /* By then a sound card would have nothing left, and its driver begins anew. */
            if (late_ms > CARD_BLOCKS * 1e3 * (double)block / (double)settings.rate) {
                xruns++;
                start += late_ms;
            }
        }
        for (size_t i = 0; i < settings.instances; i++) {
            Instance *instance = &instances[i];
            for (size_t k = 0; k < block; k++) {
                left[k] = input[NUM_IN * (place + k)];
                right[k] = input[NUM_IN * (place + k) + 1];
            }
            lilv_instance_connect_port(instance->lilv, 0, left);
            lilv_instance_connect_port(instance->lilv, 1, right);
            for (uint32_t c = 0; c < NUM_OUT; c++) {
                lilv_instance_connect_port(instance->lilv, NUM_IN + c, instance->out[c] + place);
            }
            double before = now_ms();
            count_begin();
            lilv_instance_run(instance->lilv, (uint32_t)block);
            count_end(&calls);
            times[num_times++] = 1e3 * (now_ms() - before);
            read_messages(instance);
        }
        changes += instances[0].controls[latency_port] != latency;
        latency = instances[0].controls[latency_port];
        place += block;
    }
    double underruns = 0;
    printf("{\"latency\": %.0f, \"latency_changes\": %zu, ", (double)latency, changes - 1);
    printf("\"model\": \"%s\", \"answers\": %d, ", instances[0].model, instances[0].answers);
    for (size_t i = 0; i < settings.instances; i++) {
        underruns += (double)instances[i].controls[underruns_port];
        lilv_instance_deactivate(instances[i].lilv);
        lilv_instance_free(instances[i].lilv);
    }
    print_times("run_us", times, num_times);
    print_times("late_ms", late, num_late);
    const double *steps;
    size_t num_steps = count_step_times(&steps);
    print_times("step_ms", steps, num_steps);
    printf("\"underruns\": %.0f, \"xruns\": %zu, \"memory\": %lu, ", underruns, xruns, calls.memory);
    printf("\"locks\": %lu, \"system_calls\": ", calls.locks);
    if (system_calls) printf("%lu}\n", calls.system_calls);
    else printf("null}\n");
    write_outputs(frames);
    for (size_t i = 0; i < settings.instances; i++) {
        for (size_t c = 0; c < NUM_OUT; c++) free(instances[i].out[c]);
    }
    for (uint32_t i = 0; i < num_uris; i++) free(uris[i]);
    lilv_world_free(world);
    free(times);
    free(late);
    free(events);
    free(input);
    return 0;
}
