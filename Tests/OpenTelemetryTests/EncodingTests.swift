import Compression
import Foundation
import JSONRPC
import SwiftProtobuf
import Testing

@testable import OpenTelemetry

struct EncodingTests {
    static let resource = Resource(attributes: [Attribute("service.name", "edge"), Attribute("process.pid", 7)])
    static let scope = InstrumentationScope(name: "sipray", version: "1.2")

    static var full: Span {
        var span = Span(
            traceID: TraceID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10),
            spanID: SpanID(0xeee1_9b7e_c3c1_b174),
            name: "INVITE \"request\"", kind: .server, startNanoseconds: 1_544_712_660_000_000_001,
            endNanoseconds: .max)
        span.parentSpanID = SpanID(0x00ff)
        span.traceState = "a=b"
        span.flags = [.sampled, .hasIsRemote]
        span.attributes = [
            Attribute("s", "ünï\n"), Attribute("i", .int(-9_007_199_254_740_993)), Attribute("d", .double(0.5)),
            Attribute("b", false), Attribute("e", ""),
            Attribute("l", .array([.string("x"), .string("y")])), Attribute("n", .double(.nan)),
        ]
        var event = SpanEvent(name: "log", nanoseconds: 5, attributes: [Attribute("level", 3)])
        event.droppedAttributes = 4
        span.events = [event]
        var link = SpanLink(
            traceID: TraceID(high: 1, low: 2), spanID: SpanID(3), attributes: [Attribute("why", "resume")])
        link.flags = .sampled
        span.links = [link]
        span.status = .error("no route")
        span.dropped.attributes = 1
        span.dropped.events = 2
        span.dropped.links = 3
        return span
    }

    static var plain: Span {
        Span(
            traceID: TraceID(high: 0, low: 1), spanID: SpanID(1), name: "x", startNanoseconds: 1, endNanoseconds: 2)
    }

    @Test func protobufHoldsEverything() throws {
        let encoder = TraceEncoder(encoding: .protobuf, resource: Self.resource, scope: Self.scope)
        let request = try WireRequest(serializedBytes: encoder.encode([Self.full, Self.plain]))
        let resourceSpans = try #require(request.resourceSpans.first)
        #expect(request.resourceSpans.count == 1)
        #expect(resourceSpans.resource.attributes.map(\.key) == ["service.name", "process.pid"])
        #expect(resourceSpans.scopeSpans.first?.scope.name == "sipray")
        #expect(resourceSpans.scopeSpans.first?.scope.version == "1.2")
        let spans = try #require(resourceSpans.scopeSpans.first?.spans)
        #expect(spans.count == 2)
        let span = spans[0]
        #expect(Array(span.traceID) == Array(1...16))
        #expect(Array(span.spanID) == [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74])
        #expect(Array(span.parentSpanID) == [0, 0, 0, 0, 0, 0, 0, 0xff])
        #expect(span.traceState == "a=b" && span.flags == 0x101 && span.kind == .server)
        #expect(span.startTimeUnixNano == 1_544_712_660_000_000_001 && span.endTimeUnixNano == .max)
        #expect(span.attributes.count == 7)
        #expect(span.attributes[0].value.stringValue == "ünï\n")
        #expect(span.attributes[1].value.intValue == -9_007_199_254_740_993)
        #expect(span.attributes[2].value.doubleValue == 0.5)
        #expect(span.attributes[3].value.value == .boolValue(false))
        #expect(span.attributes[4].value.value == .stringValue(""))
        #expect(span.attributes[5].value.arrayValue.values.map(\.stringValue) == ["x", "y"])
        #expect(span.events.first?.droppedAttributesCount == 4 && span.events.first?.timeUnixNano == 5)
        #expect(span.links.first.map { Array($0.spanID) } == [0, 0, 0, 0, 0, 0, 0, 3])
        #expect(span.links.first?.flags == 1)
        #expect(span.status.code == .error && span.status.message == "no route")
        #expect(span.droppedAttributesCount == 1 && span.droppedEventsCount == 2 && span.droppedLinksCount == 3)
        #expect(spans[1].parentSpanID.isEmpty && !spans[1].hasStatus && spans[1].kind == .internal)
    }

    /// What protoc's own encoder (PyPI opentelemetry-proto 1.45.2) makes of the same span.
    @Test func protobufIsWhatOthersWrite() {
        let encoder = TraceEncoder(
            encoding: .protobuf, resource: Resource(attributes: [Attribute("service.name", "edge")]), scope: Self.scope)
        let written = encoder.encode([Self.plain]).map { String(format: "%02x", $0) }.joined()
        #expect(written == Self.golden)
    }

    static let golden =
        "0a600a180a160a0c736572766963652e6e616d6512060a046564676512440a0d0a067369707261791203312e32"
        + "12330a1000000000000000000000000000000001120800000000000000012a01783001390100000000000000410200000000000000"

    /// A request is put together from parts: it must be what swift-protobuf makes of all of it in one piece.
    @Test func protobufIsInOnePiece() throws {
        let encoder = TraceEncoder(encoding: .protobuf, resource: Self.resource, scope: Self.scope)
        var spans: [Span] = []
        for number in 0..<100 {
            var span = number.isMultiple(of: 3) ? Self.full : Self.plain
            span.traceID.low = UInt64(number / 4 + 1)
            span.flags = number.isMultiple(of: 5) ? .sampled : []
            span.attributes += [
                Attribute("many", .int(Int64(number))), Attribute("many", .string("value \(number)")),
                Attribute("few", .string(number.isMultiple(of: 2) ? "a" : "b")),
                Attribute("long", .string(String(repeating: "x", count: number * 3))),
            ]
            spans.append(span)
        }
        for count in [0, 1, 100] {
            let written = encoder.encode(spans[..<count])
            let request = try WireRequest(serializedBytes: written)
            let inOnePiece: [UInt8] = try request.serializedBytes()
            #expect(written == inOnePiece)
            let read = try #require(request.resourceSpans.first?.scopeSpans.first?.spans)
            #expect(read.map(\.attributes.count) == spans[..<count].map(\.attributes.count))
            for (read, span) in zip(read, spans) {
                #expect(read.attributes.suffix(4).map(\.key) == ["many", "many", "few", "long"])
                #expect(
                    read.attributes.suffix(4).map { AttributeValue($0.value) } == span.attributes.suffix(4).map(\.value)
                )
                #expect(Array(read.traceID) == span.traceID.bytes && read.flags == span.flags.rawValue)
            }
        }
    }

    /// Texts that Unicode takes for the same leave as they came.
    @Test func equalTextsKeepTheirBytes() throws {
        let texts = ["\u{e9}", "e\u{301}", "K", "\u{212a}", "\u{e9}"]
        var span = Self.plain
        span.attributes = texts.map { Attribute("k", .string($0)) }
        let encoder = TraceEncoder(encoding: .protobuf, resource: Self.resource, scope: Self.scope)
        let request = try WireRequest(serializedBytes: encoder.encode([span]))
        let read = try #require(request.resourceSpans.first?.scopeSpans.first?.spans.first)
        #expect(read.attributes.map { Array($0.value.stringValue.utf8) } == texts.map { Array($0.utf8) })
    }

    @Test func jsonFollowsTheRulesOfOTLP() throws {
        let encoder = TraceEncoder(encoding: .json, resource: Self.resource, scope: Self.scope)
        let text = String(decoding: encoder.encode([Self.full, Self.plain]), as: UTF8.self)
        let expected =
            #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"edge"}},"#
            + #"{"key":"process.pid","value":{"intValue":"7"}}]},"scopeSpans":[{"scope":{"name":"sipray","version":"1.2"},"#
            + #""spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"eee19b7ec3c1b174","#
            + #""parentSpanId":"00000000000000ff","traceState":"a=b","flags":257,"name":"INVITE \"request\"","kind":2,"#
            + #""startTimeUnixNano":"1544712660000000001","endTimeUnixNano":"18446744073709551615","#
            + #""attributes":[{"key":"s","value":{"stringValue":"ünï\n"}},{"key":"i","value":{"intValue":"-9007199254740993"}},"#
            + #"{"key":"d","value":{"doubleValue":0.5}},{"key":"b","value":{"boolValue":false}},{"key":"e","value":{"stringValue":""}},"#
            + #"{"key":"l","value":{"arrayValue":{"values":[{"stringValue":"x"},{"stringValue":"y"}]}}},"#
            + #"{"key":"n","value":{"doubleValue":"NaN"}}],"droppedAttributesCount":1,"#
            + #""events":[{"timeUnixNano":"5","name":"log","attributes":[{"key":"level","value":{"intValue":"3"}}],"#
            + #""droppedAttributesCount":4}],"droppedEventsCount":2,"#
            + #""links":[{"traceId":"00000000000000010000000000000002","spanId":"0000000000000003","#
            + #""attributes":[{"key":"why","value":{"stringValue":"resume"}}],"flags":1}],"droppedLinksCount":3,"#
            + #""status":{"message":"no route","code":2}},"#
            + #"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"x","kind":1,"#
            + #""startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#
        #expect(text == expected)
        #expect(throws: Never.self) { try JSONParser.parse(text) }
    }

    @Test(arguments: [
        ("{}", 0, ""), (#"{"partialSuccess":{}}"#, 0, ""),
        (#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"m"}}"#, 3, "m"),
        (#"{"partialSuccess":{"rejectedSpans":3}}"#, 3, ""), (#"{"partialSuccess":{"rejectedSpans":-3}}"#, 0, ""),
        (#"{"partialSuccess":{"rejectedSpans":"x"},"more":1}"#, 0, ""), ("", 0, ""),
    ])
    func answersInJSON(text: String, rejected: Int, message: String) {
        #expect(
            TraceAnswer(Array(text.utf8), encoding: .json) == TraceAnswer(rejectedSpans: rejected, message: message))
    }

    @Test(arguments: ["[]", "null", "<html>", "{", "3"])
    func whatIsNoAnswerInJSON(text: String) {
        #expect(TraceAnswer(Array(text.utf8), encoding: .json) == nil)
    }

    @Test func answersInProtobuf() throws {
        var response = WireResponse()
        response.partialSuccess.rejectedSpans = 4
        response.partialSuccess.errorMessage = "quota"
        let bytes: [UInt8] = try response.serializedBytes()
        #expect(TraceAnswer(bytes, encoding: .protobuf) == TraceAnswer(rejectedSpans: 4, message: "quota"))
        #expect(TraceAnswer([], encoding: .protobuf) == TraceAnswer())
        #expect(TraceAnswer(Array("<html>garbage".utf8), encoding: .protobuf) == nil)
    }

    @Test(arguments: [0, 1, 100, 16384, 100_000])
    func gzipRoundTrip(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        let compressed = try #require(Gzip.compress(bytes))
        #expect(try Gzip.decompress(compressed, limit: count) == bytes)
        if count > 0 {
            #expect(throws: Gzip.Fault.tooLong) { try Gzip.decompress(compressed, limit: count - 1) }
            #expect(throws: Gzip.Fault.broken) { try Gzip.decompress(compressed.dropLast(9), limit: count) }
        }
    }

    @Test func aGzipBombStopsAtTheLimit() throws {
        let bomb = try #require(Gzip.compress([UInt8](repeating: 0, count: 32 << 20)))
        #expect(bomb.count < 200_000)
        #expect(throws: Gzip.Fault.tooLong) { try Gzip.decompress(bomb, limit: ExportLimits.answerBytesMax) }
        #expect(throws: Gzip.Fault.broken) { try Gzip.decompress(Array("no gzip".utf8), limit: 10) }
    }
}

extension Gzip {
    fileprivate static func decompress(_ bytes: ArraySlice<UInt8>, limit: Int) throws(Fault) -> [UInt8] {
        try decompress(Array(bytes), limit: limit)
    }
}

extension AttributeValue {
    fileprivate init?(_ wire: WireAnyValue) {
        switch wire.value {
        case .stringValue(let text): self = .string(text)
        case .intValue(let number): self = .int(number)
        default: return nil
        }
    }
}
