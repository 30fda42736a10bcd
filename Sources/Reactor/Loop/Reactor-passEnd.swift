import CPlatform

/// What wants to act once at the end of the pass that runs now, or of its stretch if the pass takes long: the flush of batched sends.
package protocol PassEndTarget: AnyObject {
    func passEnded()
}

extension Reactor {
    /// Calls `body` at the end of every pass.
    package func atEndOfEveryPass(_ body: @escaping () -> Void) { passEndHooks.append(body) }

    /// Calls `target` once at the end of the pass that runs now. Allocates nothing once the list has grown.
    @inline(__always)
    package func atEndOfPass(_ target: any PassEndTarget) { passEndTargets.append(target) }

    func endPass() {
        for hook in passEndHooks { hook() }
        callPassEndTargets()
    }

    /// Between two pieces of work, outside of a session: once the pass has run for `stretchNanosecondsMax`, what gathered for its end
    /// is called now, and the clock and the figures move on. Costs one clock read.
    ///
    /// - Returns: whether a stretch ended.
    @discardableResult
    package func endStretchIfLong() -> Bool {
        let now = Int64(cplatform_monotonic_nanoseconds())
        guard now - nowNanoseconds >= Reactor.stretchNanosecondsMax else { return false }
        settle(&nowNanoseconds, until: now, into: figures.busy)
        nowMilliseconds = Int(nowNanoseconds / 1_000_000)
        callPassEndTargets()
        return true
    }

    /// A target may enlist again while it flushes; it is called at the end of the next pass or stretch then. The next pass does not
    /// wait.
    private func callPassEndTargets() {
        swap(&passEndTargets, &passEndTargetsInUse)
        var index = 0
        while index < passEndTargetsInUse.count {
            passEndTargetsInUse[index].passEnded()
            index += 1
        }
        passEndTargetsInUse.removeAll(keepingCapacity: true)
    }
}
