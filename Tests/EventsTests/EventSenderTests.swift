import Dispatch
import Glibc
import JSONRPC
import Logging
import Profiling
import Reactor
import Synchronization
import Testing

@testable import Events

/// An event interface whose sender has no thread: the test makes its rounds, on a clock of its own.
private final class HandBench {
    let statistics = Statistics()
    let profiler = Profiler()
    let events: EventInterface
    let event: EventID
    private let sender: EventSender
    private let now: Clock

    private final class Clock: Sendable { let milliseconds = Atomic<Int>(1_000_000) }

    init(options: EventOptions = EventOptions()) throws {
        let now = Clock()
        self.now = now
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        events = EventInterface(
            profiler: profiler, statistics: statistics, logger: logger, options: options
        ) { now.milliseconds.load(ordering: .relaxed) }
        event = try #require(events.publish("E_CUSTOM"))
        sender = EventSender(state: events.state)
    }

    var generation: Int { events.state.generation.load(ordering: .relaxed) }

    /// Whether the sender's thread would go on at once.
    var isWoken: Bool {
        var entry = events.state.wakePoll
        return poll(&entry, 1, 0) == 1
    }

    func round(after seconds: Int = 0) {
        now.milliseconds.add(seconds * 1000, ordering: .relaxed)
        events.state.clearWake()
        sender.round()
    }

    func raise(_ number: Int) { events.raise(event, .positional([.integer(number)])) }

    func figure(_ name: String) -> Int { statistics.select("evi:\(name)").first?.value ?? -1 }
}

@Suite struct EventSenderTests {
    private static var streams: EventOptions {
        var options = EventOptions()
        (options.hasStreams, options.isReliable, options.streamMilliseconds) = (true, true, 1000)
        return options
    }

    /// Longer than until it is given up, a subscriber that is not there costs its tries and nothing else.
    @Test(arguments: [true, false], [true, false])
    func whoNeverEndsIsGivenUpOnce(overTCP: Bool, withAnother: Bool) throws {
        let bench = try HandBench(options: Self.streams)
        let closed = { SilentListener().socketText }()
        let socket = overTCP ? closed : "unix:/tmp/sipray-events-\(getpid())-nobody.sock"
        try bench.events.subscribe(event: "E_CUSTOM", socket: socket, expireSeconds: nil)
        if withAnother {
            try bench.events.subscribe(event: "E_CORE_THRESHOLD", socket: socket, expireSeconds: 3600)
        }
        for number in 0..<40 {
            bench.raise(number)
            bench.round(after: 6)
        }
        #expect(bench.figure("unreachable_subscribers") == 1)
        #expect(bench.figure("dropped_subscriptions") == (withAnother ? 1 : 0))
        #expect(bench.events.subscribers(of: bench.event).count == 1)
        let generation = bench.generation
        for number in 0..<5 {
            bench.raise(number)
            bench.round(after: 6)
            check(!bench.isWoken, "on hold, after a try")
            bench.round()
            check(!bench.isWoken, "on hold")
        }
        #expect(bench.generation == generation)
    }

    /// What was given up is lost, and what comes then is what is sent.
    @Test func whatIsRaisedAfterTheGivingUpIsDelivered() throws {
        let bench = try HandBench(options: Self.streams)
        let peer = SilentListener()
        try bench.events.subscribe(event: "E_CUSTOM", socket: peer.socketText, expireSeconds: nil)
        bench.raise(1)
        for _ in 0..<20 where bench.figure("lost_unreachable") == 0 { bench.round(after: 6) }
        #expect(bench.figure("lost_unreachable") == 1)
        bench.raise(2)
        bench.round(after: 6)
        let connection = try #require(peer.acceptLast())
        defer { close(connection) }
        // The connection may be made a moment later.
        #expect(
            eventually {
                bench.round()
                return SilentListener.hasInput(connection)
            })
        let request = try JSONParser.parse(SilentListener.read(connection))
        #expect(request["params"] == [2])
        let id = try #require(request["id"]?.integerValue)
        SilentListener.write(connection, #"{"jsonrpc":"2.0","id":\#(id),"result":"OK"}"#)
        #expect(
            eventually {
                bench.round()
                return bench.figure("sent_events") == 1
            })
        #expect(bench.figure("lost_unreachable") == 1)
    }

    /// The profiler makes who changes what it shall record wait for a round of its collector; nobody else waits for that.
    @Test func raisingDoesNotWaitForTheCollector() throws {
        let bench = try HandBench()
        let (inside, release, over) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        let slow = Consumer(name: "slow") {
            inside.signal()
            release.wait()
        }
        let profiler = bench.profiler
        let probe = profiler.addProcess(description: "SIP receiver", type: 1)
        profiler.setLevel(.extra)
        profiler.attach(slow, wants: .process)
        probe.begin(Site("SIP receiver", type: 1))
        probe.enter(Site("udp proto reading", interest: .sip))
        let heard = Counting()
        bench.events.listen(bench.event) { _ in heard.count.add(1, ordering: .relaxed) }
        let (events, event) = (bench.events, bench.event)
        DispatchQueue.global().async {
            profiler.collect()
            over.signal()
        }
        inside.wait()
        let inbox = DatagramInbox().socketText
        DispatchQueue.global().async {
            try? events.subscribe(event: "E_PROFILING_SCRIPT", socket: inbox, expireSeconds: 60)
            over.signal()
        }
        DispatchQueue.global().async {
            while events.state.contents.withLock({ $0.wants }) != .script { usleep(1000) }
            events.raise(event, .none)
            over.signal()
        }
        #expect(eventually { heard.count.load(ordering: .relaxed) == 1 })
        #expect(events.consumer.interest == [])
        release.signal()
        for _ in 0..<3 { over.wait() }
        #expect(events.consumer.interest == .script)
    }

    private final class Counting: Sendable { let count = Atomic<Int>(0) }
}
