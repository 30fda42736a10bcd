import Glibc

/// Lets other threads run for a moment, inside a wait for a condition.
func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }
