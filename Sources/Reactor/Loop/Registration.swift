/// A descriptor in a reactor's epoll set. Confined to the reactor's thread.
package final class Registration {
    /// Who opens and ends the process sessions of this descriptor's dispatches.
    package enum Sessions: Sendable {
        /// The reactor: one session around each call of the handler.
        case perDispatch
        /// The handler: it handles several items in one call, each of which is a session of its own.
        case own
    }

    package let descriptor: Int32
    package private(set) var interest: Readiness
    let token: UInt64
    let sessions: Sessions
    private(set) var handler: (Readiness) -> Void
    private unowned let reactor: Reactor

    init(
        reactor: Reactor, descriptor: Int32, interest: Readiness, token: UInt64, sessions: Sessions,
        handler: @escaping (Readiness) -> Void
    ) {
        self.reactor = reactor
        self.descriptor = descriptor
        self.interest = interest
        self.token = token
        self.sessions = sessions
        self.handler = handler
    }

    package private(set) var isActive = true

    /// Changes what is waited for; nothing happens when it is the same or the registration was removed.
    package func modify(_ interest: Readiness) {
        guard interest != self.interest, isActive else { return }
        self.interest = interest
        reactor.modify(self)
    }

    /// Takes the descriptor out of the set; its handler is never called again. The caller closes the descriptor after.
    package func remove() {
        guard isActive else { return }
        letGo()
        reactor.remove(self)
    }

    /// Drops what the handler holds.
    func letGo() {
        isActive = false
        handler = { _ in }
    }
}
