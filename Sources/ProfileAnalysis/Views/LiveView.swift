import Bytes
import JSONRPC
import Profiling

/// What `sipray watch` shows: takes records as they come, gives lines to print. Pure; the caller reads sockets and clocks.
///
/// A session is drawn when it has ended, so that those of several processes do not mix. One that stays open is told once,
/// with where it is: that is a process which does not handle traffic.
package struct LiveView: Sendable {
    package struct Options: Sendable {
        /// Parts of the descriptions of the processes to show; none means all. Script sessions that do not say within
        /// which process session they ran are then left out.
        package var processes: [String]?
        /// Sessions shorter than that are not shown. The summary has them all the same.
        package var durationNanosecondsMin: Int64
        /// One JSON object per session instead of brackets.
        package var isJSON: Bool
        package var isColoured: Bool
        package var utcOffsetSeconds: Int
        /// A session open for longer is told of.
        package var stuckNanosecondsMin: Int64

        package init(
            processes: [String]? = nil, durationNanosecondsMin: Int64 = 0, isJSON: Bool = false,
            isColoured: Bool = false, utcOffsetSeconds: Int = 0, stuckNanosecondsMin: Int64 = 1_000_000_000
        ) {
            self.processes = processes
            self.durationNanosecondsMin = durationNanosecondsMin
            self.isJSON = isJSON
            self.isColoured = isColoured
            self.utcOffsetSeconds = utcOffsetSeconds
            self.stuckNanosecondsMin = stuckNanosecondsMin
        }
    }

    package let options: Options
    /// Sessions so far, shown or only too short to be.
    package private(set) var summary = Summary()
    /// Datagrams that were no profiling event.
    package private(set) var unreadable = 0
    /// Records taken.
    package private(set) var records = 0
    private var assembler = SessionAssembler()
    private var told: Set<UInt64> = []
    /// The server's clock at the newest record.
    private var newestNanoseconds: Int64 = 0
    private let brackets: BracketView

    package init(_ options: Options) {
        self.options = options
        brackets = BracketView(
            style: TextStyle(isColoured: options.isColoured), utcOffsetSeconds: options.utcOffsetSeconds)
    }

    /// Records whose session began before we listened, or whose `start` was lost.
    package var orphaned: Int { assembler.orphaned }

    /// Takes a datagram or a line of a capture.
    package mutating func receive(_ bytes: [UInt8]) -> [String] {
        guard let record = TraceRecord(event: bytes) else {
            unreadable += 1
            return []
        }
        return receive(record)
    }

    /// Takes a record.
    package mutating func receive(_ record: TraceRecord) -> [String] {
        records += 1
        newestNanoseconds = max(newestNanoseconds, record.nanoseconds)
        return assembler.add(record).flatMap { show($0) }
    }

    /// Closes what is open: at the end of the stream.
    package mutating func finish() -> [String] { assembler.finish().flatMap { show($0) } }

    /// Tells of sessions that have been open for too long, each once. `idleNanoseconds` is how long ago, by the caller's
    /// clock, the newest record came: so the server's clock need not agree with ours.
    package mutating func overdue(idleNanoseconds: Int64) -> [String] {
        guard !options.isJSON else { return [] }
        let style = TextStyle(isColoured: options.isColoured)
        let now = newestNanoseconds + idleNanoseconds
        var lines: [String] = []
        let open = assembler.open
        for session in open where accepts(session.session) {
            let age = now - session.session.beginNanoseconds
            guard age > options.stuckNanosecondsMin, told.insert(session.session.id).inserted else { continue }
            let place = session.jobs.last?.place.map { "  " + TextStyle.safe($0) } ?? ""
            let name = TextStyle.safe(session.session.name)
            lines.append(
                style.warning(
                    "Still open after \(TextStyle.duration(age)): \(name), in \(TextStyle.safe(session.current))\(place)"
                ))
        }
        told.formIntersection(open.map(\.session.id))
        return lines
    }

    private mutating func show(_ session: Session) -> [String] {
        guard accepts(session) else { return [] }
        summary.add(session)
        guard session.durationNanoseconds >= options.durationNanosecondsMin else { return [] }
        if options.isJSON {
            return [TerminalText.safeJSON(JSONValue.object(session.json).description)]
        }
        return brackets.lines(session) + [""]
    }

    private func accepts(_ session: Session) -> Bool {
        guard let processes = options.processes else { return true }
        return session.producer == .process && processes.contains { session.name.contains($0) }
    }
}
