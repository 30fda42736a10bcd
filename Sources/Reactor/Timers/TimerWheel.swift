/// A hierarchical timing wheel: six levels of 64 slots, one tick a millisecond, up to 2.1 years ahead.
///
/// ```
/// level 0   64 slots of 1 ms      a timer here fires when its slot comes
/// level 1   64 slots of 64 ms     a timer here moves down when its slot begins
/// …
/// level 5   64 slots of 12.4 days
/// ```
/// A timer stands on the level of the highest bit in which its due tick differs from the present one (Varghese and
/// Lauck, scheme 6). Arming and cancelling are O(1) and allocate nothing. A bit per slot says which slots hold
/// something, so the next expiry costs one count of trailing zeros a level. A timer is moved at most five times.
///
/// Lists are circular and intrusive. The wheel owns one reference to each armed timer (`passRetained`), which is why the
/// links may be unmanaged.
struct TimerWheel: ~Copyable {
    static let levels = 6
    static let slotsPerLevel = 64
    /// Ticks that fit; a longer delay is cut to this.
    static let span: UInt64 = 1 << 36
    private static let dueSlot = levels * slotsPerLevel

    /// Everything up to this tick has been moved to the list of due timers.
    private(set) var now: UInt64
    private(set) var armedCount = 0
    private var occupied = InlineArray<6, UInt64>(repeating: 0)
    private var heads: [Unmanaged<Timer>?]

    init(now: UInt64) {
        self.now = now
        heads = Array(repeating: nil, count: Self.dueSlot + 1)
    }

    deinit {
        for head in heads {
            guard let head else { continue }
            var timer = head
            repeat {
                let following = timer.takeUnretainedValue().next!  // lists are circular
                timer.takeUnretainedValue().slot = -1
                timer.release()
                timer = following
            } while timer.toOpaque() != head.toOpaque()
        }
    }

    /// Arms a timer for a tick; one that is not in the future becomes the next tick.
    mutating func arm(_ timer: Timer, due: UInt64) {
        if timer.slot >= 0 { remove(timer) } else { _ = Unmanaged.passRetained(timer) }
        timer.due = min(max(due, now + 1), now + Self.span - 1)
        armedCount += 1
        place(timer)
    }

    /// Disarms a timer; false when it was not armed.
    @discardableResult
    mutating func disarm(_ timer: Timer) -> Bool {
        guard timer.slot >= 0 else { return false }
        remove(timer)
        Unmanaged.passUnretained(timer).release()
        return true
    }

    /// True when timers wait in the list of due ones.
    var hasDue: Bool { heads[Self.dueSlot] != nil }

    /// The tick at which the wheel must be looked at next: an expiry, or the move of a slot. Nil when nothing is armed.
    func nextTick() -> UInt64? {
        if hasDue { return now }
        return nextSlot()?.tick
    }

    /// Moves everything that is due at `tick` to the list of due timers.
    mutating func advance(to tick: UInt64) {
        while let (level, slot, begins) = nextSlot(), begins <= tick {
            now = max(now, begins)
            let index = level * Self.slotsPerLevel + slot
            occupied[level] &= ~(1 << UInt64(slot))
            guard let head = heads[index] else { continue }
            heads[index] = nil
            var timer = head.takeUnretainedValue()
            while true {
                let following = timer.next!  // lists are circular
                if timer.due <= now { append(timer, to: Self.dueSlot) } else { place(timer) }
                guard following.toOpaque() != head.toOpaque() else { break }
                timer = following.takeUnretainedValue()
            }
        }
        now = max(now, tick)
    }

    /// Takes the first due timer; it is disarmed then.
    mutating func popDue() -> Timer? {
        guard let head = heads[Self.dueSlot] else { return nil }
        remove(head.takeUnretainedValue())
        return head.takeRetainedValue()
    }

    private mutating func place(_ timer: Timer) {
        let differing = (timer.due ^ now) | UInt64(Self.slotsPerLevel - 1)
        let level = min((63 - differing.leadingZeroBitCount) / 6, Self.levels - 1)
        let slot = Int(truncatingIfNeeded: timer.due >> UInt64(level * 6)) & (Self.slotsPerLevel - 1)
        occupied[level] |= 1 << UInt64(slot)
        append(timer, to: level * Self.slotsPerLevel + slot)
    }

    private func nextSlot() -> (level: Int, slot: Int, tick: UInt64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = UInt64(level * 6)
            let present = Int(truncatingIfNeeded: now >> shift) & (Self.slotsPerLevel - 1)
            let bits = occupied[level]
            // Slots ahead of the present one in this turn of the level; else in its next turn.
            let ahead = bits & (~0 << UInt64(present))
            let turn = (now >> (shift + 6)) << (shift + 6)
            if ahead != 0 {
                let slot = ahead.trailingZeroBitCount
                return (level, slot, turn + UInt64(slot) << shift)
            }
            let slot = bits.trailingZeroBitCount
            return (level, slot, turn + UInt64(Self.slotsPerLevel) << shift + UInt64(slot) << shift)
        }
        return nil
    }

    private mutating func append(_ timer: Timer, to index: Int) {
        let reference = Unmanaged.passUnretained(timer)
        timer.slot = Int32(truncatingIfNeeded: index)
        guard let head = heads[index] else {
            (timer.next, timer.previous) = (reference, reference)
            heads[index] = reference
            return
        }
        let first = head.takeUnretainedValue()
        let last = first.previous!  // lists are circular
        (timer.next, timer.previous) = (head, last)
        last.takeUnretainedValue().next = reference
        first.previous = reference
    }

    private mutating func remove(_ timer: Timer) {
        let index = Int(timer.slot)
        let reference = Unmanaged.passUnretained(timer).toOpaque()
        armedCount -= 1
        timer.slot = -1
        guard let next = timer.next, let previous = timer.previous, next.toOpaque() != reference else {
            heads[index] = nil
            if index < Self.dueSlot { occupied[index / 64] &= ~(1 << UInt64(index % 64)) }
            return
        }
        next.takeUnretainedValue().previous = previous
        previous.takeUnretainedValue().next = next
        if heads[index]?.toOpaque() == reference { heads[index] = next }
    }
}
