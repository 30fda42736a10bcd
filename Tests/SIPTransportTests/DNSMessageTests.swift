import Bytes
import Reactor
import Testing

@testable import SIPTransport

/// The reader of DNS responses on good, cut and hostile bytes.
struct DNSMessageTests {
    private static let records: [DNSServer.Record] = [
        .init("a.test", .cname("b.test"), ttl: 30), .init("b.test", .a(1, 2, 3, 4), ttl: 90),
        .init("s.test", .srv(priority: 1, weight: 2, port: 3, target: "T.test")),
        .init("n.test", .naptr(order: 1, preference: 2, service: "SIP+D2U", replacement: "r.test")),
    ]

    private static func response(_ name: String, _ type: UInt16) -> [UInt8] {
        DNSServer.response(
            id: [1, 2], question: DNSServer.encode(name) + DNSServer.word(Int(type)) + [0, 1], name: name, type: type,
            records: records)
    }

    @Test func readsRecordsAndTheLeastTTL() {
        #expect(
            DNSMessage.parse(Self.response("a.test", 1), type: .a)
                == .init(answer: .found(.addresses([SocketAddress(1, 2, 3, 4, port: 0)])), seconds: 30))
        let server = SRVRecord(priority: 1, weight: 2, port: 3, target: "t.test")
        #expect(
            DNSMessage.parse(Self.response("s.test", 33), type: .srv)
                == .init(answer: .found(.servers([server])), seconds: 60))
        let pointer = NAPTRRecord(order: 1, preference: 2, flags: "s", service: "SIP+D2U", replacement: "r.test")
        #expect(
            DNSMessage.parse(Self.response("n.test", 35), type: .naptr)
                == .init(answer: .found(.pointers([pointer])), seconds: 60))
        #expect(DNSMessage.parse(Self.response("x.test", 1), type: .a) == .init(answer: .nothing, seconds: 7))
    }

    @Test(arguments: [("a.test", DNSType.a), ("s.test", .srv), ("n.test", .naptr), ("x.test", .a)])
    func neverReadsPastTheEnd(name: String, type: DNSType) {
        let whole = Self.response(name, type.rawValue)
        for length in 0..<whole.count {
            let parsed = DNSMessage.parse(Array(whole[..<length]), type: type)
            if case .found? = parsed?.answer { Issue.record("\(length) of \(whole.count) bytes gave an answer") }
        }
    }

    @Test func survivesEveryDamagedByte() {
        for (name, type) in [("a.test", DNSType.a), ("s.test", .srv), ("n.test", .naptr)] {
            let whole = Self.response(name, type.rawValue)
            var count = 0
            for index in whole.indices {
                for value in [0, 1, 63, 64, 0xc0, 0xff] as [UInt8] {
                    var damaged = whole
                    damaged[index] = value
                    if DNSMessage.parse(damaged, type: type) != nil { count += 1 }
                }
            }
            #expect(count > 0)
        }
    }

    @Test func pointersMayOnlyGoBack() {
        let header: [UInt8] = [0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        let tail: [UInt8] = [0, 1, 0, 1]
        #expect(DNSMessage.parse(header + [0xc0, 12] + tail, type: .a) == nil, "to itself")
        #expect(DNSMessage.parse(header + [0xc0, 40] + tail, type: .a) == nil, "forwards")
        #expect(DNSMessage.parse(header + [1, 97, 0xc0, 14] + tail, type: .a) == nil, "in a circle")
    }
}
