#ifndef CPLATFORM_SLICES_H
#define CPLATFORM_SLICES_H
// Datagrams that lie one after another in one buffer, sent in one system call over a connected socket.
#include <stdint.h>

/// One datagram: its place in the buffer.
typedef struct cplatform_slice {
    uint32_t start;
    uint32_t length;
} cplatform_slice;

/// How many slices one call takes at most; more are left for the next.
#define CPLATFORM_SLICES_MAX 64

/// Sends slices of `bytes` without waiting, up to CPLATFORM_SLICES_MAX: the number that went. `error` gets the errno of the
/// one after them when none went, else 0.
uint32_t cplatform_send_slices(int fd, const uint8_t *bytes, const cplatform_slice *slices, uint32_t count, int *error);

#endif
