#include "CPlatformMemory.h"
#include <malloc.h>

size_t cplatform_allocated_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
