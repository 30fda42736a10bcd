#ifndef CPLATFORM_FILES_H
#define CPLATFORM_FILES_H
// What descriptors are.
#include <stdint.h>

/// What a descriptor leads to: the file type bits of its mode (`S_IFREG`, `S_IFIFO`, …), 0 when it is not open.
uint32_t cplatform_descriptor_kind(int descriptor);

#endif
