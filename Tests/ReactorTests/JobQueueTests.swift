import Glibc
import Profiling
import Synchronization
import Testing

@testable import Reactor

struct JobQueueTests {
    @Test func refusesPastItsLimitAndAfterClosing() {
        let queue = JobQueue(limit: 2)
        func push() -> Bool { queue.push(Job(label: .silent, session: .own) {}) }
        #expect(push())
        #expect(push())
        #expect(!push())
        #expect(queue.refusedCount == 1)
        #expect(queue.waiting == 2)
        var job = queue.takeAll()
        while let reference = job {
            job = reference.takeRetainedValue().next
            queue.finishedOne()
        }
        #expect(queue.waiting == 0)
        #expect(push())
        queue.close()
        #expect(!push())
        #expect(queue.refusedCount == 2)
    }

    /// What the process began and waits for comes through in any case, until it ends.
    @Test func aFullQueueTakesWhatIsOwed() {
        let queue = JobQueue(limit: 1)
        func push(isOwed: Bool) -> Bool { queue.push(Job(label: .silent, session: .own) {}, isOwed: isOwed) }
        #expect(push(isOwed: false))
        #expect(!push(isOwed: false))
        #expect(push(isOwed: true) && push(isOwed: true))
        #expect(queue.waiting == 3)
        queue.close()
        #expect(!push(isOwed: true))
    }

    @Test func dropsWhatNobodyTook() {
        weak var seen: Job?
        do {
            let queue = JobQueue(limit: 10)
            let job = Job(label: .silent, session: .own) {}
            seen = job
            #expect(queue.push(job))
        }
        #expect(seen == nil)
    }

    @Test func keepsTheOrderOfEachSubmitter() throws {
        let table = ProcessTable(profiler: nil, statistics: Statistics())
        let target = try table.make(description: "target", kind: .other)
        let sources = try (0..<4).map { try table.make(description: "source \($0)", kind: .other) }
        let jobsEach = 20_000
        let lasts = Lasts()
        let done = Done(count: 4 * jobsEach)
        try target.spawn(threadName: "target")
        for (index, source) in sources.enumerated() {
            try source.spawn(threadName: "source")
            source.reactor.submit(.silent) {
                for number in 0..<jobsEach {
                    while !target.reactor.submit(
                        .silent,
                        {
                            lasts.note(number, of: index)
                            done.signal()
                        })
                    { sched_yield() }
                }
            }
        }
        done.wait()
        #expect(lasts.values == Array(repeating: jobsEach - 1, count: 4))
        table.stopAll()
        #expect(target.reactor.figures.snapshot().jobsDone == 4 * jobsEach)
        #expect(target.reactor.figures.snapshot().jobsWaiting == 0)
    }
}

/// The last number seen of each submitter; one that comes out of order is not noted.
private final class Lasts: Sendable {
    private let state = Mutex<[Int]>([-1, -1, -1, -1])
    var values: [Int] { state.withLock { $0 } }
    func note(_ number: Int, of index: Int) {
        state.withLock { if $0[index] == number - 1 { $0[index] = number } }
    }
}
