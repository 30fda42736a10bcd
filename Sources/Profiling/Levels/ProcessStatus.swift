import Synchronization

/// A process as management lists it.
public struct ProcessStatus: Sendable, Hashable {
    /// Its index.
    public var id: Int
    /// `SIP receiver udp:127.0.0.1:5060`.
    public var description: String
    /// 1 UDP, 2 TCP, 3 timer, 4 other.
    public var type: Int
    /// How much its process producer says.
    public var level: Level
    /// Records written so far.
    public var written: UInt64
    /// Records overwritten before the collector came round.
    public var overrun: UInt64
    /// Records read whose session's beginning was lost.
    public var orphaned: UInt64
}

/// A process as the profiler keeps it.
struct ProcessEntry {
    let id: Int
    let description: String
    let type: Int
    var held: HeldLevel
    let probe: Probe
    let reader: ProcessReader

    var level: Level { held.level }

    /// Stores what the next pass shall record.
    func apply(_ wants: Interest) {
        let companions: Interest = [.annotations, .subjects]
        let wanted = wants.intersection(level.interest.union(companions).union(.script))
        // What only goes with records is nothing without them.
        probe.wanted.store(wanted.isSubset(of: companions) ? 0 : wanted.rawValue, ordering: .relaxed)
    }

    /// Whether it records now or will from its next pass on.
    var isListenedTo: Bool {
        probe.wanted.load(ordering: .relaxed) != 0 || probe.active.load(ordering: .relaxed) != 0
    }
}
