#ifndef CPLATFORM_MEMORY_H
#define CPLATFORM_MEMORY_H
// What the allocator has handed out.
#include <stddef.h>

/// Bytes that are in use: handed out and not given back, over all arenas and mappings. Takes each arena's lock for a moment.
size_t cplatform_allocated_bytes(void);

#endif
