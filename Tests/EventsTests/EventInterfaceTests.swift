import Foundation
import JSONRPC
import Logging
import Management
import Profiling
import Reactor
import Synchronization
import Testing

@testable import Events

/// An event interface with a profiler, on a clock of the test.
private final class Bench: Sendable {
    let statistics = Statistics()
    let profiler = Profiler()
    let events: EventInterface
    private let now: Clock

    private final class Clock: Sendable { let milliseconds = Atomic<Int>(1_000_000) }

    init(limits: EventLimits = EventLimits(), options: EventOptions = EventOptions()) {
        let now = Clock()
        self.now = now
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        events = EventInterface(
            profiler: profiler, statistics: statistics, logger: logger, limits: limits, options: options
        ) { now.milliseconds.load(ordering: .relaxed) }
        events.start()
    }

    func advance(seconds: Double) { now.milliseconds.add(Int(seconds * 1000), ordering: .relaxed) }

    func figure(_ name: String) -> Int { statistics.select("evi:\(name)").first?.value ?? -1 }

    deinit { events.stop() }
}

@Suite struct EventInterfaceTests {
    @Test func sendsRaisedEventsToThoseWhoWantThem() throws {
        let bench = Bench()
        let custom = try #require(bench.events.publish("E_CUSTOM"))
        let (wanting, other) = (DatagramInbox(), DatagramInbox())
        let made = Atomic<Int>(0)
        func parameters() -> RPCParameters {
            made.add(1, ordering: .relaxed)
            return .named(["k": "v\r\n", "n": 2])
        }
        bench.events.raise(custom, parameters())
        #expect(made.load(ordering: .relaxed) == 0, "parameters are not made while nobody wants the event")
        try bench.events.subscribe(event: "E_CUSTOM", socket: wanting.socketText, expireSeconds: 3600)
        try bench.events.subscribe(event: "E_CORE_THRESHOLD", socket: other.socketText, expireSeconds: nil)
        bench.events.raise(custom, parameters())
        #expect(wanting.next() == #"{"jsonrpc":"2.0","method":"E_CUSTOM","params":{"k":"v\r\n","n":2}}"#)
        bench.events.raiseThreshold(source: "msg processing", microseconds: 7908, extra: "OPTIONS sip:a")
        #expect(
            other.next()
                == #"{"jsonrpc":"2.0","method":"E_CORE_THRESHOLD","params":{"source":"msg processing","time":7908,"extra":"OPTIONS sip:a"}}"#
        )
        #expect(wanting.isEmpty)
        #expect(eventually { bench.figure("sent_events") == 2 })
        #expect(bench.figure("subscriptions") == 2)
    }

    @Test func listenersHearOnTheRaisingThread() throws {
        let bench = Bench()
        let event = try #require(bench.events.publish("E_CUSTOM"))
        let heard = Heard()
        bench.events.listen(event) { parameters in heard.parameters.withLock { $0.append(parameters) } }
        bench.events.raise(event, .positional([1]))
        #expect(heard.parameters.withLock { $0 } == [.positional([1])])
    }

    private final class Heard: Sendable { let parameters = Mutex<[RPCParameters]>([]) }

    @Test func expiryEndsASubscriptionAndItsInterest() throws {
        let bench = Bench()
        let inbox = DatagramInbox()
        try bench.events.subscribe(event: "E_PROFILING_SCRIPT", socket: inbox.socketText, expireSeconds: 10)
        #expect(bench.events.consumer.interest == .script)
        try bench.events.subscribe(event: "E_PROFILING_PROC", socket: inbox.socketText, expireSeconds: 20)
        #expect(bench.events.consumer.interest == [.process, .script])
        bench.advance(seconds: 10)
        let threshold = try #require(bench.events.event(named: EventNames.threshold))
        try bench.events.subscribe(event: "E_CORE_THRESHOLD", socket: inbox.socketText, expireSeconds: nil)
        bench.events.raise(threshold, .none)
        #expect(inbox.next() != nil)
        #expect(eventually { bench.events.consumer.interest == .process })
        #expect(bench.figure("expired_subscriptions") == 1)
        try bench.events.subscribe(event: "E_PROFILING_PROC", socket: inbox.socketText, expireSeconds: 0)
        #expect(bench.profiler.consumers.isEmpty)
    }

    @Test func sendsProfilingRecordsAsThePeerDoes() throws {
        let bench = Bench()
        let probe = bench.profiler.addProcess(description: "MI FIFO", type: 4)
        bench.profiler.setLevel(.extra)
        let inbox = DatagramInbox()
        try bench.events.subscribe(event: "E_PROFILING_PROC", socket: inbox.socketText, expireSeconds: 60)
        let process = Site("MI FIFO", type: 4)
        let reading = Site(
            "MI_FIFO reading", file: "mi_fifo_callback", line: 675, exitName: "MI_FIFO", exitLine: 817,
            interest: .extra)
        probe.begin(process)
        probe.enter(reading)
        probe.exit(reading)
        probe.end()
        bench.profiler.collect()
        let expected: [[(String, JSONValue)]] = [
            [("verb", "start"), ("name", "MI FIFO"), ("type", 4), ("depth", 1)],
            [
                ("verb", "enter"), ("name", "MI_FIFO reading"), ("type", 4), ("depth", 2), ("file", "mi_fifo_callback"),
                ("line", 675),
            ],
            [
                ("verb", "exit"), ("name", "MI_FIFO"), ("type", 4), ("depth", 1), ("file", "mi_fifo_callback"),
                ("line", 817), ("status", 0),
            ],
            [("verb", "end"), ("name", "MI FIFO"), ("type", 4), ("depth", 1), ("status", 0)],
        ]
        for fields in expected {
            let text = try #require(inbox.next())
            let event = try #require(RPCNotification(try JSONParser.parse(text)))
            #expect(event.method == "E_PROFILING_PROC")
            let members = try #require(event.parameters.json?.objectValue?.members)
            #expect(members.prefix(3).map(\.key) == ["sec", "usec", "session"])
            #expect(members.dropFirst(3).map(\.key) == fields.map(\.0))
            #expect(members.dropFirst(3).map(\.value) == fields.map(\.1))
        }
        #expect(inbox.isEmpty)
    }

    @Test func aDeadSubscriberIsCountedPausedAndGivenUp() throws {
        let bench = Bench()
        let alive = DatagramInbox()
        let deadSocket = { DatagramInbox().socketText }()
        let event = try #require(bench.events.publish("E_CUSTOM"))
        for socket in [deadSocket, alive.socketText] {
            try bench.events.subscribe(event: "E_CUSTOM", socket: socket, expireSeconds: 3600)
        }
        try bench.events.subscribe(event: "E_PROFILING_SCRIPT", socket: deadSocket, expireSeconds: 3600)
        #expect(bench.events.consumer.interest == .script)
        func raiseAndReceive() {
            bench.events.raise(event, .none)
            #expect(alive.next() != nil, "the others get theirs all the same")
        }
        raiseAndReceive()
        raiseAndReceive()
        #expect(eventually { bench.events.subscribers(of: event).first?.isUnreachable == true })
        #expect(eventually { bench.profiler.consumers.isEmpty }, "nothing is produced for the dead")
        raiseAndReceive()
        #expect(eventually { bench.figure("lost_unreachable") >= 2 })
        #expect(bench.figure("unreachable_subscribers") == 1)
        #expect(bench.events.subscribers(of: event)[0].lost >= 2)
        var tries = 0
        while bench.events.subscribers(of: event).count == 2, tries < 100 {
            bench.advance(seconds: 6)
            raiseAndReceive()
            raiseAndReceive()
            tries += 1
        }
        #expect(bench.events.subscribers(of: event).map(\.socket.description) == [alive.socketText])
        #expect(bench.figure("dropped_subscriptions") == 2)
        #expect(tries >= 9)
    }

    @Test func aSubscriberThatComesBackIsReached() throws {
        let bench = Bench()
        let path = "/tmp/sipray-events-\(getpid())-back.sock"
        let event = try #require(bench.events.publish("E_CUSTOM"))
        try bench.events.subscribe(event: "E_CUSTOM", socket: "unix:\(path)", expireSeconds: nil)
        bench.events.raise(event, .none)
        #expect(eventually { bench.events.subscribers(of: event)[0].isUnreachable })
        let inbox = DatagramInbox(path: path)
        bench.advance(seconds: 6)
        bench.events.raise(event, .positional([1]))
        #expect(inbox.next() != nil)
        bench.events.raise(event, .positional([2]))
        #expect(inbox.next() != nil)
        #expect(eventually { !bench.events.subscribers(of: event)[0].isUnreachable })
    }

    @Test func aSlowUnixSubscriberLosesAndIsCountedOthersDoNot() throws {
        var limits = EventLimits()
        limits.pendingBytesMax = 4096
        let bench = Bench(limits: limits)
        let slow = DatagramInbox(path: "/tmp/sipray-events-\(getpid())-slow.sock")
        let fast = DatagramInbox()
        let event = try #require(bench.events.publish("E_CUSTOM"))
        try bench.events.subscribe(event: "E_CUSTOM", socket: slow.socketText, expireSeconds: 60)
        try bench.events.subscribe(event: "E_CUSTOM", socket: fast.socketText, expireSeconds: 60)
        let text = JSONValue.string(String(repeating: "x", count: 1000))
        for number in 0..<600 {
            bench.events.raise(event, .positional([.integer(number), text]))
            #expect(fast.next() != nil)
        }
        #expect(eventually { bench.figure("lost_subscriber_full") > 0 })
        // What waited is sent once there is room; what comes is in order.
        var last = -1
        var counted = try #require(bench.events.subscribers(of: event).first)
        for _ in 0..<100 where counted.sent + counted.lost < 600 {
            while let datagram = slow.next(withinMilliseconds: 100) {
                let number = try #require(try JSONParser.parse(datagram)["params"]?[0]?.integerValue)
                #expect(number > last)
                last = number
            }
            counted = try #require(bench.events.subscribers(of: event).first)
        }
        #expect(last >= 0 && counted.sent + counted.lost == 600)
        #expect(!counted.isUnreachable)
    }

    enum End: CaseIterable { case unsubscription, expiry }

    /// What waits for a subscriber when its last subscription ends is counted as lost, and so is what was raised for it.
    @Test(arguments: [true, false], End.allCases) func whatWaitsAtTheEndIsCounted(overTCP: Bool, end: End) throws {
        var options = EventOptions()
        (options.hasStreams, options.isReliable, options.streamMilliseconds) = (true, true, 600_000)
        let bench = Bench(options: options)
        let slow = DatagramInbox(path: "/tmp/sipray-events-\(getpid())-\(overTCP)-\(end).sock")
        let silent = SilentListener()
        let name = overTCP ? silent.socketText : slow.socketText
        let event = try #require(bench.events.publish("E_CUSTOM"))
        try bench.events.subscribe(event: "E_CUSTOM", socket: name, expireSeconds: 60)
        // More than the system's queue of a unix socket takes.
        for number in 0..<2000 { bench.events.raise(event, .positional([.integer(number)])) }
        switch end {
        case .unsubscription: #expect(try bench.events.unsubscribe(event: "E_CUSTOM", socket: name))
        case .expiry:
            bench.advance(seconds: 61)
            // Wakes the sender.
            bench.events.publish("E_OTHER")
        }
        #expect(eventually { bench.figure("sent_events") + bench.figure("lost_unsubscribed") == 2000 })
        #expect(bench.figure("lost_unsubscribed") > 0)
        #expect(bench.figure("lost_subscriber_full") == 0 && bench.figure("lost_unreachable") == 0)
    }

    @Test func limitsHold() throws {
        var limits = EventLimits()
        limits.eventsMax = 4
        limits.subscriptionsMax = 1
        let bench = Bench(limits: limits)
        let inbox = DatagramInbox()
        #expect(bench.events.publish("A") != nil)
        #expect(bench.events.publish("B") == nil)
        try bench.events.subscribe(event: "A", socket: inbox.socketText, expireSeconds: 60)
        #expect(throws: EventInterface.SubscribeError.tooManySubscriptions) {
            try bench.events.subscribe(event: "E_CORE_THRESHOLD", socket: inbox.socketText, expireSeconds: 60)
        }
        let event = try #require(bench.events.event(named: "A"))
        bench.events.raise(event, .positional([.string(String(repeating: "x", count: 66_000))]))
        #expect(eventually { bench.figure("lost_too_long") == 1 })
        #expect(inbox.isEmpty)
    }
}

@Suite struct EventCommandTests {
    private static func dispatcher(_ bench: Bench) -> CommandDispatcher {
        var registry = CommandRegistry()
        for name in EventNames.location { bench.events.publish(name) }
        EventCommands.register(in: &registry, bench.events)
        return CommandDispatcher(registry: registry)
    }

    /// Requests and replies in order; `A` stands for 127.0.0.1:9000, `S` for the text of a subscription to it.
    static let conversation: [(String, String, String)] = [
        (
            "events_list", "",
            #""result":{"Events":[{"name":"E_CORE_THRESHOLD","id":0},{"name":"E_PROFILING_SCRIPT","id":1},{"name":"E_PROFILING_PROC","id":2},{"name":"E_UL_AOR_INSERT","id":3},{"name":"E_UL_AOR_DELETE","id":4},{"name":"E_UL_CONTACT_INSERT","id":5},{"name":"E_UL_CONTACT_UPDATE","id":6},{"name":"E_UL_CONTACT_DELETE","id":7},{"name":"E_UL_CONTACT_REFRESH","id":8},{"name":"E_UL_LATENCY_UPDATE","id":9}]}"#
        ),
        ("event_list", "", #""error":{"code":-32601,"message":"Method not found"}"#),
        ("subscribers_list", "", #""result":{"Events":[]}"#),
        ("event_subscribe", #"{"event":"E_PROFILING_PROC","socket":"udp:A","expire":3600}"#, #""result":"OK""#),
        (
            "event_subscribe", #"{"event":"E_NOPE","socket":"udp:A"}"#,
            #""error":{"code":400,"message":"Bad parameter value"}"#
        ),
        (
            "event_subscribe", #"{"event":"E_PROFILING_PROC","socket":"bogus"}"#,
            #""error":{"code":400,"message":"Bad parameter value"}"#
        ),
        (
            "event_subscribe", #"{"event":"E_PROFILING_PROC"}"#,
            #""error":{"code":-32602,"message":"Invalid params","data":"Too few or too many parameters"}"#
        ),
        (
            "event_subscribe", #"{"event":"E_PROFILING_PROC","socket":"udp:A","expire":"soon"}"#,
            #""error":{"code":-32602,"message":"Invalid params","data":"Bad type for parameter 'expire': allowed is seconds; 0 unsubscribes"}"#
        ),
        ("evi:subscribe", #"["E_PROFILING_SCRIPT","udp:A"]"#, #""result":"OK""#),
        (
            "subscribers_list", "",
            #""result":{"Events":[{"name":"E_PROFILING_SCRIPT","id":1,"Subscribers":[S]},{"name":"E_PROFILING_PROC","id":2,"Subscribers":[S]}]}"#
        ),
        (
            "subscribers_list", #"{"event":"E_PROFILING_PROC"}"#,
            #""result":{"Event":{"name":"E_PROFILING_PROC","id":2,"Subscribers":[S]}}"#
        ),
        (
            "subscribers_list", #"{"event":"E_PROFILING_PROC","socket":"udp:A"}"#,
            #""result":{"Event":{"name":"E_PROFILING_PROC","id":2,"Subscriber":S}}"#
        ),
        ("subscribers_list", #"{"event":"E_NOPE"}"#, #""error":{"code":404,"message":"Event not published"}"#),
        (
            "evi:subscribers", #"["E_PROFILING_PROC","udp:127.0.0.1:1"]"#,
            #""error":{"code":404,"message":"Subscriber does not exist"}"#
        ),
        ("evi:unsubscribe", #"{"event":"E_PROFILING_PROC","socket":"udp:A"}"#, #""result":"OK""#),
        (
            "event_unsubscribe", #"{"event":"E_PROFILING_PROC","socket":"udp:A"}"#,
            #""error":{"code":404,"message":"Subscriber does not exist"}"#
        ),
        ("event_subscribe", #"{"event":"E_PROFILING_SCRIPT","socket":"udp:A","expire":0}"#, #""result":"OK""#),
        ("subscribers_list", "", #""result":{"Events":[]}"#),
        ("raise_event", #"["E_NOPE"]"#, #""error":{"code":404,"message":"Event not published"}"#),
        ("raise_event", #"["E_CORE_THRESHOLD","x"]"#, #""error":{"code":400,"message":"Bad parameter value"}"#),
        ("raise_event", #"["E_CORE_THRESHOLD",["a",1]]"#, #""result":"OK""#),
        ("evi:raise", #"{"event":"E_CORE_THRESHOLD","params":"{\"ip\":\"1.2.3.4\"}"}"#, #""result":"OK""#),
    ]

    @Test func speaksAsThePeer() throws {
        let bench = Bench()
        let dispatcher = Self.dispatcher(bench)
        let inbox = DatagramInbox()
        let address = String(inbox.socketText.dropFirst(4))
        let subscriber = #"{"socket":"\#(inbox.socketText)","expire":3600,"ttl":3600}"#
        for (method, parameters, reply) in Self.conversation {
            let rest =
                parameters.isEmpty
                ? "" : #","params":"# + parameters.replacingOccurrences(of: "udp:A", with: "udp:\(address)")
            let answer = Answer()
            dispatcher.dispatch(Array(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)"\#(rest)}"#.utf8)) { reply in
                answer.text.withLock { $0 = reply.map { String(decoding: $0.serialized(), as: UTF8.self) } }
            }
            let expected = reply.replacingOccurrences(of: "[S]", with: "[\(subscriber)]")
                .replacingOccurrences(of: ":S}", with: ":\(subscriber)}")
            #expect(answer.text.withLock { $0 } == #"{"jsonrpc":"2.0",\#(expected),"id":1}"#, "\(method) \(parameters)")
        }
        try bench.events.subscribe(event: "E_CORE_THRESHOLD", socket: inbox.socketText, expireSeconds: 9)
        dispatcher.dispatch(
            Array(
                #"{"jsonrpc":"2.0","method":"evi:raise","params":{"event":"E_CORE_THRESHOLD","params":"{\"b\":1,\"a\":\"x\"}"}}"#
                    .utf8)
        ) { _ in }
        #expect(inbox.next() == #"{"jsonrpc":"2.0","method":"E_CORE_THRESHOLD","params":{"b":1,"a":"x"}}"#)
    }

    private final class Answer: Sendable { let text = Mutex<String?>(nil) }
}
