import Bytes
import Testing

@Suite struct ByteStringTests {
    private let text = ByteString("INVITE sip:bob@example.net SIP/2.0")

    @Test func sliceSharesStorageAndCountsFromItsStart() {
        let uri = text.slice(7..<26)
        #expect(uri == "sip:bob@example.net")
        #expect(uri.slice(4..<7) == "bob")
        #expect(uri[0] == UInt8(ascii: "s"))
        #expect(uri.first(of: ASCII.at) == 7)
        #expect(uri.slice(4..<7).range == ByteRange(11, 14))
        #expect(uri.compacted().storage.count == 19)
    }

    @Test func equalityIsOfBytesNotOfPlaces() {
        let other = ByteString("xx sip:bob@example.net").dropFirst(3)
        #expect(text.slice(7..<26) == other)
        #expect(text.slice(7..<26).hashValue == other.hashValue)
        #expect(ByteString("abc") != ByteString("abC"))
        #expect(ByteString("abcdefghi") != ByteString("abcdefghj"))
        #expect(ByteString.empty == ByteString(""))
        #expect(ByteString.empty == ("" as StaticString))
        #expect(ByteString("a") != ("" as StaticString))
    }

    @Test func caseIsIgnoredForLettersOnly() {
        #expect(ByteString("Content-LENGTH").equalsIgnoringCase("content-length"))
        #expect(ByteString("Via").equalsIgnoringCase(ByteString("vIA")))
        #expect(!ByteString("a[").equalsIgnoringCase("a{"))
        #expect(!ByteString("Via").equalsIgnoringCase("Vias"))
        #expect(text.hasPrefixIgnoringCase("invite "))
        #expect(!ByteString("in").hasPrefixIgnoringCase("invite"))
        #expect(ByteString("Via").hashIgnoringCase() == ByteString("VIA").hashIgnoringCase())
        #expect(ByteString("Via").stableHash() != ByteString("VIA").stableHash())
        #expect(ByteString("Via").hashIgnoringCase(seed: 1) != ByteString("Via").hashIgnoringCase(seed: 2))
    }

    @Test(arguments: [
        ("0", 0), ("5060", 5060), ("-7", -7), ("+7", 7), ("9223372036854775807", Int.max),
        ("-9223372036854775808", Int.min), ("0009", 9),
    ])
    func decimalReads(_ text: String, _ value: Int) {
        #expect(ByteString(text).decimal() == value)
    }

    @Test(arguments: ["", "-", "+", "1a", " 1", "9223372036854775808", "-9223372036854775809", "0x1"])
    func decimalRefuses(_ text: String) {
        #expect(ByteString(text).decimal() == nil)
    }

    @Test func hexadecimalReadsUpTo64Bits() {
        #expect(ByteString("ff").hexadecimal() == 255)
        #expect(ByteString("FFFFFFFFFFFFFFFF").hexadecimal() == UInt64.max)
        #expect(ByteString("10000000000000000").hexadecimal() == nil)
        #expect(ByteString("").hexadecimal() == nil)
        #expect(ByteString("0x1").hexadecimal() == nil)
    }

    @Test func textHelpers() {
        #expect(ByteString(" \t\r\n a b \r\n").trimmed() == "a b")
        #expect(ByteString("  ").trimmed().isEmpty)
        #expect(ByteString("AbC").lowercased() == "abc")
        #expect(ByteString("AbC").uppercased() == "ABC")
        #expect(ByteString("a,b,,c").split(at: ASCII.comma).map(\.string) == ["a", "b", "", "c"])
        #expect(ByteString("").split(at: ASCII.comma).count == 1)
        #expect(ByteString("xxabab").first(of: ByteString("ab")) == 2)
        #expect(ByteString("xxabab").first(of: ByteString("AB"), from: 3, ignoringCase: true) == 4)
        #expect(ByteString("xxabab").first(of: ByteString("abc")) == nil)
        #expect(ByteString("abc").first(of: ByteString("")) == 0)
        #expect(ByteString("a@b@c").last(of: ASCII.at) == 3)
        #expect(ByteString("abc").hasSuffix("bc"))
        #expect(!ByteString("c").hasSuffix("bc"))
        #expect((ByteString("a") + ByteString("b")).string == "ab")
    }

    @Test func withBytesRethrowsItsError() {
        struct Refused: Error {}
        #expect(throws: Refused.self) { try text.withBytes { (_) throws(Refused) -> Int in throw Refused() } }
        #expect(text.slice(0..<6).withBytes { $0.count } == 6)
    }
}
