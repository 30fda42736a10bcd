import Glibc
import Profiling
import Synchronization
import Testing

@testable import Reactor

/// A real reactor on a thread of its own, with a profiler that the test drives.
struct ReactorTests {
    private let profiler = Profiler()
    private let statistics = Statistics()
    private let table: ProcessTable
    private let process: ReactorProcess

    init() throws {
        table = ProcessTable(profiler: profiler, statistics: statistics)
        process = try table.make(description: "SIP receiver udp:127.0.0.1:5060", kind: .udp)
    }

    private func onProcess(_ label: Site = .silent, _ body: @escaping @Sendable (Reactor) -> Void) {
        let done = Done()
        let reactor = process.reactor
        #expect(
            reactor.submit(label) {
                body(reactor)
                done.signal()
            })
        done.wait()
    }

    @Test func aSpawnedProcessHasATaskIDAndAName() throws {
        #expect(process.pid == 0)
        try process.spawn(threadName: "sipray-udp-a-very-long-name")
        #expect(process.pid > 0 && process.pid != Int(getpid()))
        let path = "/proc/self/task/\(process.pid)/comm"
        let file = try #require(fopen(path, "r"))
        var name = [CChar](repeating: 0, count: 64)
        #expect(fgets(&name, 64, file) != nil)
        fclose(file)
        #expect(String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) == "sipray-udp-a-ve\n")
        #expect(process.isRunning)
        table.stopAll()
        #expect(!process.isRunning)
        #expect(!process.reactor.submit(.silent) {}, "a process that has ended takes no job")
    }

    @Test func timersFireInOrderAndNeverEarly() throws {
        try process.spawn(threadName: "timers")
        let fired = Mutex<[(Int, Int64)]>([])
        let delays = [30, 5, 0, 12, 5, 64, 70]
        let box = Shared(fired: fired)
        let done = Done(count: delays.count)
        onProcess { reactor in
            let start = reactor.nowNanoseconds
            for delay in delays {
                reactor.schedule(afterMilliseconds: delay, label: .silent) {
                    box.append(delay, Int64(reactor.nowNanoseconds - start))
                    done.signal()
                }
            }
        }
        done.wait()
        table.stopAll()
        let seen = box.values
        #expect(seen.map(\.0) == delays.sorted())
        for (delay, elapsed) in seen { #expect(elapsed >= Int64(delay) * 1_000_000, "\(delay) ms after \(elapsed) ns") }
        #expect(process.reactor.figures.snapshot().timersFired == delays.count)
        #expect(process.reactor.figures.snapshot().timersArmed == 0)
    }

    @Test func aPeriodicTimerComesBackUntilCancelled() throws {
        try process.spawn(threadName: "periodic")
        let done = Done(count: 5)
        let after = Done()
        onProcess { reactor in
            nonisolated(unsafe) var timer: Timer?
            timer = reactor.every(milliseconds: 2, label: .silent) {
                done.signal()
                if done.isOver {
                    timer?.cancel()
                    reactor.schedule(afterMilliseconds: 20, label: .silent) { after.signal() }
                }
            }
        }
        after.wait()
        table.stopAll()
        #expect(process.reactor.figures.snapshot().timersFired == 6)
    }

    @Test func pooledTimersCallTheirTargetWithTheToken() throws {
        try process.spawn(threadName: "pooled")
        let target = TokenTarget(expected: 3)
        onProcess { reactor in
            for token in 1...3 as ClosedRange<UInt64> {
                reactor.schedule(afterMilliseconds: Int(token), label: .silent, target: target, token: token)
            }
        }
        target.done.wait()
        table.stopAll()
        #expect(target.tokens == [1, 2, 3])
    }

    @Test func aReadyDescriptorIsHandedOverUntilRemoved() throws {
        var pair: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let (near, far) = (pair[0], pair[1])
        let seen = Done()
        try process.spawn(threadName: "descriptors")
        onProcess { reactor in
            nonisolated(unsafe) var registration: Registration?
            registration = try? reactor.add(near, for: .readable) { readiness in
                #expect(readiness.contains(.readable))
                registration?.remove()
                seen.signal()
            }
            #expect(registration != nil)
        }
        #expect(write(far, "x", 1) == 1)
        seen.wait()
        // The byte was not read: were the descriptor still watched, it would be reported in each of these passes.
        for _ in 0..<5 { onProcess { _ in } }
        let passes = process.reactor.figures.snapshot().passes
        #expect(passes < 20)
        table.stopAll()
        close(near)
        close(far)
    }

    @Test func addingABadDescriptorIsRefused() throws {
        #expect(throws: SystemCallError.self) { try process.reactor.add(9999, for: .readable) { _ in } }
        do {
            _ = try process.reactor.add(9999, for: .readable) { _ in }
        } catch {
            #expect(error.code == EBADF)
            #expect(error.description.contains("Bad file descriptor"))
        }
    }

    @Test func endOfPassTargetsAreCalledOncePerEnlisting() throws {
        let target = PassTarget()
        process.reactor.atEndOfPass(target)
        process.reactor.runOnce()
        #expect(target.calls == 1)
        process.reactor.runOnce()
        #expect(target.calls == 1)
    }

    @Test func figuresSayWhatTheReactorDoes() throws {
        try process.spawn(threadName: "figures")
        let (entered, leave) = (Done(), Done())
        let reactor = process.reactor
        reactor.submit(.silent) {
            entered.signal()
            leave.wait()
        }
        entered.wait()
        reactor.submit(.silent) {}
        let busy = reactor.figures.snapshot()
        #expect(!busy.isAsleep)
        #expect(busy.jobsWaiting == 1)
        leave.signal()
        while !reactor.figures.snapshot().isAsleep { sched_yield() }
        let asleep = reactor.figures.snapshot()
        #expect(asleep.jobsWaiting == 0)
        #expect(asleep.jobsDone == 2)
        #expect(asleep.busyNanoseconds >= busy.busyNanoseconds)
        let later = reactor.figures.snapshot()
        #expect(later.asleepNanoseconds >= asleep.asleepNanoseconds)
        table.stopAll()
    }
}

/// What several closures of a test write to.
private final class Shared: Sendable {
    private let fired: Mutex<[(Int, Int64)]>
    init(fired: consuming Mutex<[(Int, Int64)]>) { self.fired = fired }
    var values: [(Int, Int64)] { fired.withLock { $0 } }
    func append(_ delay: Int, _ elapsed: Int64) { fired.withLock { $0.append((delay, elapsed)) } }
}

private final class TokenTarget: TimerTarget, Sendable {
    let done: Done
    private let seen = Mutex<[UInt64]>([])
    init(expected: Int) { done = Done(count: expected) }
    var tokens: [UInt64] { seen.withLock { $0 } }
    func timerFired(token: UInt64) {
        seen.withLock { $0.append(token) }
        done.signal()
    }
}

private final class PassTarget: PassEndTarget {
    var calls = 0
    func passEnded() { calls += 1 }
}
