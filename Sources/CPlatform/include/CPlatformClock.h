#ifndef SIPRAY_CPLATFORM_CLOCK_H
#define SIPRAY_CPLATFORM_CLOCK_H
// Tick counter and thread identity.
#endif
