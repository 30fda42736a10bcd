#define _GNU_SOURCE
#include "CPlatformSignals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int cplatform_signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    // Whoever started us with nohup wants it ignored; a blocked signal would be read all the same.
    struct sigaction present;
    if (sigaction(SIGHUP, NULL, &present) != 0 || present.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) return -error;
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cplatform_signals_next(int fd, int *is_kernels) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    *is_kernels = count == (ssize_t)sizeof info && info.ssi_code == SI_KERNEL;
    if (count == (ssize_t)sizeof info) return (int)info.ssi_signo;
    return count < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}
