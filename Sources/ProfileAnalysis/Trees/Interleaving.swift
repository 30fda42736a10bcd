/// Jobs of a process that ran while a script session beside them did, put where they happened.
///
/// A script that calls `create_dialog()` makes a record of its own session and one of its process's: two sessions side by side,
/// as they travel. A reader wants the call inside the route that made it.
extension Session {
    package var interleaved: Session {
        var copy = self
        copy.steps = Step.interleaved(steps, with: [])
        return copy
    }
}

extension Step {
    fileprivate var span: (begin: Int64, end: Int64) {
        switch self {
        case .job(let job): (job.beginNanoseconds, job.endNanoseconds)
        case .session(let session): (session.beginNanoseconds, session.endNanoseconds)
        }
    }

    private func covers(_ job: Job) -> Bool {
        span.begin <= job.beginNanoseconds && job.endNanoseconds <= span.end
    }

    private var isSession: Bool {
        if case .session = self { return true }
        return false
    }

    /// The steps in the order in which they began. `guests` are jobs from outside that ran meanwhile.
    fileprivate static func interleaved(_ steps: [Step], with guests: [Job]) -> [Step] {
        let sessions = steps.filter(\.isSession)
        var guests = guests
        var hosts: [Step] = []
        for step in steps {
            if case .job(let job) = step, sessions.contains(where: { $0.covers(job) }) {
                guests.append(job)
            } else {
                hosts.append(step)
            }
        }
        var parts = [[Job]](repeating: [], count: hosts.count)
        var besides: [Step] = []
        for guest in guests {
            if let host = hosts.firstIndex(where: { $0.covers(guest) }) {
                parts[host].append(guest)
            } else {
                besides.append(Step.job(guest).filled([]))
            }
        }
        let filled = hosts.indices.map { hosts[$0].filled(parts[$0]) }
        // Stable: steps of one moment stay in their order.
        return (filled + besides).enumerated()
            .sorted { ($0.element.span.begin, $0.offset) < ($1.element.span.begin, $1.offset) }.map(\.element)
    }

    private func filled(_ guests: [Job]) -> Step {
        switch self {
        case .job(var job):
            job.steps = Step.interleaved(job.steps, with: guests)
            return .job(job)
        case .session(var session):
            session.steps = Step.interleaved(session.steps, with: guests)
            return .session(session)
        }
    }
}
