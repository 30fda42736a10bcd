#ifndef SIPRAY_SOCKETS_ADDRESS_H
#define SIPRAY_SOCKETS_ADDRESS_H
// Private to CPlatform: conversion between cplatform_address and the kernel's sockaddr.
#include "CPlatformSockets.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef union cplatform_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} cplatform_sockaddr;

static inline socklen_t cplatform_to_sockaddr(const cplatform_address *address, cplatform_sockaddr *out) {
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
