import CAllocationCounter

/// Whether allocations can be counted: not under a sanitizer. For `.enabled(if:)` of tests that gate on counts.
public var canCountAllocations: Bool { callocationcounter_works() }

/// How many allocations `body` makes on this thread: calls of malloc, calloc, realloc and their aligned kin.
///
/// Counts are exact. The first run of code may allocate for metadata and caches, so run it once before counting.
public func allocations(_ body: () throws -> Void) rethrows -> Int {
    let before = callocationcounter_count()
    try body()
    return Int(callocationcounter_count() - before)
}

/// How many allocations this thread has made.
public var allocationsOfThread: Int { Int(callocationcounter_count()) }

/// How many allocations all threads have made. For programs that do one thing: others' are in it.
public var allocationsOfAllThreads: Int { Int(callocationcounter_total()) }
