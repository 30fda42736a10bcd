import Synchronization
import Testing

@testable import Reactor

struct StatisticsTests {
    @Test func sumsOverProcessesAndResets() {
        let statistics = Statistics()
        let received = statistics.counter(group: "core", name: "rcv_requests")
        let inUse = statistics.counter(group: "tm", name: "inuse_transactions", kind: .nonIncremental)
        let (one, two) = (statistics.makeCells(), statistics.makeCells())
        one.add(received, 3)
        two.add(received, 4)
        statistics.shared.add(received)
        one.add(inUse, 5)
        two.add(inUse, -2)
        #expect(statistics.value(received) == 8)
        #expect(statistics.value(inUse) == 3)
        #expect(statistics.reset("all") == 2)
        #expect(statistics.value(received) == 0)
        #expect(statistics.value(inUse) == 3, "a figure that goes up and down is not reset")
        two.add(received)
        #expect(statistics.value(received) == 1)
        #expect(two.value(received) == 5)
    }

    @Test func selectorsNameGroupsAndFigures() {
        let statistics = Statistics()
        _ = statistics.counter(group: "tm", name: "received_replies")
        _ = statistics.counter(group: "sl", name: "received_ACKs")
        statistics.gauge(group: "tm", name: "load") { 42 }
        func names(_ selector: String) -> [String] { statistics.select(selector).map(\.fullName) }
        #expect(names("tm:") == ["tm:received_replies", "tm:load"])
        #expect(names("load") == ["tm:load"])
        #expect(names("tm:load") == ["tm:load"])
        #expect(names("sl:load").isEmpty)
        #expect(names("nothing").isEmpty)
        #expect(names("all").count == 4)
        #expect(statistics.select("load").first?.value == 42)
        #expect(statistics.select("load").first?.kind == .nonIncremental)
        #expect(statistics.reset("tm:load") == 0)
    }

    /// A computed figure that only grows is reset like a counter; its source is not told.
    @Test func aComputedCounterIsReset() {
        let statistics = Statistics()
        let source = Mutex(5)
        statistics.gauge(group: "g", name: "grows", kind: .incremental) { source.withLock { $0 } }
        statistics.gauge(group: "g", name: "level") { source.withLock { $0 } }
        func values() -> [Int] { statistics.select("g:").map(\.value) }
        #expect(values() == [5, 5])
        #expect(statistics.select("g:").map(\.kind) == [.incremental, .nonIncremental])
        #expect(statistics.reset("g:") == 1)
        #expect(values() == [0, 5])
        source.withLock { $0 = 8 }
        #expect(values() == [3, 8])
        #expect(statistics.reset("grows") == 1 && statistics.reset("level") == 0)
        #expect(values() == [0, 8])
    }

    @Test func theSameNameIsTheSameCounter() {
        let statistics = Statistics()
        #expect(statistics.counter(group: "a", name: "b") == statistics.counter(group: "a", name: "b"))
        #expect(statistics.counter(group: "a", name: "b") != statistics.counter(group: "a", name: "c"))
    }

    @Test func pastTheLimitCountsAsOverflow() {
        let statistics = Statistics()
        for index in 0..<Statistics.countersMax - 1 { _ = statistics.counter(group: "g", name: "\(index)") }
        let beyond = statistics.counter(group: "g", name: "beyond")
        statistics.shared.add(beyond, 2)
        #expect(statistics.select("core:overflow").first?.value == 2)
        #expect(statistics.select("g:beyond").isEmpty)
    }
}
