package import Profiling

/// What a pooled timer calls: an object that several timers may share, told apart by their token.
package protocol TimerTarget: AnyObject {
    /// On the reactor's thread. `token` is the one given at `Reactor.schedule`.
    func timerFired(token: UInt64)
}

/// A timer of one reactor: one-shot, reusable, cancelled in O(1).
///
/// Confined to the reactor's thread. Arming allocates nothing: the object is its own list node in the wheel, which
/// keeps it alive while it is armed. A timer never fires early, measured from the time at which the reactor's pass began.
package final class Timer {
    /// The timer job's name, seen at level 3.
    package let label: Site
    /// Nil before the first and after the last use: what a timer held is let go with it.
    private var body: (() -> Void)?
    private let keepsBody: Bool
    /// True once a one-shot timer has fired, or any was invalidated.
    private(set) var isSpent = false
    unowned let reactor: Reactor

    // The wheel's fields.
    var next: Unmanaged<Timer>?
    var previous: Unmanaged<Timer>?
    /// The tick (millisecond of the reactor's clock) at which it is due.
    var due: UInt64 = 0
    /// Index of the wheel's list that holds it, -1 when it is not armed.
    var slot: Int32 = -1

    // A pooled timer's fields.
    var target: (any TimerTarget)?
    var token: UInt64 = 0

    init(reactor: Reactor, label: Site, keepsBody: Bool, body: (() -> Void)?) {
        self.reactor = reactor
        self.label = label
        self.keepsBody = keepsBody
        self.body = body
    }

    package var isArmed: Bool { slot >= 0 }

    /// Arms it, or moves it when it is armed already. A cancelled or fired one-shot timer can't be armed again.
    package func arm(afterMilliseconds delay: Int) {
        precondition(!isSpent, "Timer.arm: a one-shot timer is armed again after it fired or was cancelled")
        reactor.arm(self, afterMilliseconds: delay)
    }

    /// Disarms it. A one-shot timer lets its body go, so that no cycle stays. Harmless when it is not armed.
    package func cancel() {
        reactor.disarm(self)
        if !keepsBody { letGo() }
    }

    /// Disarms it for good and lets the body go.
    package func invalidate() {
        reactor.disarm(self)
        letGo()
    }

    private func letGo() {
        isSpent = true
        body = nil
    }

    func fire() {
        if let target {
            let token = token
            reactor.recycle(self)
            target.timerFired(token: token)
            return
        }
        let body = body
        if !keepsBody { letGo() }
        body?()
    }
}
