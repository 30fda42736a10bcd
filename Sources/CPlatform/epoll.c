// epoll, eventfd, clocks and the name of a thread.
#define _GNU_SOURCE
#include "CPlatformSockets.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define READY_MAX 128

static uint32_t to_kernel(uint32_t events) {
    return (events & CPLATFORM_READABLE ? EPOLLIN | EPOLLRDHUP : 0) | (events & CPLATFORM_WRITABLE ? EPOLLOUT : 0);
}

static uint32_t from_kernel(uint32_t events) {
    return (events & EPOLLIN ? CPLATFORM_READABLE : 0) | (events & EPOLLOUT ? CPLATFORM_WRITABLE : 0) |
           (events & EPOLLERR ? CPLATFORM_FAILED : 0) | (events & (EPOLLHUP | EPOLLRDHUP) ? CPLATFORM_HANGUP : 0);
}

int cplatform_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = to_kernel(events), .data.u64 = token};
    return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

int cplatform_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int cplatform_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int cplatform_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int cplatform_epoll_wait(int epoll, cplatform_ready *ready, int capacity, int milliseconds) {
    struct epoll_event events[READY_MAX];
    int count = epoll_wait(epoll, events, capacity < READY_MAX ? capacity : READY_MAX, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        ready[i].token = events[i].data.u64;
        ready[i].events = from_kernel(events[i].events);
    }
    return count;
}

int cplatform_eventfd_create(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void cplatform_eventfd_signal(int fd) {
    uint64_t one = 1;
    // A full counter (EAGAIN) is a pending wake already; nothing is lost.
    ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

void cplatform_eventfd_clear(int fd) {
    uint64_t value;
    ssize_t count = read(fd, &value, sizeof value);
    (void)count;
}

static int64_t read_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t cplatform_thread_cpu_nanoseconds(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

int32_t cplatform_thread_introduce(const char *name) {
    char shortened[16] = {0};
    for (int i = 0; i < 15 && name[i]; i++) shortened[i] = name[i];
    pthread_setname_np(pthread_self(), shortened);
    return (int32_t)syscall(SYS_gettid);
}

char *cplatform_error_message(int code, char *buffer, size_t capacity) { return strerror_r(code, buffer, capacity); }
