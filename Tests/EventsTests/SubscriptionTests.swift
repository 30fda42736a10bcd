import JSONRPC
import Profiling
import Reactor
import Testing

@testable import Events

@Suite struct SubscriptionTests {
    static let sockets: [(String, String?)] = [
        ("udp:127.0.0.1:9000", "udp:127.0.0.1:9000"), ("udp:[::1]:9000", "udp:[::1]:9000"),
        ("udp:localhost:9000", "udp:127.0.0.1:9000"), ("unix:/tmp/x", "unix:/tmp/x"), ("/tmp/x", "unix:/tmp/x"),
        ("bogus", nil), ("", nil), ("udp:", nil), ("udp:127.0.0.1", nil), ("udp:127.0.0.1:0", nil),
        ("udp:127.0.0.1:65536", nil), ("udp:0.0.0.0:9000", nil), ("udp:example.org:9000", nil), ("unix:", nil),
        ("unix:rel", nil), ("rabbitmq:127.0.0.1:9000/x", nil), ("tcp:127.0.0.1:9000", "tcp:127.0.0.1:9000"),
        ("tcp:localhost:9000/handle", "tcp:127.0.0.1:9000/handle"), ("tcp:[::1]:9/a/b", "tcp:[::1]:9/a/b"),
        ("tcp:127.0.0.1:9000/", "tcp:127.0.0.1:9000"), ("tcp:127.0.0.1", nil), ("tcp:0.0.0.0:9", nil),
        ("tcp:host:9000", nil),
        ("unix:/" + String(repeating: "x", count: 106), "unix:/" + String(repeating: "x", count: 106)),
        ("unix:/" + String(repeating: "x", count: 107), nil), ("unix:/a\0b", nil),
    ]

    @Test(arguments: sockets) func readsSockets(text: String, expected: String?) {
        #expect(EventSocket(text)?.description == expected)
    }

    @Test func renewsExpiresAndIsBounded() throws {
        let (first, second) = (EventID(index: 0), EventID(index: 1))
        let a = try #require(EventSocket("udp:127.0.0.1:1"))
        let b = try #require(EventSocket("udp:127.0.0.1:2"))
        var table = SubscriptionTable(subscriptionsMax: 3)
        #expect(table.nextEnd == nil)
        check(table.subscribe(first, a, expireSeconds: 10, now: 1000))
        check(table.subscribe(first, b, expireSeconds: nil, now: 1000))
        check(table.subscribe(second, a, expireSeconds: .max, now: 1000))
        check(!table.subscribe(second, b, expireSeconds: 5, now: 1000), "the table is full")
        #expect(table.nextEnd == 11_000)
        #expect(table.subscriptions[0].secondsLeft(at: 4500) == 6)
        check(table.subscribe(first, a, expireSeconds: 20, now: 5000), "a renewal needs no room")
        #expect(table.subscriptions.count == 3)
        #expect(table.nextEnd == 25_000)
        check(!table.expire(now: 24_999))
        check(table.expire(now: 25_000))
        #expect(table.subscribers(of: first).map(\.socket) == [b])
        check(!table.unsubscribe(first, a))
        check(!table.hasDroppable(b) && table.drop(b) == 0, "what never ends is never dropped")
        check(table.hasDroppable(a) && table.drop(a) == 1)
        check(table.unsubscribe(first, b))
        #expect(table.subscriptions.isEmpty)
    }

    enum Step { case refused, sent }

    /// Time, what happens, then whether it may be sent to, and whether it is given up.
    static let health: [(Int, Step, Bool, Bool)] = [
        (0, .sent, true, false), (1000, .refused, false, false), (1099, .refused, false, false),
        // the second refusal doubled the pause
        (1299, .sent, true, false), (1299, .refused, false, false), (1700, .sent, true, false),
        (1701, .sent, true, false), (1702, .refused, false, false),
    ]

    @Test func pausesAndRecovers() {
        var health = SubscriberHealth()
        for (time, step, maySend, givenUp) in Self.health {
            switch step {
            case .refused: health.refused(now: time)
            case .sent: health.sent()
            }
            #expect(health.maySend(now: time) == maySend, "at \(time)")
            #expect(health.giveUp(now: time) == givenUp, "at \(time)")
        }
        // Two successes at 1700 made it well, so that the pause begins anew.
        #expect(health.failingSince == 1702)
        #expect(health.maySend(now: 1802))
        #expect(!health.maySend(now: 1801))
    }

    @Test func pauseIsBoundedAndTheDeadAreGivenUp() {
        var health = SubscriberHealth()
        var now = 0
        var tries = 0
        while !health.giveUp(now: now) {
            health.refused(now: now)
            #expect(health.retryAt - now <= SubscriberHealth.retryMillisecondsMax)
            now = health.retryAt
            tries += 1
        }
        #expect(now >= SubscriberHealth.deadMillisecondsMax)
        #expect(tries < 25)
        health.refused(now: now)
        let isAgain = health.giveUp(now: now + 60_000)
        #expect(!isAgain, "once in each trouble")
        health.sent()
        health.sent()
        health.refused(now: now)
        let isNext = health.giveUp(now: now + 60_000)
        #expect(isNext)
    }

    @Test func pendingEventsAreBoundedAndCompacted() {
        var pending = PendingEvents(bytesMax: 10)
        let event: [UInt8] = [1, 2, 3, 4]
        check(pending.append(event[...]))
        check(pending.append(event[1...2]))
        check(pending.append(event[...]))
        check(!pending.append(event[..<1]))
        pending.removeFirst(1)
        check(pending.append(event[...]), "the room of what went is used again")
        #expect(pending.count == 3)
        #expect(pending.waiting.map { Array(pending.bytes[$0.range]) } == [[2, 3], [1, 2, 3, 4], [1, 2, 3, 4]])
        pending.removeFirst(3)
        #expect(pending.isEmpty)
        #expect(pending.bytes.isEmpty)
    }

    @Test func catalogueIsBounded() {
        var catalogue = EventCatalogue(eventsMax: 2)
        check(catalogue.publish("A")?.index == 0)
        check(catalogue.publish("") == nil)
        check(catalogue.publish("B")?.index == 1)
        check(catalogue.publish("A")?.index == 0)
        check(catalogue.publish("C") == nil)
        #expect(catalogue.find("C") == nil)
    }
}

@Suite struct EventFormatterTests {
    @Test func writesThePeersFieldsInThePeersOrder() throws {
        var formatter = EventFormatter()
        let cases: [(ProfilingRecord, String)] = [
            (
                ProfilingRecord(
                    nanoseconds: 1_795_403_081_189_938_999, session: 25237, verb: .start, producer: .process,
                    name: "MI FIFO", type: 4, depth: 1),
                #"{"jsonrpc":"2.0","method":"E_PROFILING_PROC","params":{"sec":1795403081,"usec":189938,"session":25237,"verb":"start","name":"MI FIFO","type":4,"depth":1}}"#
            ),
            (
                ProfilingRecord(
                    nanoseconds: 1_795_403_081_000_001_000, session: 1 << 52, verb: .enter, producer: .process,
                    name: "MI_FIFO reading", file: "mi_fifo_callback", line: 675, type: 4, depth: 2),
                #"{"jsonrpc":"2.0","method":"E_PROFILING_PROC","params":{"sec":1795403081,"usec":1,"session":4503599627370496,"verb":"enter","name":"MI_FIFO reading","type":4,"depth":2,"file":"mi_fifo_callback","line":675}}"#
            ),
            (
                ProfilingRecord(
                    nanoseconds: 0, session: 7, verb: .exit, producer: .script, name: "a \"b\"\\", file: "x.cfg",
                    line: 3, type: 256, depth: 1, status: -1),
                #"{"jsonrpc":"2.0","method":"E_PROFILING_SCRIPT","params":{"sec":0,"usec":0,"session":7,"verb":"exit","name":"a \"b\"\\","type":256,"depth":1,"file":"x.cfg","line":3,"status":-1}}"#
            ),
            (
                ProfilingRecord(
                    nanoseconds: 0, session: 7, verb: .end, producer: .script, name: "r", type: 1, depth: 1,
                    parent: 5, link: 6, isTruncated: true),
                #"{"jsonrpc":"2.0","method":"E_PROFILING_SCRIPT","params":{"sec":0,"usec":0,"session":7,"verb":"end","name":"r","type":1,"depth":1,"truncated":1}}"#
            ),
        ]
        for (record, expected) in cases {
            formatter.removeAll()
            formatter.append(record)
            #expect(String(decoding: formatter.writer.bytes, as: UTF8.self) == expected)
            _ = try JSONParser.parse(formatter.writer.bytes)
        }
    }

    @Test func writesWhatIsAskedForAfterThePeersFields() {
        let record = ProfilingRecord(
            nanoseconds: 3_000_004_005, session: 7, verb: .start, producer: .script, name: "r", type: 1, depth: 1,
            parent: 5, link: 6, subject: Array("a\"\u{FC}\u{1}@h".utf8))
        let common = #""sec":3,"usec":4,"session":7,"verb":"start","name":"r","type":1,"depth":1"#
        let cases: [(EventFormat, String, String)] = [
            (EventFormat(fields: .parent), "", #","parent":5"#), (EventFormat(fields: .link), "", #","link":6"#),
            (EventFormat(fields: .nsec), "", #","nsec":4005"#),
            (EventFormat(fields: .call), "", #","call":"a\"ü\u0001@h""#),
            (EventFormat(fields: .all), "", #","parent":5,"link":6,"call":"a\"ü\u0001@h","nsec":4005"#),
            (EventFormat(), "", ""),
            (EventFormat(eventParameter: "e\"v"), #""e\"v":"E_PROFILING_SCRIPT","#, ""),
        ]
        for (format, before, after) in cases {
            var formatter = EventFormatter(format)
            formatter.append(record)
            #expect(
                String(decoding: formatter.writer.bytes, as: UTF8.self)
                    == #"{"jsonrpc":"2.0","method":"E_PROFILING_SCRIPT","params":{\#(before)\#(common)\#(after)}}"#)
        }
        var formatter = EventFormatter(EventFormat(method: "handle"))
        formatter.append(record)
        #expect(
            String(decoding: formatter.writer.bytes, as: UTF8.self)
                == #"{"jsonrpc":"2.0","method":"handle","params":{\#(common)}}"#)
    }

    @Test func namesTheEventInItsParameters() {
        let cases: [(RPCParameters, String)] = [
            (.none, #""params":{"n":"E_X"}"#), (.positional(["a"]), #""params":["E_X","a"]"#),
            (.named(["k": 1]), #""params":{"n":"E_X","k":1}"#),
        ]
        for (parameters, expected) in cases {
            var formatter = EventFormatter(EventFormat(method: "m", eventParameter: "n"))
            formatter.append(name: "E_X", parameters)
            #expect(
                String(decoding: formatter.writer.bytes, as: UTF8.self)
                    == #"{"jsonrpc":"2.0","method":"m",\#(expected)}"#)
        }
    }

    static let fields: [(String, ExtraFields?)] = [
        ("", []), ("parent", .parent), ("nsec,link", [.nsec, .link]), ("parent link, call", [.parent, .link, .call]),
        ("all", .all), ("Parent", nil), ("parent;link", nil), ("nope", nil),
    ]

    @Test(arguments: fields) func readsNamesOfFields(text: String, fields: ExtraFields?) {
        #expect(ExtraFields(names: text) == fields)
    }

    @Test func writesOtherEvents() {
        let cases: [(RPCParameters, String)] = [
            (.none, #"{"jsonrpc":"2.0","method":"E_X"}"#),
            (.positional(["v1", "v2"]), #"{"jsonrpc":"2.0","method":"E_X","params":["v1","v2"]}"#),
            (.named(["k": "v", "n": 2]), #"{"jsonrpc":"2.0","method":"E_X","params":{"k":"v","n":2}}"#),
        ]
        for (parameters, expected) in cases {
            var formatter = EventFormatter()
            formatter.append(name: "E_X", parameters)
            #expect(String(decoding: formatter.writer.bytes, as: UTF8.self) == expected)
        }
    }

    @Test func takesBackWhatIsTooLong() {
        var batch = MessageBatch()
        batch.formatter.append(name: "A", .none)
        check(batch.finish(EventID(index: 1)))
        let size = batch.formatter.count
        batch.formatter.append(name: "B", .positional([.string(String(repeating: "x", count: 70_000))]))
        check(!batch.finish(EventID(index: 2)))
        #expect(batch.formatter.count == size)
        batch.formatter.append(name: "C", .none)
        check(batch.finish(EventID(index: 3)))
        #expect(batch.entries.map(\.event.index) == [1, 3])
        #expect(String(decoding: batch.bytes[batch.entries[1].slice.range], as: UTF8.self).contains(#""C""#))
    }
}

/// As `#expect`, for a condition that changes what it asks.
func check(_ condition: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, comment, sourceLocation: sourceLocation)
}

@Suite struct SessionGateTests {
    /// Sessions as (number, process), with the records of each that come by, and whether they may pass.
    @Test func onlyWholeSessionsPass() {
        let gate = SessionGate()
        func session(_ number: UInt64, _ process: UInt64) -> UInt64 { number << 9 | process }
        let records: [(UInt64, Bool, Bool)] = [
            (session(7, 1), false, false),  // had begun before
            (session(9, 1), true, true), (session(9, 1), false, true),
            (session(7, 1), false, false),  // goes on inside, still without a beginning
            (session(8, 2), false, false),  // another process has seen nothing yet
            (session(3, 2), true, true), (session(3, 2), false, true),
            (session(12, 1), true, true), (session(9, 1), false, true), (session(12, 1), false, true),
            (0, false, true),  // no record at all
        ]
        for (session, isStart, passes) in records {
            #expect(gate.admits(session: session, isStart: isStart) == passes, "\(session)")
        }
    }
}
