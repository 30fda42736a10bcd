#ifndef SIPRAY_CALLOCATIONCOUNTER_H
#define SIPRAY_CALLOCATIONCOUNTER_H
// Counts calls of malloc and its kin, per thread, by taking their names in the test executable.
#include <stdbool.h>
#include <stdint.h>

/// Allocations made by the calling thread so far.
uint64_t callocationcounter_count(void);

/// Allocations made by all threads so far.
uint64_t callocationcounter_total(void);

/// False where a sanitizer needs the names for itself: nothing is counted then.
bool callocationcounter_works(void);
#endif
