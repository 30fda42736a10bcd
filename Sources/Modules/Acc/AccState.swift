import Bytes
import RouteRuntime
import Synchronization

/// Backends that records are written to.
struct AccBackends: OptionSet, Sendable {
    let rawValue: UInt8
    static let log = AccBackends(rawValue: 1)
    static let event = AccBackends(rawValue: 2)
    static let all: AccBackends = [.log, .event]
}

/// What is to be accounted of the transaction of one request: shared by the request, its branches and replies.
final class AccState: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        static let answered = Flags(rawValue: 1)
        static let missed = Flags(rawValue: 2)
        static let failed = Flags(rawValue: 4)
        /// A record of the call when it ends: kept by the call (`AccCall`).
        static let cdr = Flags(rawValue: 8)
    }

    struct Values: Sendable {
        var log: Flags = []
        var event: Flags = []
        /// Destinations have failed: who was missed has been told.
        var hasFailed = false
        /// Follows the transaction already.
        var isFollowing = false
    }

    let call: AccCall
    let values = Mutex(Values())

    init(_ call: AccCall) {
        self.call = call
    }

    /// The state of the request that a message is, or answers.
    static func existing(_ context: MessageContext) -> AccState? {
        let key = ObjectIdentifier(AccState.self)
        return (context.moduleState[key] ?? context.request?.moduleState[key]) as? AccState
    }

    /// The same, made when there is none.
    ///
    /// - Parameter make: the call, where the dialog of the message is not accounted.
    static func own(_ context: MessageContext, _ make: () -> AccCall) -> AccState {
        if let state = existing(context) { return state }
        let state = AccState(AccCall.ofDialog(context) ?? make())
        context.moduleState[ObjectIdentifier(AccState.self)] = state
        return state
    }
}
