#ifndef SIPRAY_CPLATFORM_SOCKETS_H
#define SIPRAY_CPLATFORM_SOCKETS_H
// recvmmsg, sendmmsg and socket options.
#endif
