#define _GNU_SOURCE
#include "CPlatformClock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool cplatform_counter_is_clock(void) {
    char name[32] = {0};
    int file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t count = read(file, name, sizeof name - 1);
    close(file);
    if (count <= 0) {
        return false;
    }
#if defined(__x86_64__)
    return strncmp(name, "tsc", 3) == 0;
#elif defined(__aarch64__)
    return strncmp(name, "arch_sys_counter", 16) == 0;
#else
    return false;
#endif
}

int32_t cplatform_thread_id(void) {
    return (int32_t)syscall(SYS_gettid);
}

static _Thread_local void *thread_object;

void *cplatform_thread_object(void) {
    return thread_object;
}

void cplatform_thread_set_object(void *object) {
    thread_object = object;
}

void cplatform_name_thread(const char *name) {
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    prctl(PR_SET_NAME, kept, 0, 0, 0);
}
