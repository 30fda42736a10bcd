import Testing

@testable import SIPMessage

/// Streams as text, and what must come out of them. `|` parts what is fed at once in the tables.
@Suite struct StreamFramerTests {
    private static let options =
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"
    private static let message = "MESSAGE sip:a@b SIP/2.0\r\nCSeq: 1 MESSAGE\r\nl : 5\r\n\r\nhello"
    private static let folded = "SIP/2.0 200 OK\r\nContent-Length:\r\n  3\r\nX: y\r\n\r\nabc"

    private func items(_ chunks: [some Sequence<UInt8>], limits: FramingLimits = .default) -> [StreamFramer.Item] {
        var framer = StreamFramer(limits: limits)
        var items: [StreamFramer.Item] = []
        for chunk in chunks {
            framer.append(chunk)
            while let item = framer.next() { items.append(item) }
        }
        return items
    }

    private static func message(_ text: String) -> StreamFramer.Item { .message(Array(text.utf8)) }

    private static let streams: [(String, [StreamFramer.Item])] = [
        (options, [message(options)]),
        (options + message, [message(options), message(message)]),
        ("\r\n\r\n" + options, [.ping, message(options)]),
        ("\r\n" + options + "\r\n\r\n\r\n\r\n" + folded, [message(options), .ping, .ping, message(folded)]),
        ("\n\n" + message + "\r\n" + options, [message(message), message(options)]),
        (
            "INVITE sip:a@b SIP/2.0\nContent-Length: 2\n\nhi" + options,
            [message("INVITE sip:a@b SIP/2.0\nContent-Length: 2\n\nhi"), message(options)]
        ),
        (
            "INVITE sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\nx",
            [message("INVITE sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\nx")]
        ),
    ]

    @Test(arguments: streams.indices) func isTheSameHoweverItIsSplit(_ index: Int) {
        let (text, expected) = Self.streams[index]
        let bytes = Array(text.utf8)
        #expect(items([bytes]) == expected)
        #expect(items(bytes.map { [$0] }) == expected, "byte by byte")
        for cut in 1..<bytes.count {
            #expect(items([bytes[..<cut], bytes[cut...]]) == expected, "cut at \(cut)")
        }
    }

    @Test func randomSplitsOfManyMessages() {
        let all = Self.streams.map(\.0).joined()
        let whole = items([Array(all.utf8)])
        #expect(whole.count > 10)
        var seed = UInt64(42)
        for _ in 0..<200 {
            var chunks: [ArraySlice<UInt8>] = []
            var rest = Array(all.utf8)[...]
            while !rest.isEmpty {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let count = min(rest.count, Int(seed >> 33) % 97 + 1)
                chunks.append(rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            #expect(items(chunks) == whole, "seed \(seed)")
        }
    }

    private static let faults: [(String, FramingFault)] = [
        ("GET / HTTP/1.1\r\n", .notSIP),
        ("\u{16}\u{3}\u{1}", .notSIP),
        ("\0\0\0\0", .notSIP),
        ("hello\r\n", .notSIP),
        ("OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", .lengthMissing),
        ("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n", .lengthInvalid),
        ("OPTIONS sip:a@b SIP/2.0\r\nContent-Length:\r\n\r\n", .lengthInvalid),
        ("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 1 2\r\n\r\n", .lengthInvalid),
        ("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n", .lengthInvalid),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\nab", .lengthInvalid),
        ("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 1000000\r\n\r\n", .messageTooLong),
        (String(repeating: "a", count: 9000), .startLineTooLong),
        ("OPTIONS sip:\(String(repeating: "a", count: 9000)) SIP/2.0\r\n", .startLineTooLong),
        ("OPTIONS sip:a@b SIP/2.0\r\nX: \(String(repeating: "a", count: 70_000))", .headTooLong),
        ("OPTIONS sip:a@b SIP/2.0\r\n" + String(repeating: "X: y\r\n", count: 12_000), .headTooLong),
    ]

    @Test(arguments: faults.indices) func faultsEndTheStream(_ index: Int) {
        let (text, expected) = Self.faults[index]
        for chunks in [[Array(text.utf8)], Array(text.utf8).map { [$0] }] {
            var framer = StreamFramer()
            var found: FramingFault?
            for chunk in chunks where found == nil {
                framer.append(chunk)
                guard case .fault(let fault, let head)? = framer.next() else { continue }
                found = fault
                #expect(head.isEmpty == (fault.reply == nil))
            }
            #expect(found == expected, "\(text.prefix(60))")
            framer.append(Array(Self.options.utf8))
            #expect(framer.next() == nil)
            #expect(framer.bytesBuffered == 0)
        }
    }

    @Test func whatWasWholeBeforeAFaultIsDelivered() {
        let got = items([Array((Self.options + "rubbish\r\n" + Self.options).utf8)])
        #expect(got == [Self.message(Self.options), .fault(.notSIP, head: [])])
    }

    @Test func bigMessagesInSmallPieces() {
        let body = String(repeating: "0123456789", count: 20_000)
        let text = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
        let bytes = Array(text.utf8)
        var framer = StreamFramer()
        var got: [StreamFramer.Item] = []
        for start in stride(from: 0, to: bytes.count, by: 1460) {
            framer.append(bytes[start..<min(start + 1460, bytes.count)])
            while let item = framer.next() { got.append(item) }
        }
        #expect(got == [.message(bytes)])
        #expect(!framer.isInMessage)
    }
}

/// Corpus and random changes of it through what the fuzzer checks.
@Suite struct FramingFuzzTests {
    @Test func mutatedStreamsKeepTheRules() {
        let seeds = [
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n\r\n\r\n",
            "MESSAGE sip:a@b SIP/2.0\r\nl : 5\r\n\r\nhelloSIP/2.0 200 OK\r\nContent-Length:\r\n  3\r\nX: y\r\n\r\nabc",
            "INVITE sip:a@b SIP/2.0\nContent-Length: 2\n\nhi\r\n\r\nACK sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n",
        ]
        var state = UInt64(7)
        func random(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % below
        }
        let alphabet = Array("\r\n: lLcC05 SIP/".utf8) + [0, 255]
        for turn in 0..<3_000 {
            var bytes = Array(seeds[turn % seeds.count].utf8)
            for _ in 0..<random(4) + 1 {
                let place = random(bytes.count)
                switch random(3) {
                case 0: bytes[place] = alphabet[random(alphabet.count)]
                case 1: bytes.insert(alphabet[random(alphabet.count)], at: place)
                default: bytes.remove(at: place)
                }
            }
            #expect(FramingExerciser.violation(bytes) == nil, "turn \(turn)")
        }
    }
}
