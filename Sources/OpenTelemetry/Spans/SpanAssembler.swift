package import Profiling

/// Puts session trees together from the records of all processes and turns each, when it is over, into spans. Pure but for
/// what it remembers; confined to one thread.
///
/// Records of one process come in their order, those of different processes in any. Ids follow from the sessions' own
/// (`TraceIdentity`), so that hardly anything here waits for another process's records: only a tree that something else
/// caused, whose link names the cause's trace, waits for the cause's, for a moment at most.
package struct SpanAssembler {
    private var writer: SpanWriter
    private var open: [UInt64: Place] = [:]
    /// Trees that are over and whose cause has not been seen.
    private var late: [SessionTree] = []
    private var heldCount = 0

    /// Where an open session is.
    private struct Place {
        var tree: SessionTree
        /// nil: it was left out, as is what runs inside it.
        var session: Int?
    }

    /// Sessions open at a time; records of more are left out and counted.
    package static let openMax = 8192
    /// Trees that may wait for their cause; of more the link's trace is guessed.
    static let heldMax = 1024

    package init(_ description: TraceDescription) { writer = SpanWriter(description) }

    /// What was made and what was not.
    package var figures: TracingFigures { writer.figures }

    /// Sessions that have not ended.
    package var openCount: Int { open.count }

    /// Whether a tree waits that is not to wait for long: `take` wants to be called soon, with records or without.
    package var isWaiting: Bool { !late.isEmpty }

    /// Takes records and gives the spans of the trees that ended with them.
    package mutating func take(_ records: [ProfilingRecord]) -> [Span] {
        var spans: [Span] = []
        for record in records { take(record, into: &spans) }
        guard !late.isEmpty else { return spans }
        var trees: [SessionTree] = []
        swap(&trees, &late)
        for tree in trees { finish(tree, into: &spans) }
        return spans
    }

    /// The spans of what still waits: no more records come.
    package mutating func finish() -> [Span] {
        var spans: [Span] = []
        for tree in late { write(tree, into: &spans) }
        late = []
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
        guard let outer = parent.session else {
            tree.stepsDropped += 1
            open[record.session] = parent
            return
        }
        guard tree.takeStep() else {
            open[record.session] = Place(tree: tree, session: nil)
            return
        }
        let job = tree.sessions[outer].openJob
        tree.sessions.append(TracedSession(record, parent: outer, parentJob: job))
        open[record.session] = Place(tree: tree, session: tree.sessions.count - 1)
    }

    private func enter(_ record: ProfilingRecord) {
        guard let place = open[record.session] else { return }
        let tree = place.tree
        guard let session = place.session else {
            tree.stepsDropped += 1
            return
        }
        guard tree.takeStep() else {
            tree.sessions[session].open.append(-1)
            return
        }
        let job = TracedJob(
            name: record.name, file: record.file, line: record.line, parent: tree.sessions[session].openJob,
            start: record.nanoseconds, end: record.nanoseconds)
        tree.sessions[session].jobs.append(job)
        tree.sessions[session].open.append(tree.sessions[session].jobs.count - 1)
    }

    private func exit(_ record: ProfilingRecord) {
        guard let place = open[record.session], let session = place.session else { return }
        let tree = place.tree
        guard let job = tree.sessions[session].open.popLast(), job >= 0 else { return }
        tree.sessions[session].jobs[job].end = record.nanoseconds
        tree.sessions[session].jobs[job].status = record.status
        if !record.annotations.isEmpty { tree.sessions[session].jobs[job].noted.take(record.annotations) }
    }

    private mutating func end(_ record: ProfilingRecord, into spans: inout [Span]) {
        guard let place = open.removeValue(forKey: record.session), let session = place.session else { return }
        let tree = place.tree
        for job in tree.sessions[session].open where job >= 0 {
            tree.sessions[session].jobs[job].end = record.nanoseconds
        }
        tree.sessions[session].open = []
        tree.sessions[session].end = record.nanoseconds
        tree.sessions[session].status = record.status
        tree.sessions[session].isTruncated = record.isTruncated
        if !record.annotations.isEmpty { tree.sessions[session].noted.take(record.annotations) }
        if session == 0 { finish(tree, into: &spans) }
    }

    /// A tree is over: its spans, and those of the trees that waited for it, unless it has to wait itself.
    private mutating func finish(_ tree: SessionTree, into spans: inout [Span]) {
        if let cause = writer.unknownCause(of: tree), wait(tree, for: cause) { return }
        write(tree, into: &spans)
    }

    /// False when it has waited enough, or when too many wait.
    private mutating func wait(_ tree: SessionTree, for cause: UInt64) -> Bool {
        guard tree.isHeld || heldCount < SpanAssembler.heldMax else { return false }
        if let place = open[cause], place.tree !== tree {
            place.tree.followers.append(tree)
        } else {
            // Looked at twice with the records that it came with, and once more with those after.
            guard tree.looks < 2 else { return false }
            tree.looks += 1
            late.append(tree)
        }
        if !tree.isHeld { heldCount += 1 }
        tree.isHeld = true
        return true
    }

    private mutating func write(_ first: SessionTree, into spans: inout [Span]) {
        var ready = [first]
        while let tree = ready.popLast() {
            if tree.isHeld { heldCount -= 1 }
            tree.isHeld = false
            writer.write(tree, into: &spans)
            for follower in tree.followers {
                if let cause = writer.unknownCause(of: follower), wait(follower, for: cause) { continue }
                ready.append(follower)
            }
            tree.followers = []
        }
    }
}
