import CPlatform
import Synchronization

/// What a reactor is doing and has done, readable by any thread at any moment.
///
/// Written by the reactor's thread only, with relaxed stores: a reader gets figures that may be a pass apart from each
/// other, never torn ones.
package final class ReactorFigures: Sendable {
    /// The figures at one moment.
    package struct Snapshot: Hashable, Sendable {
        /// Time spent in handlers, timers, jobs and hooks; the pass that runs now included.
        package var busyNanoseconds: Int
        /// Time spent waiting in epoll; the wait that goes on now included.
        package var asleepNanoseconds: Int
        package var isAsleep: Bool
        /// How long it has been asleep, or in the present stretch: a large figure while busy is a process that is stuck.
        package var sinceNanoseconds: Int
        package var passes: Int
        package var jobsWaiting: Int
        package var jobsDone: Int
        /// Jobs that were refused since the queue was full or the reactor had stopped.
        package var jobsRefused: Int
        package var timersArmed: Int
        package var timersFired: Int
        /// Timers that fired more than `Reactor.timerLateMillisecondsLimit` after they were due.
        package var timersLate: Int
        package var timerLatenessMillisecondsMax: Int
    }

    let busy = Atomic<Int>(0)
    let asleep = Atomic<Int>(0)
    let isAsleep = Atomic<Bool>(false)
    /// When the present stretch or sleep began, monotonic nanoseconds; 0 before the reactor runs.
    let since = Atomic<Int>(0)
    let passes = Atomic<Int>(0)
    let jobsDone = Atomic<Int>(0)
    let timersArmed = Atomic<Int>(0)
    let timersFired = Atomic<Int>(0)
    let timersLate = Atomic<Int>(0)
    let timerLatenessMax = Atomic<Int>(0)
    let jobs: JobQueue

    init(jobs: JobQueue) { self.jobs = jobs }

    /// Reads everything. Any thread; a dozen loads and a clock read.
    package func snapshot() -> Snapshot {
        let isAsleep = isAsleep.load(ordering: .relaxed)
        let start = since.load(ordering: .relaxed)
        let running = start == 0 ? 0 : max(0, Int(cplatform_monotonic_nanoseconds()) - start)
        return Snapshot(
            busyNanoseconds: busy.load(ordering: .relaxed) + (isAsleep ? 0 : running),
            asleepNanoseconds: asleep.load(ordering: .relaxed) + (isAsleep ? running : 0),
            isAsleep: isAsleep,
            sinceNanoseconds: running,
            passes: passes.load(ordering: .relaxed),
            jobsWaiting: max(0, jobs.waiting),
            jobsDone: jobsDone.load(ordering: .relaxed),
            jobsRefused: jobs.refusedCount,
            timersArmed: timersArmed.load(ordering: .relaxed),
            timersFired: timersFired.load(ordering: .relaxed),
            timersLate: timersLate.load(ordering: .relaxed),
            timerLatenessMillisecondsMax: timerLatenessMax.load(ordering: .relaxed))
    }
}

extension Atomic where Value == Int {
    /// Adds where there is one writer: a load and a store, no locked instruction.
    @inline(__always)
    func addBySingleWriter(_ amount: Int) { store(load(ordering: .relaxed) &+ amount, ordering: .relaxed) }
}
