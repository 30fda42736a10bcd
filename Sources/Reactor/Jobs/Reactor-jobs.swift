import CPlatform
package import Profiling
import Synchronization

extension Reactor {
    /// Runs `body` on the reactor's thread, in order of submission. Any thread.
    ///
    /// False when the queue is full or the reactor has stopped: the job is dropped and counted. The kernel is asked only
    /// when the reactor may be asleep. Costs the job's allocation, one compare-and-exchange and a load.
    ///
    /// The job's session names the one that submitted it as its cause.
    ///
    /// - Parameters:
    ///   - label: what records call the job; `.silent` for a body that says itself what it is.
    ///   - isOwed: something that this process began waits for the job and would do so for ever: a full queue takes it.
    ///     What submits such jobs has a limit of its own.
    @discardableResult
    package func submit(
        _ label: Site, as session: JobSession = .interProcess, isOwed: Bool = false,
        _ body: @escaping @Sendable () -> Void
    ) -> Bool {
        guard jobs.push(Job(label: label, session: session, body: body), isOwed: isOwed) else { return false }
        if mayBeAsleep.load(ordering: .sequentiallyConsistent),
            mayBeAsleep.exchange(false, ordering: .sequentiallyConsistent)
        {
            cplatform_eventfd_signal(wakeDescriptor)
        }
        return true
    }

    /// At most `jobsPerPassMax`, and no longer than the descriptors and timers of this pass took or one stretch: then it is
    /// their turn again.
    func runJobs() {
        if pendingJobs == nil, !jobs.isEmpty { pendingJobs = jobs.takeAll() }
        guard pendingJobs != nil else { return }
        let began = Int64(cplatform_monotonic_nanoseconds())
        let until = began + max(Reactor.stretchNanosecondsMax, began - passBegan)
        var done = 0
        while done < Reactor.jobsPerPassMax, let reference = pendingJobs {
            if done > 0, endStretchIfLong(), nowNanoseconds >= until { return }
            done += 1
            let job = reference.takeRetainedValue()
            pendingJobs = job.next
            jobs.finishedOne()
            run(job)
            figures.jobsDone.addBySingleWriter(1)
        }
    }

    @inline(__always)
    private func run(_ job: Job) {
        switch job.session {
        case .own:
            job.body()
        case .direct:
            probe.begin(processSite, causedBy: job.cause)
            probe.enter(job.label)
            job.body()
            probe.exit(job.label)
            probe.end()
        case .interProcess:
            probe.begin(processSite, causedBy: job.cause)
            probe.hold(ReactorSites.ipcJob)
            probe.enter(job.label)
            job.body()
            probe.exit(job.label)
            probe.exit(ReactorSites.ipcJob)
            probe.end()
        }
    }
}
