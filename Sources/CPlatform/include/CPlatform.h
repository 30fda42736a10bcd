#ifndef CPLATFORM_H
#define CPLATFORM_H
// The operating system and processor as plain C functions. One header per concern.
#include "CPlatformChildren.h"
#include "CPlatformClock.h"
#include "CPlatformFiles.h"
#include "CPlatformMemory.h"
#include "CPlatformSlices.h"
#include "CPlatformSignals.h"
#include "CPlatformSockets.h"
#endif
