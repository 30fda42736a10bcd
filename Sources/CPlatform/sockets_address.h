#ifndef SIPRAY_SOCKETS_ADDRESS_H
#define SIPRAY_SOCKETS_ADDRESS_H
// Private to CPlatform: conversion between sipray_address and the kernel's sockaddr.
#include "CPlatformSockets.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef union sipray_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} sipray_sockaddr;

static inline socklen_t sipray_to_sockaddr(const sipray_address *address, sipray_sockaddr *out) {
    memset(out, 0, sizeof *out);
    if (address->family == 6) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(address->port);
        out->v6.sin6_scope_id = address->scope;
        memcpy(&out->v6.sin6_addr, address->bytes, 16);
        return sizeof out->v6;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(address->port);
    memcpy(&out->v4.sin_addr, address->bytes, 4);
    return sizeof out->v4;
}

#endif
