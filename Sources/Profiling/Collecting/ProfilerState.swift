/// Who is there and what they want; guarded by the profiler's monitor.
struct ProfilerState {
    /// By id.
    var processes: [ProcessEntry] = []
    /// Processes that were taken away and whose rest the collector has not read.
    var leaving: [ProcessEntry] = []
    /// Where the ring of the next process begins that gets an id that was in use.
    var ringStarts: [Int: UInt64] = [:]
    var consumers: [Consumer] = []
    /// What the flight recorder keeps while no consumer wants it.
    var recorderInterest: Interest = []
    /// Counts attachments: a consumer gets sessions first seen in its generation or later.
    var generation: UInt64 = 0
    var thread: Thread?
    var isStopping = false
    /// The collector's thread sleeps until it is woken.
    var isAsleep = false

    /// The lowest id that is free.
    var freeID: Int {
        var id = 0
        for process in processes where process.id == id { id += 1 }
        return id
    }

    /// Everything that somebody wants.
    var wants: Interest { consumers.reduce(recorderInterest) { $0.union($1.interest) } }

    /// Whether there is a consumer, and a process that records or will.
    var isListenedTo: Bool { !consumers.isEmpty && processes.contains { $0.isListenedTo } }

    func index(of id: Int) -> Int? { processes.firstIndex { $0.id == id } }

    /// When the first of all holds ends that do by themselves.
    var holdEnd: UInt64? { processes.lazy.flatMap(\.held.holds).compactMap(\.endsAtNanoseconds).min() }

    /// Ends the holds whose time is over. Whether there was one.
    mutating func endOverdueHolds(at now: UInt64) -> Bool {
        var hasEnded = false
        for index in processes.indices where processes[index].held.endOverdue(at: now) { hasEnded = true }
        return hasEnded
    }

    mutating func insert(_ entry: ProcessEntry) {
        processes.insert(entry, at: processes.firstIndex { $0.id > entry.id } ?? processes.count)
        entry.apply(wants)
    }
}
