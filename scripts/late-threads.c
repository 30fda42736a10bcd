// Makes threads late at random, wherever they call the system or give a lock back. Preloaded by hand (docs/testing.md).
//
// A thread that is taken off its processor between two steps lets the others see the first without the second; on a quiet
// machine that happens once in ten thousand times. LATE_THREADS=PERMILLE,MILLISECONDS: how many calls of a thousand are
// followed by a pause, and how long it is at most; one pause of twenty is five times as long.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static unsigned permille, milliseconds;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("LATE_THREADS");
    if (!text || sscanf(text, "%u,%u", &permille, &milliseconds) != 2) permille = 0;
}

static uint32_t chance(void) {
    static _Thread_local uint64_t state;
    if (!state) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        state = (uint64_t)now.tv_nsec * 2654435761u ^ (uint64_t)(uintptr_t)&state ^ (uint64_t)getpid() << 32;
        state |= 1;
    }
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static void pause_sometimes(void) {
    if (!permille || chance() % 1000 >= permille) return;
    int saved = errno;
    uint64_t nanoseconds = (uint64_t)chance() % (milliseconds * 1000000ull + 1) * (chance() % 20 ? 1 : 5);
    struct timespec left = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {}
    errno = saved;
}

#define LATE(type, name, parameters, arguments)                                     \
    type name parameters {                                                          \
        static type(*real) parameters;                                              \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);              \
        type result = real arguments;                                               \
        pause_sometimes();                                                          \
        return result;                                                              \
    }

LATE(ssize_t, sendto, (int f, const void *b, size_t n, int o, const struct sockaddr *a, socklen_t l), (f, b, n, o, a, l))
LATE(ssize_t, send, (int f, const void *b, size_t n, int o), (f, b, n, o))
LATE(ssize_t, sendmsg, (int f, const struct msghdr *m, int o), (f, m, o))
LATE(int, sendmmsg, (int f, struct mmsghdr *m, unsigned n, int o), (f, m, n, o))
LATE(ssize_t, recvfrom, (int f, void *b, size_t n, int o, struct sockaddr *a, socklen_t *l), (f, b, n, o, a, l))
LATE(ssize_t, recv, (int f, void *b, size_t n, int o), (f, b, n, o))
LATE(ssize_t, recvmsg, (int f, struct msghdr *m, int o), (f, m, o))
LATE(int, recvmmsg, (int f, struct mmsghdr *m, unsigned n, int o, struct timespec *t), (f, m, n, o, t))
LATE(ssize_t, write, (int f, const void *b, size_t n), (f, b, n))
LATE(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n))
LATE(ssize_t, read, (int f, void *b, size_t n), (f, b, n))
LATE(int, epoll_wait, (int f, struct epoll_event *e, int n, int t), (f, e, n, t))
LATE(int, poll, (struct pollfd *f, nfds_t n, int t), (f, n, t))
LATE(int, connect, (int f, const struct sockaddr *a, socklen_t l), (f, a, l))
LATE(int, accept4, (int f, struct sockaddr *a, socklen_t *l, int o), (f, a, l, o))
LATE(int, pthread_mutex_unlock, (pthread_mutex_t *m), (m))
LATE(int, pthread_cond_signal, (pthread_cond_t *c), (c))
