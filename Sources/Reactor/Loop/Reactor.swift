import CPlatform
import Glibc
package import Profiling
import Synchronization

/// The event loop of one process: descriptors, timers and jobs, each dispatch of which is a process session.
///
/// Confined to its thread: everything but `submit`, `stop` and `figures` is called before `run` or on the thread that
/// runs it. Budget of a pass: one epoll_wait, two clock reads and one for each piece of work (dispatch, datagram, job)
/// behind the first of its kind, no allocation, no lock; each dispatch costs one relaxed load more than its handler while
/// nobody profiles.
///
/// ```
/// pass:  wait ─► ready descriptors ─► due timers ─► jobs ─► end-of-pass targets (sendmmsg) ─► wait
/// ```
///
/// A pass that takes long is cut into stretches (`endStretchIfLong`): what gathers leaves at the end of each.
package final class Reactor: @unchecked Sendable {
    // @unchecked: `jobs`, `figures`, `isStopping` and `wakeDescriptor` are safe from any thread; the rest belongs to the
    // reactor's thread. The object is set up elsewhere and handed to that thread once.

    /// Jobs that may wait at one reactor before more are refused.
    package static let jobsWaitingMax = 65_536
    /// Jobs and timers that one pass handles before it looks at the sockets again.
    package static let jobsPerPassMax = 256
    package static let timersPerPassMax = 1024
    /// How long a pass runs before what gathers for its end leaves between two pieces of work, and jobs make way for the
    /// sockets.
    package static let stretchNanosecondsMax: Int64 = 5_000_000
    /// A timer that fires later than this counts as late.
    package static let timerLateMillisecondsLimit = 20
    /// A timer that fires later than this is told of (`onLateTimer`).
    package static let timerOverdueMillisecondsLimit = 200
    static let pooledTimersMax = 8192

    package let probe: Probe
    package let figures: ReactorFigures
    /// The time at which the present pass, or its stretch, began: CLOCK_MONOTONIC in milliseconds. Costs a load.
    package internal(set) var nowMilliseconds: Int
    /// The same in nanoseconds.
    package internal(set) var nowNanoseconds: Int64
    /// When the present pass began.
    private(set) var passBegan: Int64 = 0
    /// Where every session of this reactor starts.
    package let processSite: Site
    let jobs: JobQueue
    private let epoll: Int32
    let wakeDescriptor: Int32
    private let isStopping = Atomic<Bool>(false)
    /// True from just before the reactor waits until it has woken: who submits then must wake it.
    let mayBeAsleep = Atomic<Bool>(false)

    private var registrations: [Registration?] = []
    private var freeSlots: [Int] = []
    private var generation: UInt32 = 0
    private var wheel: TimerWheel
    private var pooledTimers: [Timer] = []
    /// Periodic timers that were made before the reactor ran: their first period begins when it does.
    private var timersBeforeRun: [(timer: Timer, period: Int)]? = []
    /// Told of each timer that is more than `timerOverdueMillisecondsLimit` late, before it fires, with that many milliseconds. Set before
    /// the reactor runs.
    package var onLateTimer: ((Site, Int) -> Void)?
    /// Jobs taken from `jobs` and not begun yet.
    var pendingJobs: Unmanaged<Job>?
    var passEndTargets: [any PassEndTarget] = []
    var passEndTargetsInUse: [any PassEndTarget] = []
    var passEndHooks: [() -> Void] = []
    private var stopHooks: [() -> Void] = []
    private let ready: UnsafeMutablePointer<cplatform_ready>
    private static let readyMax = 128
    private static let wakeToken = UInt64.max

    /// Opens the epoll set and the wake descriptor. `processSite` is what every session of this reactor starts at.
    package init(probe: Probe, processSite: Site, jobsWaitingMax: Int = Reactor.jobsWaitingMax) throws(SystemCallError)
    {
        let epoll = cplatform_epoll_create()
        guard epoll >= 0 else { throw SystemCallError(call: "epoll_create1", code: -epoll) }
        let wake = cplatform_eventfd_create()
        guard wake >= 0 else {
            close(epoll)
            throw SystemCallError(call: "eventfd", code: -wake)
        }
        self.probe = probe
        self.processSite = processSite
        self.epoll = epoll
        wakeDescriptor = wake
        jobs = JobQueue(limit: jobsWaitingMax)
        figures = ReactorFigures(jobs: jobs)
        nowNanoseconds = Int64(cplatform_monotonic_nanoseconds())
        nowMilliseconds = Int(nowNanoseconds / 1_000_000)
        wheel = TimerWheel(now: UInt64(nowMilliseconds))
        ready = .allocate(capacity: Reactor.readyMax)
        ready.initialize(repeating: cplatform_ready(), count: Reactor.readyMax)
        let error = cplatform_epoll_add(epoll, wake, Readiness.readable.rawValue, Reactor.wakeToken)
        guard error == 0 else { throw SystemCallError(call: "epoll_ctl", code: -error) }
    }

    deinit {
        var job = pendingJobs
        while let reference = job {
            job = reference.takeUnretainedValue().next
            reference.release()
        }
        close(epoll)
        close(wakeDescriptor)
        ready.deallocate()
    }
}

// MARK: Running

extension Reactor {
    /// Runs passes on the calling thread until `stop`. Then every stop hook runs once, and queued jobs are dropped.
    package func run() {
        figures.since.store(Int(cplatform_monotonic_nanoseconds()), ordering: .relaxed)
        begin()
        probe.whileOnThisThread {
            endPass()
            while !isStopping.load(ordering: .acquiring) { pass(waiting: true) }
            jobs.close()
            for hook in stopHooks { hook() }
            stopHooks = []
            endPass()
        }
        passEndHooks = []
        for registration in registrations { registration?.letGo() }
    }

    /// Runs passes on the calling thread until `condition` holds, asked after each, or `stop`. May be called before `run`: for what
    /// must be done before others start.
    package func run(until condition: () -> Bool) {
        begin()
        probe.whileOnThisThread {
            while !condition(), !isStopping.load(ordering: .acquiring) { pass(waiting: true) }
        }
    }

    /// One pass that does not wait: for tests and for who drives a reactor by hand.
    package func runOnce() {
        if figures.since.load(ordering: .relaxed) == 0 {
            figures.since.store(Int(cplatform_monotonic_nanoseconds()), ordering: .relaxed)
        }
        if timersBeforeRun != nil { begin() }
        probe.whileOnThisThread { pass(waiting: false) }
    }

    /// The clock starts: what happened between the making of the reactor and now makes no timer late.
    private func begin() {
        updateNow()
        let waiting = timersBeforeRun ?? []
        timersBeforeRun = nil
        for (timer, period) in waiting where !timer.isSpent { arm(timer, afterMilliseconds: period) }
    }

    /// Makes `run` return after the pass it is in. Any thread; a second call does nothing more.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        cplatform_eventfd_signal(wakeDescriptor)
    }

    /// Calls `body` once, on the reactor's thread, after the last pass.
    package func atStop(_ body: @escaping () -> Void) { stopHooks.append(body) }

    private func pass(waiting: Bool) {
        let count = wait(waiting)
        for index in 0..<max(0, count) {
            if index > 0 { endStretchIfLong() }
            dispatch(ready[index])
        }
        runTimers()
        runJobs()
        endPass()
        figures.passes.addBySingleWriter(1)
    }

    private func wait(_ waiting: Bool) -> Int {
        var timeout: Int32 = 0
        let before = Int64(cplatform_monotonic_nanoseconds())
        if waiting, pendingJobs == nil, passEndTargets.isEmpty {
            mayBeAsleep.store(true, ordering: .sequentiallyConsistent)
            // A submitter pushes first and looks at `mayBeAsleep` then; this looks the other way round. One of the two sees.
            if jobs.isEmpty, !isStopping.load(ordering: .sequentiallyConsistent) {
                timeout = timeoutMilliseconds(before)
            }
        }
        settle(&nowNanoseconds, until: before, into: figures.busy)
        if timeout != 0 { figures.isAsleep.store(true, ordering: .relaxed) }
        let count = cplatform_epoll_wait(epoll, ready, Int32(Reactor.readyMax), timeout)
        if waiting { mayBeAsleep.store(false, ordering: .relaxed) }
        updateNow()
        passBegan = nowNanoseconds
        figures.asleep.addBySingleWriter(Int(nowNanoseconds - before))
        figures.since.store(Int(nowNanoseconds), ordering: .relaxed)
        if timeout != 0 { figures.isAsleep.store(false, ordering: .relaxed) }
        return Int(count)
    }

    func settle(_ start: inout Int64, until end: Int64, into figure: borrowing Atomic<Int>) {
        figure.addBySingleWriter(Int(end - start))
        figures.since.store(Int(end), ordering: .relaxed)
        start = end
    }

    private func timeoutMilliseconds(_ now: Int64) -> Int32 {
        guard let tick = wheel.nextTick() else { return -1 }
        let due = Int64(tick) * 1_000_000
        return due <= now ? 0 : Int32(clamping: (due - now + 999_999) / 1_000_000)
    }

    private func updateNow() {
        nowNanoseconds = Int64(cplatform_monotonic_nanoseconds())
        nowMilliseconds = Int(nowNanoseconds / 1_000_000)
    }
}

// MARK: Descriptors

extension Reactor {
    /// Watches a descriptor, level-triggered. `handler` runs on the reactor's thread with what it is ready for.
    package func add(
        _ descriptor: Int32, for interest: Readiness, sessions: Registration.Sessions = .perDispatch,
        handler: @escaping (Readiness) -> Void
    ) throws(SystemCallError) -> Registration {
        let slot = freeSlots.popLast() ?? registrations.count
        generation &+= 1
        let token = UInt64(generation) << 32 | UInt64(slot)
        let registration = Registration(
            reactor: self, descriptor: descriptor, interest: interest, token: token, sessions: sessions,
            handler: handler)
        let error = cplatform_epoll_add(epoll, descriptor, interest.rawValue, token)
        guard error == 0 else {
            if slot < registrations.count { freeSlots.append(slot) }
            throw SystemCallError(call: "epoll_ctl", code: -error)
        }
        if slot == registrations.count {
            registrations.append(registration)
        } else {
            registrations[slot] = registration
        }
        return registration
    }

    func modify(_ registration: Registration) {
        _ = cplatform_epoll_modify(epoll, registration.descriptor, registration.interest.rawValue, registration.token)
    }

    func remove(_ registration: Registration) {
        _ = cplatform_epoll_remove(epoll, registration.descriptor)
        let slot = Int(registration.token & 0xffff_ffff)
        registrations[slot] = nil
        freeSlots.append(slot)
    }

    private func dispatch(_ event: cplatform_ready) {
        guard event.token != Reactor.wakeToken else {
            cplatform_eventfd_clear(wakeDescriptor)
            return
        }
        let slot = Int(event.token & 0xffff_ffff)
        // The registration may have been removed, and its slot given away, earlier in this pass.
        guard let registration = registrations[slot], registration.token == event.token else { return }
        let readiness = Readiness(rawValue: event.events)
        switch registration.sessions {
        case .own:
            registration.handler(readiness)
        case .perDispatch:
            probe.begin(processSite)
            registration.handler(readiness)
            probe.end()
        }
    }
}

// MARK: Timers

extension Reactor {
    /// A one-shot timer. `label` is the timer job's name (`ReactorSites.timer`).
    @discardableResult
    package func schedule(afterMilliseconds delay: Int, label: Site, _ body: @escaping () -> Void) -> Timer {
        let timer = Timer(reactor: self, label: label, keepsBody: false, body: body)
        arm(timer, afterMilliseconds: delay)
        return timer
    }

    /// A timer that is armed, fired and armed again as often as one likes, without an allocation. Not armed yet.
    package func makeTimer(label: Site, _ body: @escaping () -> Void) -> Timer {
        Timer(reactor: self, label: label, keepsBody: true, body: body)
    }

    /// Calls `target` with `token` once. It can't be cancelled: the target ignores a token that is out of date. Timers
    /// of this kind are pooled, so it allocates nothing in the long run.
    package func schedule(afterMilliseconds delay: Int, label: Site, target: any TimerTarget, token: UInt64) {
        let timer: Timer
        if let pooled = pooledTimers.popLast(), pooled.label == label {
            timer = pooled
        } else {
            timer = Timer(reactor: self, label: label, keepsBody: true, body: nil)
        }
        timer.target = target
        timer.token = token
        arm(timer, afterMilliseconds: delay)
    }

    /// Calls `body` every `period` milliseconds, the first time one period after the reactor began to run or after now. Turns
    /// that were missed are left out.
    package func every(milliseconds period: Int, label: Site, _ body: @escaping () -> Void) -> Timer {
        precondition(period > 0, "Reactor.every: a period of \(period) ms")
        let box = PeriodicBox()
        let timer = makeTimer(label: label) { [unowned self] in
            guard let timer = box.timer else { return }
            let due = Int(timer.due) + period
            self.arm(timer, afterMilliseconds: max(1, due - self.nowMilliseconds))
            body()
        }
        box.timer = timer
        if timersBeforeRun == nil {
            arm(timer, afterMilliseconds: period)
        } else {
            timersBeforeRun?.append((timer, period))
        }
        return timer
    }

    func arm(_ timer: Timer, afterMilliseconds delay: Int) {
        let nanoseconds = nowNanoseconds + Int64(max(0, min(delay, Int(TimerWheel.span)))) * 1_000_000
        wheel.arm(timer, due: UInt64((nanoseconds + 999_999) / 1_000_000))
    }

    func disarm(_ timer: Timer) { wheel.disarm(timer) }

    func recycle(_ timer: Timer) {
        timer.target = nil
        if pooledTimers.count < Reactor.pooledTimersMax { pooledTimers.append(timer) }
    }

    private func runTimers() {
        wheel.advance(to: UInt64(nowMilliseconds))
        figures.timersArmed.store(wheel.armedCount, ordering: .relaxed)
        guard wheel.hasDue else { return }
        probe.begin(processSite)
        probe.hold(ReactorSites.timerJob)
        var fired = 0
        while fired < Reactor.timersPerPassMax, let timer = wheel.popDue() {
            fired += 1
            let label = timer.label
            note(lateness: nowMilliseconds - Int(timer.due), of: label)
            probe.enter(label)
            timer.fire()
            probe.exit(label)
        }
        probe.exit(ReactorSites.timerJob)
        probe.end()
        figures.timersFired.addBySingleWriter(fired)
        figures.timersArmed.store(wheel.armedCount, ordering: .relaxed)
    }

    private func note(lateness: Int, of label: Site) {
        guard lateness > Reactor.timerLateMillisecondsLimit else { return }
        figures.timersLate.addBySingleWriter(1)
        if lateness > figures.timerLatenessMax.load(ordering: .relaxed) {
            figures.timerLatenessMax.store(lateness, ordering: .relaxed)
        }
        if lateness > Reactor.timerOverdueMillisecondsLimit { onLateTimer?(label, lateness) }
    }
}

/// Lets a periodic timer's body find its own timer without keeping it alive.
private final class PeriodicBox {
    weak var timer: Timer?
}
