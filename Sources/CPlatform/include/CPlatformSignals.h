#ifndef CPLATFORM_SIGNALS_H
#define CPLATFORM_SIGNALS_H
// Signals that end a server, as a descriptor.

/// Blocks SIGTERM, SIGINT and SIGHUP for the calling thread, and so for threads it makes, and returns a non-blocking
/// signalfd that gets them. Descriptor or -errno.
int cplatform_signals_open(void);

/// The next signal that came: its number, 0 when there is none, or -errno. `is_kernels`: 1 when the kernel sent it by itself
/// (a terminal went away, Ctrl-C), not some program.
int cplatform_signals_next(int fd, int *is_kernels);
#endif
