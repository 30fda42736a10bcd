/// The producers that somebody wants to hear now. No interest, no record.
///
/// A site carries the one bit by which it is wanted; a process carries the union that holds for it now.
public struct Interest: OptionSet, Sendable, Hashable, BitwiseCopyable {
    /// One bit for each producer.
    public let rawValue: UInt8

    /// Takes the bits as they are.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Process producer, level 1: reactor, protocol stack.
    public static let sip = Interest(rawValue: 1)
    /// Process producer, level 2: extra processes, such as management.
    public static let extra = Interest(rawValue: 2)
    /// Process producer, level 3: timer jobs.
    public static let timers = Interest(rawValue: 4)
    /// Script producer: routes and the functions that can take long.
    public static let script = Interest(rawValue: 8)
    /// Bytes that go with records (`Probe.annotate`).
    public static let annotations = Interest(rawValue: 16)
    /// What sessions are about (`Probe.subject`).
    public static let subjects = Interest(rawValue: 32)

    /// The whole process producer; how much of it speaks is up to each process's `Level`.
    public static let process: Interest = [.sip, .extra, .timers]
}

/// How much the process producer of one process says; each level includes those below it.
public enum Level: Int, Sendable, Hashable, CaseIterable, Comparable {
    /// Nothing.
    case off = 0
    /// Reactor and protocol stack.
    case stack = 1
    /// Extra processes too.
    case extra = 2
    /// Timer jobs too.
    case timers = 3

    /// The producers that speak at this level.
    public var interest: Interest {
        switch self {
        case .off: []
        case .stack: .sip
        case .extra: [.sip, .extra]
        case .timers: [.sip, .extra, .timers]
        }
    }

    /// Orders by verbosity.
    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
}
