/// A level that somebody wants a process to have at least, for a time: of a live view, of tracing. Several may hold the same
/// process, each another level; the highest is in force. Whoever sets a level ends them.
package struct LevelHold: Sendable, Hashable {
    /// Who holds it: of one holder each process has one hold.
    package var holder: String
    package var level: Level
    /// Monotonic, on the profiler's clock; nil: until it is let go.
    package var endsAtNanoseconds: UInt64?

    /// Holders of one process at a time; one more is refused.
    package static let countMax = 64
}

/// How much a process says: what was set, and what is held.
struct HeldLevel: Sendable, Hashable {
    private(set) var own: Level
    private(set) var holds: [LevelHold] = []

    init(_ own: Level) { self.own = own }

    /// What is in force.
    var level: Level { holds.reduce(own) { $0.rawValue < $1.level.rawValue ? $1.level : $0 } }

    /// From now on it is that, whatever was held.
    mutating func set(_ level: Level) {
        own = level
        holds = []
    }

    /// Holds anew or for longer. False: there are too many.
    mutating func hold(_ hold: LevelHold) -> Bool {
        if let index = holds.firstIndex(where: { $0.holder == hold.holder }) {
            holds[index] = hold
            return true
        }
        guard holds.count < LevelHold.countMax else { return false }
        holds.append(hold)
        return true
    }

    /// Ends those of a holder.
    mutating func release(_ holder: String) { holds.removeAll { $0.holder == holder } }

    /// Ends those whose time is over. Whether there was one.
    mutating func endOverdue(at now: UInt64) -> Bool {
        let before = holds.count
        holds.removeAll { $0.endsAtNanoseconds.map { $0 <= now } ?? false }
        return holds.count != before
    }
}
