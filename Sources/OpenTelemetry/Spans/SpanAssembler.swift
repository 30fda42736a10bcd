package import Profiling

/// Puts session trees together from the records of all processes and turns each, when it is over, into spans. Pure but for
/// what it remembers; confined to one thread.
///
/// Records of one process come in their order, those of different processes in any: nothing here waits for another
/// process's records, since ids follow from the sessions' own (`TraceIdentity`).
package struct SpanAssembler {
    private var writer: SpanWriter
    private var open: [UInt64: Place] = [:]

    /// Where an open session is.
    private struct Place {
        var tree: SessionTree
        var session: Int
    }

    /// Sessions open at a time; records of more are left out and counted.
    package static let openMax = 8192

    package init(_ description: TraceDescription) { writer = SpanWriter(description) }

    /// What was made and what was not.
    package var figures: TracingFigures { writer.figures }

    /// Sessions that have not ended.
    package var openCount: Int { open.count }

    /// Takes records and gives the spans of the trees that ended with them.
    package mutating func take(_ records: [ProfilingRecord]) -> [Span] {
        var spans: [Span] = []
        for record in records { take(record, into: &spans) }
        return spans
    }

    private mutating func take(_ record: ProfilingRecord, into spans: inout [Span]) {
        switch record.verb {
        case .start: start(record)
        case .enter: enter(record)
        case .exit: exit(record)
        case .end: end(record, into: &spans)
        }
    }

    private mutating func start(_ record: ProfilingRecord) {
        guard open.count < SpanAssembler.openMax else {
            writer.figures.sessionsRefused += 1
            return
        }
        guard let parent = record.parent.flatMap({ open[$0] }) else {
            let tree = SessionTree()
            _ = tree.takeStep()
            tree.sessions.append(TracedSession(record, parent: -1, parentJob: -1))
            open[record.session] = Place(tree: tree, session: 0)
            return
        }
        let tree = parent.tree
        guard tree.takeStep() else { return }
        let job = tree.sessions[parent.session].openJob
        tree.sessions.append(TracedSession(record, parent: parent.session, parentJob: job))
        open[record.session] = Place(tree: tree, session: tree.sessions.count - 1)
    }

    private func enter(_ record: ProfilingRecord) {
        guard let place = open[record.session] else { return }
        let tree = place.tree
        guard tree.takeStep() else {
            tree.sessions[place.session].open.append(-1)
            return
        }
        let job = TracedJob(
            name: record.name, file: record.file, line: record.line, parent: tree.sessions[place.session].openJob,
            start: record.nanoseconds, end: record.nanoseconds)
        tree.sessions[place.session].jobs.append(job)
        tree.sessions[place.session].open.append(tree.sessions[place.session].jobs.count - 1)
    }

    private func exit(_ record: ProfilingRecord) {
        guard let place = open[record.session], let job = place.tree.sessions[place.session].open.popLast(), job >= 0
        else { return }
        place.tree.sessions[place.session].jobs[job].end = record.nanoseconds
        place.tree.sessions[place.session].jobs[job].status = record.status
        if !record.annotations.isEmpty { place.tree.sessions[place.session].jobs[job].noted.take(record.annotations) }
    }

    private mutating func end(_ record: ProfilingRecord, into spans: inout [Span]) {
        guard let place = open.removeValue(forKey: record.session) else { return }
        let tree = place.tree
        for job in tree.sessions[place.session].open where job >= 0 {
            tree.sessions[place.session].jobs[job].end = record.nanoseconds
        }
        tree.sessions[place.session].open = []
        tree.sessions[place.session].end = record.nanoseconds
        tree.sessions[place.session].status = record.status
        tree.sessions[place.session].isTruncated = record.isTruncated
        if !record.annotations.isEmpty { tree.sessions[place.session].noted.take(record.annotations) }
        if place.session == 0 { writer.write(tree, into: &spans) }
    }
}
