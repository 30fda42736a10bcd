#define _GNU_SOURCE
#include "CPlatformChildren.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int cplatform_pipe(int ends[2], int parent_reads) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    int mine = ends[parent_reads ? 0 : 1];
    if (fcntl(mine, F_SETFL, O_NONBLOCK) == 0) return 0;
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    return -error;
}

static int place(posix_spawn_file_actions_t *actions, int descriptor, int as) {
    if (descriptor >= 0) return posix_spawn_file_actions_adddup2(actions, descriptor, as);
    return posix_spawn_file_actions_addopen(actions, as, "/dev/null", as == 0 ? O_RDONLY : O_WRONLY, 0);
}

pid_t cplatform_spawn_shell(const char *command, char *const environment[], int input, int output, int error) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return -code;
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -code;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    pid_t pid = 0;
    if ((code = place(&actions, input, 0)) == 0 && (code = place(&actions, output, 1)) == 0 &&
        (code = place(&actions, error, 2)) == 0 &&
        (code = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0 &&
        (code = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (code = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
        (code = posix_spawnattr_setpgroup(&attributes, 0)) == 0 &&
        (code = posix_spawnattr_setflags(
             &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP)) == 0)
        code = posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? pid : -code;
}

int cplatform_child_descriptor(pid_t pid) {
    // pidfd_open (Linux 5.3) sets close-on-exec itself.
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int cplatform_child_status(pid_t pid) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno == ECHILD ? CPLATFORM_CHILD_LOST : -1;
    if (info.si_pid == 0) return -1;
    return info.si_code == CLD_EXITED ? info.si_status : 256 + info.si_status;
}

void cplatform_child_reap(pid_t pid) {
    while (waitpid(pid, NULL, WNOHANG) < 0 && errno == EINTR) {
    }
}

void cplatform_children_prepare(void) { signal(SIGCHLD, SIG_DFL); }
