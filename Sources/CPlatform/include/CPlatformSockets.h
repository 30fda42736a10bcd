#ifndef SIPRAY_CPLATFORM_SOCKETS_H
#define SIPRAY_CPLATFORM_SOCKETS_H
// recvmmsg, sendmmsg, socket options and epoll as plain C functions.
// A function that can fail answers with a negative errno; nothing here logs, retries forever or terminates.
#include <stddef.h>
#include <stdint.h>

/// An IPv4 (`bytes[0...3]`) or IPv6 address with its port in host order. `family` is 4, 6, or 0 for none.
typedef struct sipray_address {
    uint8_t bytes[16];
    uint32_t scope;
    uint16_t port;
    uint8_t family;
    uint8_t reserved;
} sipray_address;

/// Fills `address` from a `struct sockaddr`; 0, or -EAFNOSUPPORT for a family that is neither IPv4 nor IPv6.
int sipray_address_from_sockaddr(const void *sockaddr, sipray_address *address);

// Sockets. All are created close-on-exec and non-blocking.

/// A UDP socket bound to `address`; `reuse_port` joins a group of sockets that share it. Descriptor or -errno.
int sipray_udp_open(const sipray_address *address, int reuse_port);
/// The address that the socket is bound to (port 0 has become a real one).
int sipray_socket_local_address(int fd, sipray_address *address);
/// Asks for a receive buffer of `bytes`, past the system's limit where privilege allows; what the kernel granted.
int sipray_socket_set_receive_buffer(int fd, int bytes);
/// The same for the send buffer.
int sipray_socket_set_send_buffer(int fd, int bytes);
/// Kernel receive time, drop count and the queue of ICMP errors with each datagram.
int sipray_socket_enable_ancillary(int fd, int ipv6);
/// Makes the kernel pick one of `count` sockets of the SO_REUSEPORT group at random for every datagram.
int sipray_socket_spread_randomly(int fd, uint32_t count);
/// Sets the IPv4 type of service or the IPv6 traffic class.
int sipray_socket_set_type_of_service(int fd, int ipv6, int tos);
/// Bytes that wait in the socket's receive queue. Any thread.
int64_t sipray_socket_bytes_waiting(int fd);

// Receiving. One receiver belongs to one thread.

typedef struct sipray_datagram {
    const uint8_t *bytes;       ///< Valid until the next call of `sipray_receiver_receive`.
    uint32_t length;
    uint32_t drops;             ///< Datagrams the kernel has dropped on this socket so far; valid with `has_drops`.
    int64_t kernel_nanoseconds; ///< CLOCK_REALTIME at which the kernel took it, 0 if unknown.
    sipray_address source;
    uint8_t truncated;
    uint8_t has_drops;
} sipray_datagram;

typedef struct sipray_receiver sipray_receiver;
/// Buffers for `batch` datagrams of up to `bytes_each`; pages are touched only as far as datagrams reach. NULL: no memory.
sipray_receiver *sipray_receiver_create(uint32_t batch, uint32_t bytes_each);
void sipray_receiver_destroy(sipray_receiver *receiver);
/// One recvmmsg: the number of datagrams, 0 when there are none, or -errno.
int sipray_receiver_receive(sipray_receiver *receiver, int fd);
const sipray_datagram *sipray_receiver_datagram(const sipray_receiver *receiver, uint32_t index);

// Sending. One sender belongs to one thread.

typedef struct sipray_sender sipray_sender;
/// An arena for `slots` datagrams of `arena_bytes` together. NULL: no memory.
sipray_sender *sipray_sender_create(uint32_t slots, uint32_t arena_bytes);
void sipray_sender_destroy(sipray_sender *sender);
/// Copies a datagram to the end of the batch: 0, or -ENOBUFS when slots or arena are full.
int sipray_sender_push(sipray_sender *sender, const void *bytes, uint32_t length, const sipray_address *destination);
/// Datagrams that wait.
uint32_t sipray_sender_count(const sipray_sender *sender);
/// Sends from the front until all went or one failed: the number that went. `error` gets the errno of the one now in
/// front, or 0.
uint32_t sipray_sender_flush(sipray_sender *sender, int fd, int *error);
/// The datagram in front and its destination; only while `sipray_sender_count` is not 0.
const uint8_t *sipray_sender_front(const sipray_sender *sender, uint32_t *length, sipray_address *destination);
/// Forgets the datagram in front.
void sipray_sender_drop_front(sipray_sender *sender);

/// What the kernel says about a datagram that could not be delivered (ICMP, or a local refusal).
typedef struct sipray_send_failure {
    sipray_address destination;
    int error;
    uint32_t length; ///< Bytes of the datagram's start that came back, in the caller's buffer.
} sipray_send_failure;
/// Takes one entry off the socket's error queue: 1, 0 when it is empty, or -errno.
int sipray_socket_next_failure(int fd, void *buffer, uint32_t capacity, sipray_send_failure *failure);

// epoll and eventfd.

#define SIPRAY_READABLE 1u
#define SIPRAY_WRITABLE 2u
#define SIPRAY_FAILED 4u
#define SIPRAY_HANGUP 8u

typedef struct sipray_ready {
    uint64_t token;
    uint32_t events; ///< SIPRAY_READABLE and others
} sipray_ready;

int sipray_epoll_create(void);
/// Level-triggered. `events` holds SIPRAY_READABLE and SIPRAY_WRITABLE.
int sipray_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int sipray_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int sipray_epoll_remove(int epoll, int fd);
/// Waits at most `milliseconds` (-1: without end): the number of entries written to `ready`; EINTR counts as 0.
int sipray_epoll_wait(int epoll, sipray_ready *ready, int capacity, int milliseconds);

int sipray_eventfd_create(void);
void sipray_eventfd_signal(int fd);
void sipray_eventfd_clear(int fd);

/// CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds.
int64_t sipray_monotonic_nanoseconds(void);
int64_t sipray_realtime_nanoseconds(void);
/// CPU time that the calling thread has used, in nanoseconds.
int64_t sipray_thread_cpu_nanoseconds(void);
/// Names the calling thread for `top -H`: at most 15 bytes are kept. Returns the kernel's task id.
int32_t sipray_thread_introduce(const char *name);
/// The text of an errno, in `buffer` or in static memory. Any thread.
char *sipray_error_message(int code, char *buffer, size_t capacity);

#endif
