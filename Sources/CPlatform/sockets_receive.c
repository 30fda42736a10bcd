// recvmmsg with the kernel's receive time and drop count. One system call per batch, no allocation after creation.
#define _GNU_SOURCE
#include "sockets_address.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define CONTROL_BYTES 128

struct cplatform_receiver {
    uint32_t batch;
    uint32_t bytes_each;
    uint8_t *bytes; // batch * bytes_each, mapped: untouched pages cost nothing
    struct mmsghdr *messages;
    struct iovec *vectors;
    cplatform_sockaddr *sources;
    uint8_t (*controls)[CONTROL_BYTES];
    cplatform_datagram *datagrams;
};

cplatform_receiver *cplatform_receiver_create(uint32_t batch, uint32_t bytes_each) {
    cplatform_receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver) return NULL;
    receiver->batch = batch;
    receiver->bytes_each = bytes_each;
    void *map = mmap(NULL, (size_t)batch * bytes_each, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    receiver->bytes = map == MAP_FAILED ? NULL : map;
    receiver->messages = calloc(batch, sizeof *receiver->messages);
    receiver->vectors = calloc(batch, sizeof *receiver->vectors);
    receiver->sources = calloc(batch, sizeof *receiver->sources);
    receiver->controls = calloc(batch, CONTROL_BYTES);
    receiver->datagrams = calloc(batch, sizeof *receiver->datagrams);
    if (!receiver->bytes || !receiver->messages || !receiver->vectors || !receiver->sources || !receiver->controls ||
        !receiver->datagrams) {
        cplatform_receiver_destroy(receiver);
        return NULL;
    }
    for (uint32_t i = 0; i < batch; i++) {
        receiver->vectors[i].iov_base = receiver->bytes + (size_t)i * bytes_each;
        receiver->vectors[i].iov_len = bytes_each;
        struct msghdr *header = &receiver->messages[i].msg_hdr;
        header->msg_name = &receiver->sources[i];
        header->msg_iov = &receiver->vectors[i];
        header->msg_iovlen = 1;
        header->msg_control = receiver->controls[i];
        header->msg_namelen = sizeof receiver->sources[i];
        header->msg_controllen = CONTROL_BYTES;
    }
    return receiver;
}

void cplatform_receiver_destroy(cplatform_receiver *receiver) {
    if (!receiver) return;
    if (receiver->bytes) munmap(receiver->bytes, (size_t)receiver->batch * receiver->bytes_each);
    free(receiver->messages);
    free(receiver->vectors);
    free(receiver->sources);
    free(receiver->controls);
    free(receiver->datagrams);
    free(receiver);
}

static void read_control(struct msghdr *header, cplatform_datagram *datagram) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(c), sizeof time);
            datagram->kernel_nanoseconds = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&datagram->drops, CMSG_DATA(c), sizeof datagram->drops);
            datagram->has_drops = 1;
        }
    }
}

int cplatform_receiver_receive(cplatform_receiver *receiver, int fd) {
    int count = recvmmsg(fd, receiver->messages, receiver->batch, MSG_DONTWAIT, NULL);
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &receiver->messages[i].msg_hdr;
        cplatform_datagram *datagram = &receiver->datagrams[i];
        memset(datagram, 0, sizeof *datagram);
        datagram->bytes = receiver->vectors[i].iov_base;
        datagram->length = receiver->messages[i].msg_len;
        datagram->truncated = (header->msg_flags & MSG_TRUNC) != 0;
        cplatform_address_from_sockaddr(&receiver->sources[i], &datagram->source);
        read_control(header, datagram);
        // The kernel has shortened both lengths; the next batch needs the whole room again.
        header->msg_namelen = sizeof receiver->sources[i];
        header->msg_controllen = CONTROL_BYTES;
    }
    return count;
}

const cplatform_datagram *cplatform_receiver_datagram(const cplatform_receiver *receiver, uint32_t index) {
    return &receiver->datagrams[index];
}

int cplatform_socket_next_failure(int fd, void *buffer, uint32_t capacity, cplatform_send_failure *failure) {
    cplatform_sockaddr destination;
    uint8_t control[512];
    struct iovec vector = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr header = {
        .msg_name = &destination,
        .msg_namelen = sizeof destination,
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    memset(failure, 0, sizeof *failure);
    ssize_t length = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    failure->length = (uint32_t)length;
    if (header.msg_namelen > 0) cplatform_address_from_sockaddr(&destination, &failure->destination);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        int is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
        if (!is_error) continue;
        struct sock_extended_err reason;
        memcpy(&reason, CMSG_DATA(c), sizeof reason);
        failure->error = (int)reason.ee_errno;
    }
    return 1;
}
