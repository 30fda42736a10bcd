/// Which session trees are sent, decided when they are over: the parameters `slow_us`, `keep_failed`, `keep_methods` and
/// `keep_every` of the module.
package struct TailRules: Sendable, Hashable {
    /// Trees at least that long are kept; 0: the rule is off.
    package var slowNanoseconds: Int64 = 0
    /// Trees are kept in which a route returned a negative status, or that handle a reply from 400 on other than a
    /// challenge (401, 407).
    package var keepsFailed = false
    /// Trees that handle one of these methods are kept; in upper case.
    package var methods: Set<String> = []
    /// Of the others every so-manieth is kept: 1 all, 0 none.
    package var every = 1

    package init() {}

    /// Whether there is anything to decide.
    package var isOff: Bool { every == 1 }
}

/// What the rules look at in a tree.
struct TreeFacts {
    var nanoseconds: Int64 = 0
    var hasFailed = false
    var methods: [String] = []
}

/// Applies the rules and remembers which traces were kept, so that what comes later of the same trace goes the same way.
struct TailSampler {
    let rules: TailRules
    private var others = 0
    private var recent: [TraceID: Bool] = [:]
    private var older: [TraceID: Bool] = [:]

    /// Traces remembered, twice this many at most.
    static let remembered = 16_384

    init(_ rules: TailRules) { self.rules = rules }

    mutating func keeps(_ trace: TraceID, _ facts: TreeFacts) -> Bool {
        if rules.isOff { return true }
        let isMarked = isMarked(facts)
        let known = recent[trace] ?? older[trace]
        if !isMarked, let known { return known }
        let isKept = isMarked || isNext()
        if recent.count >= TailSampler.remembered {
            older = recent
            recent.removeAll(keepingCapacity: true)
        }
        recent[trace] = isKept
        return isKept
    }

    private func isMarked(_ facts: TreeFacts) -> Bool {
        if rules.slowNanoseconds > 0, facts.nanoseconds >= rules.slowNanoseconds { return true }
        if rules.keepsFailed, facts.hasFailed { return true }
        return !rules.methods.isEmpty && facts.methods.contains { rules.methods.contains($0) }
    }

    private mutating func isNext() -> Bool {
        guard rules.every > 0 else { return false }
        others += 1
        guard others >= rules.every else { return false }
        others = 0
        return true
    }
}
