#ifndef SIPRAY_CPLATFORM_SLICES_H
#define SIPRAY_CPLATFORM_SLICES_H
// Datagrams that lie one after another in one buffer, sent in one system call over a connected socket.
#include <stdint.h>

/// One datagram: its place in the buffer.
typedef struct sipray_slice {
    uint32_t start;
    uint32_t length;
} sipray_slice;

/// How many slices one call takes at most; more are left for the next.
#define SIPRAY_SLICES_MAX 64

/// Sends slices of `bytes` without waiting, up to SIPRAY_SLICES_MAX: the number that went. `error` gets the errno of the
/// one after them when none went, else 0.
uint32_t sipray_send_slices(int fd, const uint8_t *bytes, const sipray_slice *slices, uint32_t count, int *error);

#endif
