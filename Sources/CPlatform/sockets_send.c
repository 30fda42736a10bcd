// sendmmsg from an arena: a pass of the reactor pushes its datagrams, its end sends them in one system call.
#define _GNU_SOURCE
#include "sockets_address.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

struct cplatform_sender {
    uint32_t slots;
    uint32_t arena_bytes;
    uint32_t head; // first that waits
    uint32_t tail; // one after the last
    uint32_t used; // bytes of the arena
    uint8_t *arena;
    struct mmsghdr *messages;
    struct iovec *vectors;
    cplatform_sockaddr *destinations;
};

cplatform_sender *cplatform_sender_create(uint32_t slots, uint32_t arena_bytes) {
    cplatform_sender *sender = calloc(1, sizeof *sender);
    if (!sender) return NULL;
    sender->slots = slots;
    sender->arena_bytes = arena_bytes;
    void *map = mmap(NULL, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sender->arena = map == MAP_FAILED ? NULL : map;
    sender->messages = calloc(slots, sizeof *sender->messages);
    sender->vectors = calloc(slots, sizeof *sender->vectors);
    sender->destinations = calloc(slots, sizeof *sender->destinations);
    if (!sender->arena || !sender->messages || !sender->vectors || !sender->destinations) {
        cplatform_sender_destroy(sender);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++) {
        struct msghdr *header = &sender->messages[i].msg_hdr;
        header->msg_name = &sender->destinations[i];
        header->msg_iov = &sender->vectors[i];
        header->msg_iovlen = 1;
    }
    return sender;
}

void cplatform_sender_destroy(cplatform_sender *sender) {
    if (!sender) return;
    if (sender->arena) munmap(sender->arena, sender->arena_bytes);
    free(sender->messages);
    free(sender->vectors);
    free(sender->destinations);
    free(sender);
}

/// Moves what waits to the start of slots and arena. Only after a socket was full.
static void compact(cplatform_sender *sender) {
    uint32_t used = 0;
    for (uint32_t from = sender->head, to = 0; from < sender->tail; from++, to++) {
        size_t length = sender->vectors[from].iov_len;
        memmove(sender->arena + used, sender->vectors[from].iov_base, length);
        sender->vectors[to].iov_base = sender->arena + used;
        sender->vectors[to].iov_len = length;
        sender->destinations[to] = sender->destinations[from];
        sender->messages[to].msg_hdr.msg_namelen = sender->messages[from].msg_hdr.msg_namelen;
        used += (uint32_t)length;
    }
    sender->tail -= sender->head;
    sender->head = 0;
    sender->used = used;
}

int cplatform_sender_push(cplatform_sender *sender, const void *bytes, uint32_t length, const cplatform_address *destination) {
    if (sender->head > 0 && (sender->tail == sender->slots || length > sender->arena_bytes - sender->used))
        compact(sender);
    if (sender->tail == sender->slots || length > sender->arena_bytes - sender->used) return -ENOBUFS;
    uint32_t slot = sender->tail++;
    sender->vectors[slot].iov_base = sender->arena + sender->used;
    sender->vectors[slot].iov_len = length;
    memcpy(sender->arena + sender->used, bytes, length);
    sender->used += length;
    sender->messages[slot].msg_hdr.msg_namelen = cplatform_to_sockaddr(destination, &sender->destinations[slot]);
    return 0;
}

uint32_t cplatform_sender_count(const cplatform_sender *sender) { return sender->tail - sender->head; }

static void rewind_if_empty(cplatform_sender *sender) {
    if (sender->head != sender->tail) return;
    sender->head = sender->tail = 0;
    sender->used = 0;
}

uint32_t cplatform_sender_flush(cplatform_sender *sender, int fd, int *error) {
    uint32_t sent = 0;
    *error = 0;
    while (sender->head < sender->tail) {
        int count = sendmmsg(fd, sender->messages + sender->head, sender->tail - sender->head, MSG_DONTWAIT);
        if (count < 0) {
            if (errno == EINTR) continue;
            *error = errno == EWOULDBLOCK ? EAGAIN : errno;
            break;
        }
        sender->head += (uint32_t)count;
        sent += (uint32_t)count;
    }
    rewind_if_empty(sender);
    return sent;
}

const uint8_t *cplatform_sender_front(const cplatform_sender *sender, uint32_t *length, cplatform_address *destination) {
    *length = (uint32_t)sender->vectors[sender->head].iov_len;
    cplatform_address_from_sockaddr(&sender->destinations[sender->head], destination);
    return sender->vectors[sender->head].iov_base;
}

void cplatform_sender_drop_front(cplatform_sender *sender) {
    if (sender->head < sender->tail) sender->head++;
    rewind_if_empty(sender);
}
