#define _GNU_SOURCE
#include "count_calls.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <ucontext.h>

enum { MAX_STEPS = 1 << 20 };

static _Thread_local int counting;
static _Thread_local Calls counts;

/* Memory: glibc's functions under their other names. */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static void count_memory(void) { counts.memory += (unsigned long)counting; }

void *malloc(size_t size) { return count_memory(), __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return count_memory(), __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return count_memory(), __libc_realloc(memory, size); }
void free(void *memory) { count_memory(), __libc_free(memory); }
void *memalign(size_t alignment, size_t size) { return count_memory(), __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return count_memory(), __libc_memalign(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
    count_memory();
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}

/* Locks: the next library's. */

#define PASS_ON(name, type, argument)                                                  \
    int name(type *object) {                                                           \
        static int (*next)(type *);                                                    \
        if (!next) {                                                                   \
            void *found = dlsym(RTLD_NEXT, #name);                                     \
            memcpy(&next, &found, sizeof next);                                        \
        }                                                                              \
        counts.locks += (unsigned long)counting;                                       \
        return next(object);                                                           \
    }

PASS_ON(pthread_mutex_lock, pthread_mutex_t, )
PASS_ON(pthread_mutex_trylock, pthread_mutex_t, )
PASS_ON(pthread_cond_signal, pthread_cond_t, )
PASS_ON(pthread_cond_broadcast, pthread_cond_t, )
PASS_ON(sem_post, sem_t, )
PASS_ON(sem_wait, sem_t, )
PASS_ON(sem_trywait, sem_t, )

/* System calls: the kernel gives a signal in place of one, and then it is made after all. */

#if defined(__linux__) && defined(__x86_64__) && defined(PR_SET_SYSCALL_USER_DISPATCH)
static _Thread_local volatile char selector = SYSCALL_DISPATCH_FILTER_ALLOW;
static _Thread_local int dispatched;

static void on_system_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    selector = SYSCALL_DISPATCH_FILTER_ALLOW;
    counts.system_calls++;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    registers[REG_RAX] = info->si_syscall;
    registers[REG_RIP] -= 2; /* the instruction `syscall` */
}

int count_system_calls(void) {
    if (!dispatched) {
        struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = on_system_call};
        sigaction(SIGSYS, &action, NULL);
        dispatched = prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) == 0 ? 1 : -1;
    }
    return dispatched > 0;
}

static void select_system_calls(int on) {
    if (dispatched > 0) selector = on ? SYSCALL_DISPATCH_FILTER_BLOCK : SYSCALL_DISPATCH_FILTER_ALLOW;
}
#else
int count_system_calls(void) { return 0; }
static void select_system_calls(int on) { (void)on; }
#endif

void count_begin(void) {
    memset(&counts, 0, sizeof counts);
    counting = 1;
    select_system_calls(1);
}

void count_end(Calls *calls) {
    select_system_calls(0);
    counting = 0;
    calls->memory += counts.memory;
    calls->locks += counts.locks;
    calls->system_calls += counts.system_calls;
}

/* The network's steps. */

static atomic_int delay_ms;
static atomic_size_t num_steps;
static double step_times[MAX_STEPS];

void count_delay_steps(int milliseconds) { atomic_store(&delay_ms, milliseconds); }

size_t count_step_times(const double **times) {
    size_t count = atomic_load(&num_steps);
    *times = step_times;
    return count < MAX_STEPS ? count : MAX_STEPS;
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

typedef int RunModel(void *, size_t, size_t, void *, size_t, void *);
RunModel LiteRtRunCompiledModel;

int LiteRtRunCompiledModel(void *model, size_t signature, size_t num_inputs, void *inputs, size_t num_outputs,
                           void *outputs) {
    static _Atomic(RunModel *) next;
    RunModel *run = atomic_load(&next);
    if (!run) {
        void *library = dlopen("libLiteRt.so", RTLD_NOLOAD | RTLD_LAZY);
        void *found = library ? dlsym(library, "LiteRtRunCompiledModel") : NULL;
        if (!found) abort();
        memcpy(&run, &found, sizeof run);
        atomic_store(&next, run);
    }
    double start = now_ms();
    int status = run(model, signature, num_inputs, inputs, num_outputs, outputs);
    size_t step = atomic_fetch_add(&num_steps, 1);
    if (step < MAX_STEPS) step_times[step] = now_ms() - start;
    int wait = atomic_load(&delay_ms);
    if (wait > 0) nanosleep(&(struct timespec){wait / 1000, wait % 1000 * 1000000L}, NULL);
    return status;
}
