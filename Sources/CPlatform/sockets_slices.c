#define _GNU_SOURCE
#include "CPlatformSlices.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

uint32_t cplatform_send_slices(int fd, const uint8_t *bytes, const cplatform_slice *slices, uint32_t count, int *error) {
    struct mmsghdr headers[CPLATFORM_SLICES_MAX];
    struct iovec vectors[CPLATFORM_SLICES_MAX];
    if (count > CPLATFORM_SLICES_MAX) count = CPLATFORM_SLICES_MAX;
    memset(headers, 0, sizeof headers[0] * count);
    for (uint32_t i = 0; i < count; i++) {
        // sendmmsg only reads what the vectors point to.
        vectors[i].iov_base = (void *)(bytes + slices[i].start);
        vectors[i].iov_len = slices[i].length;
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    int sent;
    do {
        sent = sendmmsg(fd, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    *error = sent < 0 ? errno : 0;
    return sent < 0 ? 0 : (uint32_t)sent;
}
