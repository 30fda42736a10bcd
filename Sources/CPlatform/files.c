#include "CPlatformFiles.h"

#include <sys/stat.h>

uint32_t cplatform_descriptor_kind(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? (uint32_t)(status.st_mode & S_IFMT) : 0;
}
