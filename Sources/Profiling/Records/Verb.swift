/// What happened.
public enum Verb: UInt8, Sendable, Hashable, CaseIterable {
    /// A session began.
    case start = 1
    /// A job inside it began.
    case enter = 2
    /// That job ended.
    case exit = 3
    /// The session ended.
    case end = 4

    /// The word on the event wire.
    public var word: String {
        switch self {
        case .start: "start"
        case .enter: "enter"
        case .exit: "exit"
        case .end: "end"
        }
    }
}

/// Which of the two sources a record comes from.
public enum Producer: UInt8, Sendable, Hashable, CaseIterable {
    /// Reactor, protocol stack, timers, extra processes.
    case process
    /// Routes and the functions that they call.
    case script
}
