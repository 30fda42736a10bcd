import Profiling
import Synchronization

/// What a job looks like in the records.
package enum JobSession: Sendable {
    /// A session with `ipc_job` and the job's label within.
    case interProcess
    /// A session with the label at once: what another thread has read for this process looks like a read, and what says
    /// itself what it is needs no name.
    case direct
    /// None: the body begins and ends its session itself, at the reactor's `processSite`.
    case own
}

/// One piece of work for another process.
final class Job {
    let label: Site
    let session: JobSession
    /// The session that submitted it; `none` when nobody listens, or no process did.
    let cause = Probe.sessionOfThread
    let body: @Sendable () -> Void
    var next: Unmanaged<Job>?

    init(label: Site, session: JobSession, body: @escaping @Sendable () -> Void) {
        self.label = label
        self.session = session
        self.body = body
    }
}

/// Jobs from any thread to one reactor, in the order in which each thread submitted them. Bounded, without a lock.
///
/// Submitters push onto a list with one compare-and-exchange; the reactor takes the whole list with one exchange and
/// turns it round. Since nobody ever pops a single node, there is no ABA problem.
final class JobQueue: Sendable {
    /// The newest job's address, 0 when there is none (an atomic pointer would not be Sendable).
    private let head = Atomic<UInt>(0)
    private let count = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    private let closed = Atomic<Bool>(false)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    deinit {
        var job = takeAll()
        while let reference = job {
            job = reference.takeUnretainedValue().next
            reference.release()
        }
    }

    /// Jobs submitted and not begun yet. Any thread.
    var waiting: Int { count.load(ordering: .relaxed) }
    var refusedCount: Int { refused.load(ordering: .relaxed) }
    var isEmpty: Bool { head.load(ordering: .sequentiallyConsistent) == 0 }

    /// False when the queue is full or closed; the refusal is counted and the job dropped. An owed one finds room in a
    /// full queue. Any thread.
    func push(_ job: Job, isOwed: Bool = false) -> Bool {
        let before = count.add(1, ordering: .relaxed).oldValue
        guard before < limit || isOwed, !closed.load(ordering: .relaxed) else {
            count.subtract(1, ordering: .relaxed)
            refused.add(1, ordering: .relaxed)
            return false
        }
        let reference = Unmanaged.passRetained(job)
        var present = head.load(ordering: .relaxed)
        while true {
            job.next = Self.job(present)
            let (exchanged, original) = head.weakCompareExchange(
                expected: present, desired: UInt(bitPattern: reference.toOpaque()), ordering: .sequentiallyConsistent)
            if exchanged { return true }
            present = original
        }
    }

    /// The reactor has taken one off what `takeAll` gave.
    func finishedOne() { count.subtract(1, ordering: .relaxed) }

    /// Every waiting job as a list in order of submission, each with one reference that the caller owns. The reactor only.
    func takeAll() -> Unmanaged<Job>? {
        var newest = Self.job(head.exchange(0, ordering: .acquiring))
        var ordered: Unmanaged<Job>?
        while let job = newest {
            newest = job.takeUnretainedValue().next
            job.takeUnretainedValue().next = ordered
            ordered = job
        }
        return ordered
    }

    private static func job(_ address: UInt) -> Unmanaged<Job>? {
        UnsafeMutableRawPointer(bitPattern: address).map { Unmanaged.fromOpaque($0) }
    }

    /// From now on every push is refused.
    func close() { closed.store(true, ordering: .relaxed) }
}
