import Profiling

/// Builds sessions from a stream of records, SIPRay's or the peer's. Pure and bounded.
///
/// Records are paired by verb and order within their session, not by depth or name. A session number that begins again is
/// another session of a process, since the peer numbers those by pid; of a script it is a session inside the one
/// that is open, since the peer numbers a branch route as its request. What comes before a `start` is left out and
/// counted.
package struct SessionAssembler: Sendable {
    /// Sessions open at once; when one more begins, the one that has been silent longest is closed as truncated.
    package let openMax: Int
    /// Records of sessions whose `start` did not come.
    package private(set) var orphaned = 0

    private struct Lane: Hashable {
        var producer: Producer
        var session: UInt64
    }

    /// The open sessions of each number, outermost first.
    private var lanes: [Lane: [OpenSession]] = [:]

    /// Sessions of one number nest no deeper.
    private static let nestingMax = 16

    package init(openMax: Int = 4096) { self.openMax = max(openMax, 1) }

    /// All sessions that are open, by their begin.
    package var open: [OpenSession] {
        lanes.values.joined().sorted { $0.session.beginNanoseconds < $1.session.beginNanoseconds }
    }

    /// Takes a record; gives the sessions that it ended and that are inside no other that is open.
    package mutating func add(_ record: TraceRecord) -> [Session] {
        let lane = Lane(producer: record.producer, session: record.session)
        switch record.verb {
        case .start: return start(record, lane)
        case .enter, .exit:
            guard let last = lanes[lane]?.indices.last else {
                orphaned += 1
                return []
            }
            if record.verb == .enter {
                lanes[lane]?[last].enter(record)
            } else {
                lanes[lane]?[last].exit(record)
            }
            return []
        case .end:
            guard lanes[lane] != nil else {
                orphaned += 1
                return []
            }
            return close(lane, with: record).map { [$0] } ?? []
        }
    }

    /// Closes everything that is open, as truncated: when the stream ends.
    package mutating func finish() -> [Session] {
        var finished: [Session] = []
        // Innermost first: what began last lies inside what began before.
        while let lane = lanes.max(by: { began($0.value) < began($1.value) })?.key {
            if let session = close(lane, with: nil) { finished.append(session) }
        }
        return finished.sorted { $0.beginNanoseconds < $1.beginNanoseconds }
    }

    private func began(_ sessions: [OpenSession]) -> Int64 { sessions.last?.session.beginNanoseconds ?? 0 }

    private mutating func start(_ record: TraceRecord, _ lane: Lane) -> [Session] {
        var finished: [Session] = []
        let nesting = lanes[lane]?.count ?? 0
        if nesting > 0, record.producer == .process || nesting >= SessionAssembler.nestingMax {
            while lanes[lane] != nil { if let session = close(lane, with: nil) { finished.append(session) } }
        }
        if lanes[lane] == nil, lanes.count >= openMax {
            let silent = lanes.min { ($0.value.last?.lastNanoseconds ?? 0) < ($1.value.last?.lastNanoseconds ?? 0) }
            if let oldest = silent?.key {
                while lanes[oldest] != nil { if let session = close(oldest, with: nil) { finished.append(session) } }
            }
        }
        lanes[lane, default: []].append(OpenSession(record))
        return finished
    }

    /// Ends the innermost session of a lane; gives it unless it goes into one that is still open.
    private mutating func close(_ lane: Lane, with record: TraceRecord?) -> Session? {
        guard var open = lanes[lane]?.popLast() else { return nil }
        let session = open.end(record)
        if let outer = lanes[lane]?.indices.last {
            lanes[lane]?[outer].add(session)
            return nil
        }
        lanes[lane] = nil
        guard let parent = session.parent else { return session }
        for producer in [Producer.script, .process] {
            let around = Lane(producer: producer, session: parent)
            if around != lane, let index = lanes[around]?.indices.last {
                lanes[around]?[index].add(session)
                return nil
            }
        }
        return session
    }
}
