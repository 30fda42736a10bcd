import Bytes
import RouteRuntime
import Synchronization

/// What is to be accounted of one request, and the values the script gave: shared by request, branches and replies.
final class AccState: Sendable {
    /// Legs of one call; a further one is refused.
    static let legsMax = 64

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        static let answered = Flags(rawValue: 1)
        static let missed = Flags(rawValue: 2)
        static let failed = Flags(rawValue: 4)
    }

    struct Values: Sendable {
        var log: Flags = []
        var event: Flags = []
        var extra: [Value]
        var legs: [[Value]]
        /// Destinations have failed: who was missed has been told.
        var hasFailed = false
        /// Follows the transaction already.
        var isFollowing = false
    }

    let values: Mutex<Values>

    init(extraCount: Int, legCount: Int) {
        values = Mutex(
            Values(
                extra: Array(repeating: .null, count: extraCount),
                legs: [Array(repeating: .null, count: legCount)]))
    }

    /// The state of the request that a message is, or answers.
    static func existing(_ context: MessageContext) -> AccState? {
        let key = ObjectIdentifier(AccState.self)
        return (context.moduleState[key] ?? context.request?.moduleState[key]) as? AccState
    }

    static func own(_ context: MessageContext, _ make: () -> AccState) -> AccState {
        if let state = existing(context) { return state }
        let state = make()
        context.moduleState[ObjectIdentifier(AccState.self)] = state
        return state
    }
}
