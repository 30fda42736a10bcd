package import Profiling

/// A session that has ended, with everything in it.
package struct Session: Sendable, Hashable {
    package var id: UInt64
    package var producer: Producer
    package var name: String
    package var type: Int
    package var beginNanoseconds: Int64
    package var endNanoseconds: Int64
    package var status: Int?
    /// Something of it is missing, or it was cut.
    package var isTruncated: Bool
    package var parent: UInt64?
    package var link: UInt64?
    package var steps: [Step]

    /// How long it took; never negative, whatever the clocks did.
    package var durationNanoseconds: Int64 { max(0, endNanoseconds - beginNanoseconds) }

    /// What the type says: `request` for a script session of type 1, `UDP` for a process session of type 1.
    package var kind: String {
        switch (producer, type) {
        case (.process, 1): "UDP"
        case (.process, 2): "TCP"
        case (.process, 3): "timer"
        case (.process, _): "other"
        case (.script, 1): "request"
        case (.script, 2): "failure"
        case (.script, 4): "onreply"
        case (.script, 8): "branch"
        case (.script, 16): "error"
        case (.script, 32): "local"
        case (.script, 64): "startup"
        case (.script, 128): "timer"
        case (.script, 256): "event"
        case (.script, _): "script"
        }
    }
}

/// What happens inside a session or a job, in the order in which it ended.
package enum Step: Sendable, Hashable {
    case job(Job)
    /// A session inside: a script's within a process's, a branch route's within a request route's.
    case session(Session)
}

/// From an `enter` to its `exit`.
package struct Job: Sendable, Hashable {
    package var name: String
    /// The name that the `exit` bears; the same when it has not come.
    package var exitName: String
    package var file: String?
    package var line: Int?
    package var beginNanoseconds: Int64
    package var endNanoseconds: Int64
    package var status: Int?
    /// No `exit` came.
    package var isTruncated: Bool
    package var steps: [Step]

    /// How long it took; never negative, whatever the clocks did.
    package var durationNanoseconds: Int64 { max(0, endNanoseconds - beginNanoseconds) }

    /// `file:line`, as much of it as there is.
    package var place: String? { file.map { file in line.map { "\(file):\($0)" } ?? file } }
}
