/// What a host function did.
package enum Outcome {
    /// It is done. Above 0 is true, below 0 is false, 0 stops the whole script.
    case done(Int32)
    /// It is done, and its code is a number of which 0 means nothing else: the script goes on.
    case number(Int32)
    /// It waits for something. `Call.wait` was called, and whoever has the `Resumption` uses it once.
    case suspended
    /// Another top route runs first, such as a branch route inside `t_relay()`. `then` gets its result and says how
    /// the function goes on; it may ask for another route (one per branch).
    case run(TopRoute, then: (ScriptRun, ScriptResult) -> Outcome)
    /// The script ends, as after `exit`.
    case exit
    /// The script ends and what it is about is dropped, as after `drop`.
    case drop

    package static var yes: Outcome { .done(1) }
    package static var no: Outcome { .done(-1) }

    package init(_ success: Bool) {
        self = .done(success ? 1 : -1)
    }
}

/// How a top route ended.
package struct ScriptResult: Sendable, Equatable {
    /// The route's return code: 0 after `exit`.
    package var code: Int32
    /// The script said `drop`.
    package var isDropped: Bool

    package init(code: Int32, isDropped: Bool = false) {
        self.code = code
        self.isDropped = isDropped
    }
}
