// Creation of UDP sockets and their options.
#define _GNU_SOURCE
#include "sockets_address.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/ip.h>
#include <unistd.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

int cplatform_address_from_sockaddr(const void *sockaddr, cplatform_address *address) {
    const cplatform_sockaddr *from = sockaddr;
    memset(address, 0, sizeof *address);
    if (from->any.sa_family == AF_INET) {
        address->family = 4;
        address->port = ntohs(from->v4.sin_port);
        memcpy(address->bytes, &from->v4.sin_addr, 4);
        return 0;
    }
    if (from->any.sa_family == AF_INET6) {
        address->family = 6;
        address->port = ntohs(from->v6.sin6_port);
        address->scope = from->v6.sin6_scope_id;
        memcpy(address->bytes, &from->v6.sin6_addr, 16);
        return 0;
    }
    return -EAFNOSUPPORT;
}

static int set_int(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

int cplatform_udp_open(const cplatform_address *address, int reuse_port) {
    int family = address->family == 6 ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (fd < 0) return -errno;
    int error = 0;
    // An IPv6 listener never takes IPv4 traffic: the operator names each address that is listened on.
    if (family == AF_INET6) error = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (error == 0 && reuse_port) error = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    cplatform_sockaddr to;
    socklen_t length = cplatform_to_sockaddr(address, &to);
    if (error == 0 && bind(fd, &to.any, length) != 0) error = -errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    return fd;
}

int cplatform_socket_local_address(int fd, cplatform_address *address) {
    cplatform_sockaddr local;
    socklen_t length = sizeof local;
    if (getsockname(fd, &local.any, &length) != 0) return -errno;
    return cplatform_address_from_sockaddr(&local, address);
}

int cplatform_route_source(const cplatform_address *destination, cplatform_address *source) {
    int fd = socket(destination->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0) return -errno;
    cplatform_sockaddr to;
    socklen_t length = cplatform_to_sockaddr(destination, &to);
    // Connecting a UDP socket looks the route up and takes its source address.
    int error = connect(fd, &to.any, length) == 0 ? cplatform_socket_local_address(fd, source) : -errno;
    close(fd);
    return error;
}

static int set_buffer(int fd, int forced, int plain, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0 &&
        setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes) != 0)
        return -errno;
    int granted = 0;
    socklen_t length = sizeof granted;
    if (getsockopt(fd, SOL_SOCKET, plain, &granted, &length) != 0) return -errno;
    return granted / 2;  // the kernel reports twice what it was asked for, its own bookkeeping included
}

int cplatform_socket_set_receive_buffer(int fd, int bytes) { return set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes); }

int cplatform_socket_set_send_buffer(int fd, int bytes) { return set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, bytes); }

int cplatform_socket_enable_ancillary(int fd, int ipv6) {
    int error = set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    if (error == 0) error = set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (error == 0)
        error = ipv6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    return error;
}

int cplatform_socket_set_type_of_service(int fd, int ipv6, int tos) {
    return ipv6 ? set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, tos) : set_int(fd, IPPROTO_IP, IP_TOS, tos);
}

int64_t cplatform_socket_bytes_waiting(int fd) {
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof memory;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) != 0) return -errno;
    return memory[SK_MEMINFO_RMEM_ALLOC];
}
