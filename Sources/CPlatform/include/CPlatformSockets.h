#ifndef CPLATFORM_SOCKETS_H
#define CPLATFORM_SOCKETS_H
// recvmmsg, sendmmsg, socket options and epoll as plain C functions.
// A function that can fail answers with a negative errno; nothing here logs, retries forever or terminates.
#include <stddef.h>
#include <stdint.h>

/// An IPv4 (`bytes[0...3]`) or IPv6 address with its port in host order. `family` is 4, 6, or 0 for none.
typedef struct cplatform_address {
    uint8_t bytes[16];
    uint32_t scope;
    uint16_t port;
    uint8_t family;
    uint8_t reserved;
} cplatform_address;

/// Fills `address` from a `struct sockaddr`; 0, or -EAFNOSUPPORT for a family that is neither IPv4 nor IPv6.
int cplatform_address_from_sockaddr(const void *sockaddr, cplatform_address *address);

// Sockets. All are created close-on-exec and non-blocking.

/// A UDP socket bound to `address`; `reuse_port` joins a group of sockets that share it. Descriptor or -errno.
int cplatform_udp_open(const cplatform_address *address, int reuse_port);
/// The address that the kernel would send from to `destination`: its route's. Nothing is sent. 0 or -errno.
int cplatform_route_source(const cplatform_address *destination, cplatform_address *source);
/// The address that the socket is bound to (port 0 has become a real one).
int cplatform_socket_local_address(int fd, cplatform_address *address);
/// Asks for a receive buffer of `bytes`, past the system's limit where privilege allows; what the kernel granted.
int cplatform_socket_set_receive_buffer(int fd, int bytes);
/// The same for the send buffer.
int cplatform_socket_set_send_buffer(int fd, int bytes);
/// Kernel receive time, drop count and the queue of ICMP errors with each datagram.
int cplatform_socket_enable_ancillary(int fd, int ipv6);
/// Makes the kernel pick one of the `count` sockets of the SO_REUSEPORT group by a hash of the datagram's Call-ID; by one of
/// its addresses where none is found. The number of bytes that are searched for it, or -errno.
int cplatform_socket_spread_by_call(int fd, uint32_t count);
/// Sets the IPv4 type of service or the IPv6 traffic class.
int cplatform_socket_set_type_of_service(int fd, int ipv6, int tos);
/// Bytes that wait in the socket's receive queue. Any thread.
int64_t cplatform_socket_bytes_waiting(int fd);

// Receiving. One receiver belongs to one thread.

typedef struct cplatform_datagram {
    const uint8_t *bytes;       ///< Valid until the next call of `cplatform_receiver_receive`.
    uint32_t length;
    uint32_t drops;             ///< Datagrams the kernel has dropped on this socket so far; valid with `has_drops`.
    int64_t kernel_nanoseconds; ///< CLOCK_REALTIME at which the kernel took it, 0 if unknown.
    cplatform_address source;
    uint8_t truncated;
    uint8_t has_drops;
} cplatform_datagram;

typedef struct cplatform_receiver cplatform_receiver;
/// Buffers for `batch` datagrams of up to `bytes_each`; pages are touched only as far as datagrams reach. NULL: no memory.
cplatform_receiver *cplatform_receiver_create(uint32_t batch, uint32_t bytes_each);
void cplatform_receiver_destroy(cplatform_receiver *receiver);
/// One recvmmsg: the number of datagrams, 0 when there are none, or -errno.
int cplatform_receiver_receive(cplatform_receiver *receiver, int fd);
const cplatform_datagram *cplatform_receiver_datagram(const cplatform_receiver *receiver, uint32_t index);

// Sending. One sender belongs to one thread.

typedef struct cplatform_sender cplatform_sender;
/// An arena for `slots` datagrams of `arena_bytes` together. NULL: no memory.
cplatform_sender *cplatform_sender_create(uint32_t slots, uint32_t arena_bytes);
void cplatform_sender_destroy(cplatform_sender *sender);
/// Copies a datagram to the end of the batch: 0, or -ENOBUFS when slots or arena are full.
int cplatform_sender_push(cplatform_sender *sender, const void *bytes, uint32_t length, const cplatform_address *destination);
/// Datagrams that wait.
uint32_t cplatform_sender_count(const cplatform_sender *sender);
/// Sends from the front until all went or one failed: the number that went. `error` gets the errno of the one now in
/// front, or 0.
uint32_t cplatform_sender_flush(cplatform_sender *sender, int fd, int *error);
/// The datagram in front and its destination; only while `cplatform_sender_count` is not 0.
const uint8_t *cplatform_sender_front(const cplatform_sender *sender, uint32_t *length, cplatform_address *destination);
/// Forgets the datagram in front.
void cplatform_sender_drop_front(cplatform_sender *sender);

/// What the kernel says about a datagram that could not be delivered (ICMP, or a local refusal).
typedef struct cplatform_send_failure {
    cplatform_address destination;
    int error;
    uint32_t length; ///< Bytes of the datagram's start that came back, in the caller's buffer.
} cplatform_send_failure;
/// Takes one entry off the socket's error queue: 1, 0 when it is empty, or -errno.
int cplatform_socket_next_failure(int fd, void *buffer, uint32_t capacity, cplatform_send_failure *failure);

// epoll and eventfd.

#define CPLATFORM_READABLE 1u
#define CPLATFORM_WRITABLE 2u
#define CPLATFORM_FAILED 4u
#define CPLATFORM_HANGUP 8u

typedef struct cplatform_ready {
    uint64_t token;
    uint32_t events; ///< CPLATFORM_READABLE and others
} cplatform_ready;

int cplatform_epoll_create(void);
/// Level-triggered. `events` holds CPLATFORM_READABLE and CPLATFORM_WRITABLE.
int cplatform_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int cplatform_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int cplatform_epoll_remove(int epoll, int fd);
/// Waits at most `milliseconds` (-1: without end): the number of entries written to `ready`; EINTR counts as 0.
int cplatform_epoll_wait(int epoll, cplatform_ready *ready, int capacity, int milliseconds);

int cplatform_eventfd_create(void);
void cplatform_eventfd_signal(int fd);
void cplatform_eventfd_clear(int fd);

/// CPU time that the calling thread has used, in nanoseconds.
int64_t cplatform_thread_cpu_nanoseconds(void);
/// Names the calling thread for `top -H`: at most 15 bytes are kept. Returns the kernel's task id.
int32_t cplatform_thread_introduce(const char *name);
/// The text of an errno, in `buffer` or in static memory. Any thread.
char *cplatform_error_message(int code, char *buffer, size_t capacity);

#endif
