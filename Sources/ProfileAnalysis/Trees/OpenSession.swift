import Profiling

/// A session that has begun and not ended.
package struct OpenSession: Sendable {
    package private(set) var session: Session
    /// Time of its last record.
    package private(set) var lastNanoseconds: Int64
    /// Jobs entered and not exited, outermost first.
    package private(set) var jobs: [Job] = []
    /// Enters beyond the limits, which are left out together with their exits.
    private var omitted = 0
    private var stepsCount = 0

    /// Jobs nest no deeper; what is deeper is left out and the session marked truncated.
    static let depthMax = 64
    /// Steps kept of one session.
    static let stepsMax = 20_000

    init(_ record: TraceRecord) {
        session = Session(
            id: record.session, producer: record.producer, name: record.name, type: record.type,
            beginNanoseconds: record.nanoseconds, endNanoseconds: record.nanoseconds, status: nil, isTruncated: false,
            parent: record.parent, link: record.link, steps: [])
        lastNanoseconds = record.nanoseconds
    }

    /// The job that it is in now, or the session itself.
    package var current: String { jobs.last?.name ?? session.name }

    mutating func enter(_ record: TraceRecord) {
        lastNanoseconds = record.nanoseconds
        guard omitted == 0, jobs.count < OpenSession.depthMax, stepsCount < OpenSession.stepsMax else {
            omitted += 1
            session.isTruncated = true
            return
        }
        stepsCount += 1
        jobs.append(
            Job(
                name: record.name, exitName: record.name, file: record.file, line: record.line,
                beginNanoseconds: record.nanoseconds, endNanoseconds: record.nanoseconds, status: nil,
                isTruncated: false, steps: []))
    }

    /// Ends the job entered last, whatever the record calls it.
    mutating func exit(_ record: TraceRecord) {
        lastNanoseconds = record.nanoseconds
        guard omitted == 0 else {
            omitted -= 1
            return
        }
        guard var job = jobs.popLast() else { return }
        job.exitName = record.name
        job.status = record.status
        job.endNanoseconds = record.nanoseconds
        add(.job(job))
    }

    /// Puts a session that ended inside into the job that is open.
    mutating func add(_ inner: Session) {
        guard stepsCount < OpenSession.stepsMax else {
            session.isTruncated = true
            return
        }
        stepsCount += 1
        add(.session(inner))
    }

    /// Ends it, with the record or without one; jobs still open end with it.
    mutating func end(_ record: TraceRecord?) -> Session {
        let end = record?.nanoseconds ?? lastNanoseconds
        while var job = jobs.popLast() {
            job.endNanoseconds = end
            job.isTruncated = true
            session.isTruncated = true
            add(.job(job))
        }
        session.endNanoseconds = end
        session.status = record?.status
        if record == nil || record?.isTruncated == true { session.isTruncated = true }
        return session
    }

    private mutating func add(_ step: Step) {
        if jobs.isEmpty {
            session.steps.append(step)
        } else {
            jobs[jobs.count - 1].steps.append(step)
        }
    }
}
