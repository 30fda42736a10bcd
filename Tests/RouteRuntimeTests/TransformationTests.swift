import Bytes
import Testing

@testable import RouteRuntime

/// Each transformation with the values that its manual gives, and with vectors of the standards.
@Suite struct TransformationTests {
    @Test(
        arguments: [
            ("abc", "s.len", "3"), ("2868.12 sec", "s.int", "2868"), ("sec", "s.int", "0"), ("-12x", "s.int", "-12"),
            ("onetwothree", "s.reverse", "eerhtowteno"),
            ("abcd", "s.substr,1,0", "bcd"), ("abcd", "s.substr,-2,1", "c"), ("abcd", "s.substr,0,-1", "abc"),
            ("abcd", "s.substr,1,99", "bcd"), ("abcd", "s.substr,9,1", "<null>"),
            ("12,34,56", "s.select,1,,", "34"), ("12,34,56", "s.select,-2,,", "34"), ("a;;b", "s.select,1,;", ""),
            ("a;b", "s.select,5,;", "<null>"),
            ("AbC", "s.tolower", "abc"), ("AbC", "s.toupper", "ABC"),
            ("onetwothreeone", "s.index, one", "0"), ("onetwothreeone", "s.index, one, 3", "11"),
            ("onetwothreeone", "s.index, one, -11", "11"), ("onetwothreeone", "s.index, one, -25", "11"),
            ("onetwothreeone", "s.index, four", "<null>"),
            ("onetwothreeone", "s.rindex, one", "11"), ("onetwothreeone", "s.rindex, one, -3", "11"),
            ("onetwothreeone", "s.rindex, one, 11", "11"), ("onetwothreeone", "s.rindex, one, -4", "0"),
            ("485", "s.fill.left, 0, 3", "485"), ("485", "s.fill.left, 0, 6", "000485"),
            ("485", "s.fill.left, abc, 8", "bcabc485"), ("485", "s.fill.right, 0, 6", "485000"),
            ("485", "s.fill.right, abc, 8", "485abcab"),
            ("transformation", "s.width, 14", "transformation"), ("transformation", "s.width, 16", "transformation  "),
            ("transformation", "s.width, 9", "transform"),
            ("  in put ", "s.trim", "in put"), ("  in ", "s.triml", "in "), ("  in ", "s.trimr", "  in"),
            ("255", "s.dec2hex", "ff"), ("ff", "s.hex2dec", "255"), ("zz", "s.hex2dec", "<null>"),
            ("Thu, 13 Jun 2024 12:48:00 GMT", "s.date2unix", "1718282880"),
            ("AB", "s.encode.hexa", "4142"), ("4142", "s.decode.hexa", "AB"), ("4", "s.decode.hexa", "<null>"),
            ("a b@c", "s.escape.user", "a%20b%40c"), ("a%20b%40c", "s.unescape.user", "a b@c"),
            ("a=b", "s.escape.param", "a%3db"), ("a%3db", "s.unescape.param", "a=b"),
            ("a%", "s.unescape.param", "<null>"),
            ("it's", "s.escape.common", "it\\'s"), ("it\\'s", "s.unescape.common", "it's"),
            ("aaa", "s.xor,x", "\u{19}\u{19}\u{19}"),
            ("Man", "s.b64encode", "TWFu"), ("Ma", "s.b64encode", "TWE="), ("TWE=", "s.b64decode", "Ma"),
            ("123456789", "s.crc32", "3421780262"),
            ("abc", "s.md5", "900150983cd24fb0d6963f7d28e17f72"),
            ("abc", "s.sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("abc", "s.sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            ("abc", "s.sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abc", "s.sha384",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
            ),
            (
                "abc", "s.sha512",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
            ("what do ya want for nothing?", "s.sha1_hmac,Jefe", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (
                "what do ya want for nothing?", "s.sha256_hmac,Jefe",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                "what do ya want for nothing?", "s.sha512_hmac,Jefe",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                    + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
            ),
            ("sip:a@h.com:99;x=y;transport=tls;lr?s=1", "uri.user", "a"), ("sip:a:pw@h.com", "uri.passwd", "pw"),
            ("sip:a@h.com:99", "uri.host", "h.com"), ("sip:a@[2001:db8::1]:5070", "uri.host", "[2001:db8::1]"),
            ("sip:a@[2001:db8::1]", "uri.domain", "[2001:db8::1]"),
            ("sip:a@[2001:db8::1]", "uri.host}{ip.isip6", "1"),
            ("sip:a@h.com:99", "uri.port", "99"), ("sip:a@h.com", "uri.port", "<null>"),
            ("sip:a@h;x=y;lr?s=1", "uri.params", "x=y;lr"), ("sip:a@h;x=y?s=1", "uri.headers", "s=1"),
            ("sip:a@h;transport=tls", "uri.transport", "tls"), ("sip:a@h;x=y", "uri.param,x", "y"),
            ("sip:a@h;x=y", "uri.param,z", "<null>"), ("sips:a@h", "uri.schema", "sips"),
            ("sip:a@h;maddr=1.2.3.4;ttl=3;user=phone;method=BYE;r2=on", "uri.maddr", "1.2.3.4"),
            ("sip:a@h;ttl=3", "uri.ttl", "3"), ("sip:a@h;user=phone", "uri.uparam", "phone"),
            ("sip:a@h;method=BYE", "uri.method", "BYE"), ("sip:a@h;r2=on", "uri.r2", "on"),
            ("sip:", "uri.user", "<null>"),
            ("SIP/2.0/UDP h:5066;branch=z9;rport=7;received=1.2.3.4", "via.port", "5066"),
            ("SIP/2.0/UDP h:5066;branch=z9;rport=7", "via.transport", "UDP"),
            ("SIP/2.0/UDP h:5066;branch=z9;rport=7", "via.host", "h"),
            ("SIP/2.0/UDP h:5066;branch=z9;rport=7", "via.branch", "z9"),
            ("SIP/2.0/UDP h:5066;branch=z9;rport=7", "via.rport", "7"),
            ("SIP/2.0/UDP h;received=1.2.3.4", "via.received", "1.2.3.4"), ("SIP/2.0/UDP h", "via.name", "SIP"),
            ("SIP/2.0/UDP h", "via.version", "2.0"), ("SIP/2.0/UDP h;a=1;b", "via.params", "a=1;b"),
            ("SIP/2.0/UDP h;a=1", "via.param,a", "1"),
            ("a=1;b=2;c=3", "param.value,c", "3"), ("a=0;b=2;ob;c=3", "param.exist,ob", "1"),
            ("a=0;ob", "param.exist,foo", "0"), ("a=1;b=2;c=3", "param.valueat,1", "2"),
            ("a=1;b=2;c=3", "param.valueat,-1", "3"), ("a=1;b=2;c=3", "param.name,1", "b"),
            ("a=1;b=2;c=3", "param.count", "3"),
            ("192.168.4.134", "ip.isip", "1"), ("194.168.4.134.1", "ip.isip", "0"), ("194.168.4.134", "ip.isip4", "1"),
            ("194.168.4.134", "ip.isip6", "0"), ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "ip.isip6", "1"),
            ("194.168.4.134", "ip.pton}{ip.ntop", "194.168.4.134"), ("194.168.4.134", "ip.pton}{ip.family", "INET"),
            ("10.10.0.9", "ip.matches,10.10.0.1/24", "1"), ("10.11.0.9", "ip.matches,10.10.0.1/24", "0"),
            ("192.168.1.1", "ip.isprivate", "1"), ("8.8.8.8", "ip.isprivate", "0"), ("127.0.0.1", "ip.isprivate", "1"),
            ("a,b,c", "csv.count", "3"), ("a,b,c", "csv.value,2", "c"), ("a,b,c", "csv.value,-3", "a"),
            ("a,b", "csv.value,7", "<null>"),
            ("abc", "re.subst,/b/B/g", "aBc"), ("aaa", "re.subst,/a/b/", "baa"), ("AbA", "re.subst,/a/x/ig", "xbx"),
            ("user123", "re.subst,/([a-z]+)([0-9]+)/\\2-\\1/", "123-user"), ("abc", "re.subst,/x/y/", "abc"),
        ])
    func text(_ input: String, _ transformation: String, _ expected: String) throws {
        let quoted = input.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        let escaped = transformation.replacing("\\", with: "\\\\")
        #expect(
            try ScriptHarness.print("$(var(in){\(escaped)})", after: "$var(in) = \"\(quoted)\";") == expected,
            "\(input) {\(transformation)}")
    }

    @Test(
        arguments: [
            ("nameaddr.name", "first"), ("nameaddr.0.name", "first"), ("nameaddr.1.name", "second"),
            ("nameaddr.-1.name", "second"), ("nameaddr.uri", "sip:first@opensips.org"),
            ("nameaddr.param,tag", "dat43h"), ("nameaddr.params", "tag=dat43h;private=yes"), ("nameaddr.len", "55"),
        ])
    func nameAddresses(_ transformation: String, _ expected: String) throws {
        let input =
            "'\"first\" <sip:first@opensips.org>;tag=dat43h;private=yes, \"second\" <sip:second@opensips.org>'"
        #expect(
            try ScriptHarness.print("$(var(in){\(transformation)})", after: "$var(in) = \(input);") == expected)
    }

    @Test(
        arguments: [
            ("sdp.line,m", "m=audio 4000 RTP/AVP 0"), ("sdp.line,m,1", "m=video 4002 RTP/AVP 31"),
            ("sdp.line,k", "<null>"), ("sdp.stream,0", "m=audio 4000 RTP/AVP 0\r\na=x\r\n"),
            ("sdp.stream,video", "m=video 4002 RTP/AVP 31\r\n"), ("sdp.stream,-1", "m=video 4002 RTP/AVP 31\r\n"),
            ("sdp.stream,image", "<null>"), ("sdp.stream-delete,audio}{sdp.stream,0", "m=video 4002 RTP/AVP 31\r\n"),
        ])
    func sessionDescriptions(_ transformation: String, _ expected: String) throws {
        let body = "v=0\\r\\nm=audio 4000 RTP/AVP 0\\r\\na=x\\r\\nm=video 4002 RTP/AVP 31\\r\\n"
        #expect(
            try ScriptHarness.print("$(var(in){\(transformation)})", after: "$var(in) = \"\(body)\";") == expected)
    }

    @Test func argumentsMayBeVariables() throws {
        let chained = try ScriptHarness.print(
            "$(var(x){param.value,$(var(x){param.name,1})}{s.len})", after: "$var(x) = \"a=1;b=22;c=333\";")
        #expect(chained == "2")
        let substituted = try ScriptHarness.print(
            "$(var(in){re.subst,$var(reg)})", after: "$var(in) = \"abc\"; $var(reg) = \"/a/A/g\";")
        #expect(substituted == "Abc")
    }

    @Test func nullStaysNull() throws {
        #expect(try ScriptHarness.print("$(var(none){s.len})") == "<null>")
        #expect(try ScriptHarness.print("$(var(none){uri.user}{s.toupper})") == "<null>")
    }

    /// Keys longer than a block are hashed first (RFC 4231, case 6).
    @Test func longKeys() {
        let message = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        let digest = Digest.hmac(Digest.sha256, block: 64, key: [UInt8](repeating: 0xaa, count: 131), message)
        let text = EncodingTransformations.hexadecimal(digest[...]).string
        #expect(text == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    /// Lengths around the padding's block border.
    @Test(arguments: [
        (55, "ef1772b6dff9a122358552954ad0df65"), (56, "3b0c8ac703f828b04c6c197006d17218"),
        (64, "014842d480b571495a4a0363793f7367"),
    ])
    func paddingBorders(_ length: Int, _ expected: String) {
        let digest = Digest.md5([UInt8](repeating: UInt8(ascii: "a"), count: length))
        #expect(EncodingTransformations.hexadecimal(digest[...]).string == expected)
    }
}
