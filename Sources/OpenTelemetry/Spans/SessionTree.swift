import Profiling

/// A session with everything that ran inside it, as it grows from records.
final class SessionTree {
    /// In the order of their starts; the first is the root.
    var sessions: [TracedSession] = []
    /// Sessions and jobs.
    var steps = 0
    /// What was left out because the tree was too large.
    var stepsDropped = 0
    /// Trees that are over and wait for this one, in which is what caused them.
    var followers: [SessionTree] = []
    /// Whether it is over and waits, and how often it has been looked at in vain.
    var isHeld = false
    var looks = 0

    /// How many sessions and jobs of a tree become spans.
    static let stepsMax = 4096

    /// Whether one more fits; counts it.
    func takeStep() -> Bool {
        guard steps < SessionTree.stepsMax else {
            stepsDropped += 1
            return false
        }
        steps += 1
        return true
    }
}

/// A session of a tree.
struct TracedSession {
    let id: UInt64
    let producer: Producer
    let name: String
    let type: Int
    let process: Int
    /// What it goes on with, or what caused it.
    let link: UInt64?
    let isLinkCause: Bool
    /// Index of the session around it in the tree, and of the job of that one in which it ran; -1: none.
    let parent: Int
    let parentJob: Int
    let start: Int64
    var end: Int64
    var status: Int32?
    var isTruncated = false
    var noted = Noted()
    var jobs: [TracedJob] = []
    /// Indexes of jobs that have not ended, outermost first; -1 for one that was left out.
    var open: [Int] = []

    init(_ record: ProfilingRecord, parent: Int, parentJob: Int) {
        id = record.session
        producer = record.producer
        name = record.name
        type = record.type
        process = record.process
        // A session that was recorded for somebody else only is no span.
        link = record.isLinkAnnotated ? record.link : nil
        isLinkCause = record.isLinkCause
        (self.parent, self.parentJob) = (parent, parentJob)
        start = record.nanoseconds
        end = record.nanoseconds
    }

    /// The innermost job that is open and was kept; -1: none.
    var openJob: Int { open.last { $0 >= 0 } ?? -1 }
}

/// A job of a session.
struct TracedJob {
    let name: String
    let file: String?
    let line: Int?
    /// The job around it in its session; -1: none.
    let parent: Int
    let start: Int64
    var end: Int64
    var status: Int32?
    var noted = Noted()
}

/// What was noted inside a session or a job.
struct Noted {
    var message: NotedMessage?
    /// Of a process's job in which a request was made that names the process's session: the trace that it is told of.
    var cause: NotedMessage?
    var raw: [UInt8] = []
    var lines: [NotedLine] = []
    var linesDropped: UInt32 = 0

    /// Log lines of one span.
    static let linesMax = 128

    mutating func take(_ annotations: [Annotation]) {
        for annotation in annotations {
            switch annotation.key {
            case NotedKey.message: message = NotedMessage(annotation.bytes)
            case NotedKey.cause: if cause == nil { cause = NotedMessage(annotation.bytes) }
            case NotedKey.raw: raw += annotation.bytes
            case LogNote.key:
                if lines.count < Noted.linesMax {
                    lines.append(NotedLine(annotation))
                } else {
                    linesDropped += 1
                }
            default: break
            }
        }
    }
}
