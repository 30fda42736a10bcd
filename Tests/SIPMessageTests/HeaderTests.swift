import Bytes
import SIPMessage
import Testing

@Suite struct HeaderTests {
    @Test func viaIsTakenApart() throws {
        let via = try #require(
            Via("SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6.1"))
        #expect(via.transport == "UDP" && via.host == "first.example.com" && via.port == 4000)
        #expect(via.branch == "z9hG4bKa7c6.1" && via.hasMagicCookie && via.maddr == "224.2.0.1")
        #expect(via.parameters.value("TTL") == "16" && !via.hasRport && via.received == nil)
    }

    @Test(
        arguments: [
            ("SIP/2.0/TCP [2001:db8::1]:5061;rport;received=[2001:db8::2]", "[2001:db8::1]", 5061, "2001:db8::2", nil),
            (
                "SIP/2.0/WS df7jal23ls0d.invalid;rport=4444;received=192.0.2.1", "df7jal23ls0d.invalid", nil,
                "192.0.2.1", 4444
            ),
        ] as [(String, String, UInt16?, String, UInt16?)])
    func viaSourceParameters(_ text: String, _ host: String, _ port: UInt16?, _ received: String, _ rport: UInt16?)
        throws
    {
        let via = try #require(Via(ByteString(text)))
        #expect(via.host == ByteString(host) && via.port == port)
        #expect(via.received == ByteString(received) && via.hasRport && via.rport == rport)
    }

    @Test(arguments: [
        "", "SIP", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/3.0/UDP a", "SIP/2.0/UDP a:b", "SIP/2.0/UDP a:65536",
        "SIP/2.0/UDP a b", "SIP/2.0/UDP [::1", "SIP/2.0/UDPa", "SIP/2.0/UDP []",
    ])
    func viaRefuses(_ text: String) {
        #expect(Via(ByteString(text)) == nil)
    }

    @Test func viasCountOverFieldsAndCommas() throws {
        let message = try Message.parse(
            Samples.request("Via: SIP/2.0/TCP b , SIP/2.0/UDP c;x=\"a,b\"\nv: SIP/2.0/UDP d"))
        #expect((0..<5).map { message.via($0)?.host.string } == ["192.0.2.1", "b", "c", "d", nil])
    }

    static let addresses: [(String, String, String, String?)] = [
        ("sip:a@b", "", "sip:a@b", nil),
        ("sip:a@b;tag=1", "", "sip:a@b", "1"),
        ("<sip:a@b;tag=no>;tag=yes", "", "sip:a@b;tag=no", "yes"),
        ("\"A. \\\"<B>\\\"\" <sip:a@b>;TAG = x ", "\"A. \\\"<B>\\\"\"", "sip:a@b", "x"),
        ("Bob<sip:a@b>", "Bob", "sip:a@b", nil),
        ("Bob B  <sip:a@b>;tag", "Bob B", "sip:a@b", nil),
        ("< sip:a@b >", "", "sip:a@b", nil),
        ("sip:a@b ; x=\"<;>\" ; tag=2", "", "sip:a@b", "2"),
    ]

    @Test(arguments: addresses)
    func addressIsTakenApart(_ text: String, _ display: String, _ uri: String, _ tag: String?) throws {
        let address = try #require(NameAddress(ByteString(text)))
        #expect(address.displayName == ByteString(display) && address.uriText == ByteString(uri))
        #expect(address.tag?.string == tag)
    }

    @Test(arguments: ["", "  ", "<>", "<sip:a@b", "\"x", "\"x\"", "<sip:a@b> x", "\"x <sip:a@b>"])
    func addressRefuses(_ text: String) {
        #expect(NameAddress(ByteString(text)) == nil)
    }

    @Test func listsAreSplitAtTheirOwnCommasOnly() throws {
        let message = try Message.parse(
            Samples.request("Contact: \"a,b\" <sip:x,y@h>;q=0.5, <sip:2@h>;expires=60 ,, sip:3@h\nm: *"))
        let contacts = Array(message.contacts)
        #expect(contacts.map(\.uriText.string) == ["sip:x,y@h", "sip:2@h", "sip:3@h", "*"])
        #expect(contacts[0].qThousandths == 500 && contacts[0].expires == nil && contacts[1].expires == 60)
        #expect(contacts[3].isAsterisk)
        #expect(
            try Message.parse(Samples.invite).routes.map(\.uriText.string) == [
                "sip:ss1.example.com;lr", "sip:ss2.example.com;lr",
            ])
    }

    @Test(arguments: [("0", 0), ("1", 1000), ("0.", 0), ("0.7", 700), ("0.123", 123), ("1.000", 1000)])
    func qValueReads(_ text: String, _ value: Int) { #expect(ByteString(text).qThousandths == value) }

    @Test(arguments: ["", "2", "1.1", "0.1234", ".5", "0,5", "-1", "0.x"])
    func qValueRefuses(_ text: String) { #expect(ByteString(text).qThousandths == nil) }

    @Test(arguments: ["", "1", "INVITE", "1INVITE", "2147483648 INVITE", "-1 INVITE", "1 INVITE x", "1 ", "1 IN VITE"])
    func cseqRefuses(_ text: String) { #expect(CSeq(ByteString(text)) == nil) }

    @Test func numbersAndTheirNeighbours() throws {
        let message = try Message.parse(
            Samples.request(
                "Expires: 3600\nSession-Expires: 1800;refresher=uac\nRetry-After: 120 (busy);duration=60\nMin-SE: 9x\n"
                    + "RSeq: 4294967296\nRAck: 776656 1 INVITE\nMin-Expires:"))
        #expect(
            message.expires == 3600 && message.number(.sessionExpires) == 1800 && message.number(.retryAfter) == 120)
        #expect(message.number(.minSE) == nil && message.number(.rseq) == nil && message.number(.minExpires) == nil)
        #expect(message.parameterized(.sessionExpires)?.parameters.value("refresher") == "uac")
        #expect(message.rack?.responseNumber == 776_656 && message.rack?.cseq.method == .invite)
        #expect(RAck("1 2") == nil && RAck("x 1 INVITE") == nil && RAck("1") == nil)
    }

    @Test func credentialsAreTakenApart() throws {
        let message = try Message.parse(
            Samples.request(
                "Authorization: Digest username=\"a, \\\"b\\\"\", realm=\"one\",nc=00000001\n"
                    + "Authorization: Digest realm=\"two\" , uri=\"sip:x\", qop=auth"))
        let found = message.all(.authorization).map { Credentials(message.value(of: $0)) }
        let one = try #require(found.first ?? nil)
        #expect(one.scheme == "Digest" && one.value("username") == "a, \"b\"" && one.value("NC") == "00000001")
        #expect(one.value("realm") == "one" && found.last??.value("qop") == "auth")
        #expect(Credentials("Digest") == nil && Credentials("") == nil)
    }

    @Test func quotedTextGoesBothWays() {
        #expect(ByteString("\"a\\\"b\\\\\"").unquoted() == "a\"b\\")
        #expect(ByteString("token").unquoted() == "token")
        #expect(ByteString("a\"b\\").quoted() == "\"a\\\"b\\\\\"")
        for text in ["", "x", "\"", "\\", "\\\"\\"] {
            #expect(ByteString(text).quoted().unquoted() == ByteString(text))
        }
    }

    @Test func mediaTypeAndParameters() throws {
        let type = try #require(MediaType("Multipart / Mixed ; boundary=\"a;b\"; charset=utf-8"))
        #expect(type.matches("multipart", "mixed") && type.parameters.value("boundary") == "\"a;b\"")
        #expect(type.parameters.value("charset") == "utf-8")
        for text in ["", "text", "text/", "/plain", "te xt/plain"] { #expect(MediaType(ByteString(text)) == nil) }
    }

    @Test func multipartBodyIsTakenApart() throws {
        let body =
            "preamble\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b1\r\n\r\nno headers\r\n--b1--\r\nafter"
        let message = try Message.parse(
            Samples.request(
                "Content-Type: multipart/mixed;boundary=\"b1\"\nContent-Length: \(body.utf8.count)", body: body))
        let parts = message.bodyParts.parts
        #expect(parts.map(\.body.string) == ["v=0\r\n", "no headers"])
        #expect(parts[0].isOf("application/sdp") && parts[1].contentType == "text/plain")
        let whole = try Message.parse(Samples.invite).bodyParts.parts
        #expect(whole.count == 1 && whole[0].isOf("application/sdp") && whole[0].headers.isEmpty)
    }

    /// A line that only begins with the boundary separates nothing (RFC 2046 §5.1.1).
    @Test func aLongerBoundaryIsAnother() {
        let parts = BodyParts("--b\r\n\r\none\r\n--bb\r\ntwo\r\n--b--", contentType: "multipart/mixed;boundary=b").parts
        #expect(parts.map(\.body.string) == ["one\r\n--bb\r\ntwo"])
    }

    @Test(
        arguments: [
            ("<sip:a@h>, <sip:b@h>", "<sip:a@h>"), (" , sip:a@h ,x", "sip:a@h"), ("<sip:a,b@h>,x", "<sip:a,b@h>"),
            (#""say \"x, y\"" <sip:a@h>, <sip:b@h>"#, #""say \"x, y\"" <sip:a@h>"#), ("", nil), (" ,", nil),
        ] as [(String, String?)])
    func firstOfAList(_ list: String, _ first: String?) {
        #expect(ByteString(list).firstListElement?.string == first)
    }
}
