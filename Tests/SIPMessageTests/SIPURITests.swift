import Bytes
import SIPMessage
import Testing

@Suite struct SIPURITests {
    @Test func everyPart() throws {
        let uri = try #require(SIPURI("sips:alice:secret@[2001:db8::1]:5070;transport=TCP;lr?subject=x&to=y"))
        #expect(uri.scheme == .sips && uri.isSecure && uri.schemeText == "sips")
        #expect(uri.hasUser && uri.user == "alice" && uri.password == "secret")
        #expect(uri.host == "[2001:db8::1]" && uri.host.withoutBrackets == "2001:db8::1" && uri.port == 5070)
        #expect(uri.transport == "TCP" && uri.isLooseRouter && uri.parameters.contains("LR"))
        #expect(uri.headers.map { uri.headers.name(of: $0).string } == ["subject", "to"])
        #expect(uri.headers.value("to") == "y")
    }

    @Test func schemes() throws {
        let tel = try #require(SIPURI("tel:+1-201-555-0123;phone-context=example.com"))
        #expect(tel.scheme == .tel && tel.user == "+1-201-555-0123" && tel.host.isEmpty)
        #expect(tel.parameters.value("phone-context") == "example.com")
        let other = try #require(SIPURI("http://example.com/"))
        #expect(other.scheme == .other && other.schemeText == "http" && other.host == "//example.com/")
        let plain = try #require(SIPURI("SIP:example.com"))
        #expect(plain.scheme == .sip && !plain.hasUser && plain.port == nil && plain.effectivePort == 5060)
        #expect(SIPURI("sips:example.com")?.effectivePort == 5061)
    }

    @Test(arguments: [
        "", "sip", "sip:", "sip:@h", "sip:a@", "sip:a@h:", "sip:a@h:x", "sip:a@h:65536", "sip:a@h x", "sip:a b@h",
        "sip:a@[::1",
        "sip:a@b@c", "sip:2001:db8::10", "sip:a%4@h", "sip:a%zz@h", "sip:h;x=\"y\"", "<sip:a@h>", "1sip:a@h", "tel:",
        "tel:+",
        "tel:x1z", "sip:a@h/x", "sip:a@h;x=<", ":x", "s p:x",
    ])
    func refuses(_ text: String) {
        #expect(SIPURI(ByteString(text)) == nil)
    }

    /// The examples of RFC 3261 §19.1.4 and their neighbours.
    static let pairs: [(String, String, Bool)] = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
        ("sip:a@h", "sips:a@h", false),
        ("sip:a:p@h", "sip:a@h", false),
        ("sip:a;b@h", "sip:a%3bb@h", false),
        ("sip:h;maddr=1", "sip:h", false),
        ("sip:h;lr", "sip:h", true),
        ("tel:+1-201-555-0123", "tel:+12015550123", true),
        ("tel:+12015550123", "tel:+12015550124", false),
        ("urn:Service:sos", "urn:service:sos", true),
        ("sip:+1@h", "tel:+1", false),
    ]

    @Test(arguments: pairs)
    func equality(_ left: String, _ right: String, _ isSame: Bool) throws {
        let (one, two) = (try #require(SIPURI(ByteString(left))), try #require(SIPURI(ByteString(right))))
        #expect(one.isEquivalent(to: two) == isSame && two.isEquivalent(to: one) == isSame)
        #expect(one.isEquivalent(to: one))
    }

    @Test func percentCodingGoesBothWays() {
        #expect(ByteString("a%20b%zz%4").percentDecoded() == "a b%zz%4")
        #expect(ByteString("a b@c%").percentEncodedUser() == "a%20b%40c%25")
        let all = ByteString((UInt8.min...UInt8.max).map { $0 })
        #expect(all.percentEncodedUser().percentDecoded() == all)
    }
}
