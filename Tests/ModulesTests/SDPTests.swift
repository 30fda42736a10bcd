import Bytes
import Testing

@testable import Modules

private let offer: ByteString = """
    v=0\r
    o=alice 1 1 IN IP4 10.0.0.1\r
    s=-\r
    c=IN IP4 10.0.0.1\r
    t=0 0\r
    m=audio 49170 RTP/AVP 0 8 96 97 101\r
    a=rtpmap:0 PCMU/8000\r
    a=rtpmap:96 speex/8000\r
    a=rtpmap:97 speex/16000\r
    a=fmtp:97 mode=any\r
    a=rtpmap:101 telephone-event/8000\r
    a=sendrecv\r
    m=video 51372 RTP/SAVP 31 32\r
    a=rtpmap:32 MPV/90000\r

    """

@Suite("SDP edits")
struct SDPTests {
    @Test func untouchedTextStaysByteForByte() {
        for body in [offer, offer.dropLast(2), "v=0\ns=-\n", "no sdp"] {
            #expect(SDPText(body).serialized == body)
        }
        #expect(SDPText(offer).isWellFormed)
        #expect(!SDPText("hello").isWellFormed)
    }

    @Test func streams() {
        let streams = SDPText(offer).streams
        #expect(streams.map(\.media.string) == ["audio", "video"])
        #expect(streams.map(\.transport.string) == ["RTP/AVP", "RTP/SAVP"])
        #expect(streams.first?.formats.map(\.string) == ["0", "8", "96", "97", "101"])
    }

    /// Edit, codec, clock, result, formats of the first stream afterwards.
    static let edits: [(CodecEdit, String, String?, Bool, String)] = [
        (.exists, "SPEEX", nil, true, "0 8 96 97 101"),
        (.exists, "speex", "16000", true, "0 8 96 97 101"),
        (.exists, "speex", "32000", false, "0 8 96 97 101"),
        (.exists, "PCMA", "8000", true, "0 8 96 97 101"),
        (.delete, "speex", nil, true, "0 8 101"),
        (.delete, "speex", "16000", true, "0 8 96 101"),
        (.delete, "opus", nil, false, "0 8 96 97 101"),
        (.moveUp, "speex", nil, true, "96 97 0 8 101"),
        (.moveDown, "PCMU", nil, true, "8 96 97 101 0"),
        (.deleteOthers, "PCMA", nil, true, "8"),
    ]

    @Test(arguments: edits)
    func codec(_ edit: CodecEdit, name: String, clock: String?, expected: Bool, formats: String) {
        var text = SDPText(offer)
        let result = edit.apply(to: &text) { codec, rate in
            codec.equalsIgnoringCase(ByteString(name)) && (clock.map { rate == ByteString($0) } ?? true)
        }
        #expect(result == expected)
        #expect(text.streams.first?.formats.map(\.string).joined(separator: " ") == formats)
        #expect(text.isWellFormed)
    }

    @Test func deletedCodecsTakeTheirAttributesAlong() {
        var text = SDPText(offer)
        _ = CodecEdit.delete.apply(to: &text) { name, clock in clock == ("16000" as ByteString) }
        #expect(!text.lines.contains("a=rtpmap:97 speex/16000"))
        #expect(!text.lines.contains("a=fmtp:97 mode=any"))
        #expect(text.lines.contains("a=rtpmap:96 speex/8000"))
        #expect(text.lines.contains("m=audio 49170 RTP/AVP 0 8 96 101"))
    }

    /// RFC 4566 §9: an `m=` line has a format. A stream without any codec is refused (RFC 3264 §6).
    @Test func theLastCodecStaysAndTheStreamIsRefused() {
        for edit in [CodecEdit.delete, .deleteOthers] {
            var text = SDPText(offer)
            #expect(edit.apply(to: &text) { _, _ in edit == .delete })
            #expect(text.streams.map { $0.formats.map(\.string) } == [["0"], ["31"]])
            #expect(text.streams.map(\.port.string) == ["0", "0"])
            #expect(text.lines.filter { $0.hasPrefix("a=") } == ["a=rtpmap:0 PCMU/8000", "a=sendrecv"])
            #expect(text.isWellFormed)
        }
    }

    @Test func everyStreamOfEverySessionIsEdited() {
        var text = SDPText(offer + offer)
        #expect(text.streams.count == 4)
        #expect(CodecEdit.delete.apply(to: &text) { name, _ in name == "speex" || name == "MPV" })
        #expect(
            text.streams.map { $0.formats.map(\.string).joined(separator: " ") } == ["0 8 101", "31", "0 8 101", "31"])
        #expect(!text.lines.contains { $0.hasPrefix("a=rtpmap:9") || $0.hasPrefix("a=rtpmap:32") })
        #expect(text.lines.filter { $0 == "v=0" }.count == 2)
    }

    /// What was quadratic in streams, sessions, formats or attributes took seconds; 64 KB of each must not.
    @Test(arguments: [
        String(repeating: "m=audio 1 RTP/AVP 0 8\r\n", count: 2_700),
        String(repeating: "m=\nv=\n", count: 10_000),
        "m=audio 1 RTP/AVP" + (0..<5_000).map { " \($0)" }.joined() + "\r\n"
            + (0..<2_000).map { "a=rtpmap:\($0) x/8000\r\n" }.joined(),
        String(repeating: "a=sendrecv\r\n", count: 2_500) + String(repeating: "m=audio 1 X 0\r\n", count: 2_500),
    ])
    func costGrowsWithTheText(_ streams: String) {
        let body = ByteString("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\n" + streams)
        let took = ContinuousClock().measure {
            var text = SDPText(body)
            _ = CodecEdit.exists.apply(to: &text) { _, _ in false }
            _ = CodecEdit.moveDown.apply(to: &text) { name, _ in name == "PCMU" }
            _ = CodecEdit.delete.apply(to: &text) { name, _ in name == "PCMU" || name == "x" }
            _ = text.isWellFormed
            _ = HoldKind(text)
            _ = text.deleteStreams { $0.formats.isEmpty }
        }
        #expect(took < .seconds(5), "a debug build on a loaded machine takes 0.2 s")
    }

    @Test func deletedStreamsGoAsAWhole() {
        var text = SDPText(offer)
        #expect(text.deleteStreams { $0.media == ("video" as ByteString) })
        #expect(!text.deleteStreams { $0.media == ("video" as ByteString) })
        #expect(text.streams.count == 1)
        #expect(text.lines.last == ("a=sendrecv" as ByteString))
    }

    @Test(arguments: [
        ("a=sendrecv", "a=sendonly", HoldKind.direction as HoldKind?),
        ("a=sendrecv", "a=inactive", .direction),
        ("a=sendrecv", "a=recvonly", nil),
        ("c=IN IP4 10.0.0.1", "c=IN IP4 0.0.0.0", .nullAddress),
    ])
    func hold(line: String, instead: String, expected: HoldKind?) {
        let text = offer.string.replacing(line, with: instead)
        #expect(HoldKind(SDPText(ByteString(text))) == expected)
        #expect(HoldKind(SDPText(offer)) == nil)
    }
}
