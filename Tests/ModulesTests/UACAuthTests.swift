import Bytes
import SIPMessage
import Testing

@testable import Modules

/// Answers to challenges: the vectors of RFC 7616 §3.9, RFC 2069 and RFC 2617, and the choice among challenges.
@Suite struct UACAuthTests {
    struct Vector: CustomTestStringConvertible, Sendable {
        var name: String
        var challenge: String
        var user = "Mufasa"
        var password: String
        var clientNonce: String
        var count: UInt32 = 1
        var method = "GET"
        var uri = "/dir/index.html"
        var body = ""
        var response: String
        var testDescription: String { name }
    }

    static let http = "realm=\"http-auth@example.org\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
    static let httpNonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    static let old = "realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\""

    static let vectors = [
        Vector(
            name: "RFC 7616 MD5", challenge: http + "qop=\"auth, auth-int\", algorithm=MD5",
            password: "Circle of Life", clientNonce: httpNonce, response: "8ca523f5e9506fed4657c9700eebdbec"),
        Vector(
            name: "RFC 7616 SHA-256", challenge: http + "qop=\"auth\", algorithm=SHA-256",
            password: "Circle of Life", clientNonce: httpNonce,
            response: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        Vector(
            name: "RFC 7616 user in SHA-512-256",
            challenge: "realm=\"api@example.org\", nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", "
                + "qop=\"auth\", algorithm=SHA-512-256",
            user: "Jäsøn Doe", password: "Secret, or not?", clientNonce: "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
            uri: "/doe.json", response: "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c"),
        Vector(
            name: "RFC 2617", challenge: old + ", qop=\"auth\"", password: "Circle Of Life", clientNonce: "0a4f113b",
            response: "6629fae49393a05397450978507c4ef1"),
        Vector(
            name: "RFC 2069 (erratum 749)", challenge: old, password: "CircleOfLife", clientNonce: "ignored",
            response: "1949323746fe6a43ef61f9606e7febea"),
        Vector(
            name: "HA1 instead of a password", challenge: old + ", qop=auth",
            password: "0x939e7578ed9e3c518a452acee763bce9", clientNonce: "0a4f113b",
            response: "6629fae49393a05397450978507c4ef1"),
    ]

    @Test(arguments: vectors) func vector(_ vector: Vector) throws {
        let challenge = try #require(DigestChallenge(ByteString("Digest " + vector.challenge)))
        let credential = UACCredential(
            realm: challenge.realm, user: ByteString(vector.user), password: ByteString(vector.password))
        let answer = DigestAnswer(
            challenge, with: credential, clientNonce: ByteString(vector.clientNonce), nonceCount: vector.count)
        let response = answer.response(
            method: ByteString(vector.method), uri: ByteString(vector.uri), body: ByteString(vector.body))
        #expect(response.string == vector.response)
    }

    /// Worked out by hand with the formulas of RFC 7616 §3.4: sessions bind the nonces, `auth-int` the body, and the count
    /// counts.
    @Test(arguments: [
        ("MD5-sess", "auth", "", UInt32(1)), ("SHA-256-sess", "auth-int", "v=0\r\n", 1),
        ("SHA-256", "auth-int", "v=0\r\n", 1), ("MD5", "auth", "", 0x2a), ("SHA-512-256-sess", "auth", "", 2),
    ])
    func formulas(_ name: String, _ protection: String, _ body: String, _ count: UInt32) throws {
        let algorithm = try #require(DigestAlgorithm(ByteString(name)))
        let challenge = try #require(
            DigestChallenge(
                ByteString("Digest realm=\"r\", nonce=\"n\", opaque=\"o\", algorithm=\(name), qop=\"\(protection)\"")))
        let answer = DigestAnswer(
            challenge, with: UACCredential(realm: "r", user: "u", password: "p"), clientNonce: "c",
            nonceCount: count)
        var first = algorithm.hash("u", "r", "p")
        if name.hasSuffix("sess") { first = algorithm.hash(first, "n", "c") }
        let second =
            protection == "auth-int"
            ? algorithm.hash("INVITE", "sip:b@x", algorithm.hash(ByteString(body)))
            : algorithm.hash("INVITE", "sip:b@x")
        let digits = String(count, radix: 16)
        let counted = ByteString(String(repeating: "0", count: 8 - digits.count) + digits)
        let expected = algorithm.hash(first, "n", counted, "c", ByteString(protection), second)
        let value = answer.value(method: "INVITE", uri: "sip:b@x", body: ByteString(body)).string
        #expect(value.contains("response=\"\(expected)\""))
        #expect(value.contains("qop=\(protection), nc=\(counted)"))
        #expect(value.contains("cnonce=\"c\"") && value.contains("opaque=\"o\"") && value.contains("algorithm=\(name)"))
    }

    @Test func anAnswerWithoutProtectionSendsNoClientNonce() throws {
        let challenge = try #require(DigestChallenge("Digest realm=\"a\\\"b\", nonce=\"n\""))
        let answer = DigestAnswer(
            challenge, with: UACCredential(realm: challenge.realm, user: "u", password: "p"), clientNonce: "c")
        let value = answer.value(method: "BYE", uri: "sip:x").string
        #expect(value.hasPrefix("Digest username=\"u\", realm=\"a\\\"b\", nonce=\"n\", uri=\"sip:x\", response=\""))
        #expect(!value.contains("cnonce") && !value.contains("qop") && !value.contains("algorithm"))
    }

    @Test(arguments: [
        "Basic realm=\"x\"", "Digest nonce=\"n\"", "Digest realm=\"r\"", "Digest realm=\"r\", nonce=\"\"",
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA3", "Digest realm=\"r\", nonce=\"n\", qop=\"other\"", "",
        "Digest",
    ])
    func notForUs(_ text: String) {
        #expect(DigestChallenge(ByteString(text)) == nil)
    }

    @Test func theTopmostAllowedChallengeOfEachRealmIsAnswered() throws {
        let reply = try Message.parse(
            Array(
                ("SIP/2.0 407 Proxy Authentication Required\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
                    + "To: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
                    + "Proxy-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm=SHA-512-256\r\n"
                    + "Proxy-Authenticate: Digest realm=\"r\", nonce=\"2\", algorithm=MD5\r\n"
                    + "WWW-Authenticate: Digest realm=\"s\", nonce=\"3\"\r\nContent-Length: 0\r\n\r\n").utf8))
        let all = DigestChallenge.challenges(in: reply)
        #expect(all.map(\.challenge.nonce.string) == ["3", "1"])
        #expect(all.map(\.isProxy) == [false, true])
        let old = DigestChallenge.challenges(in: reply, allowing: [.md5])
        #expect(old.map(\.challenge.nonce.string) == ["3", "2"])
    }

    @Test(arguments: [
        ("u:r:p", "u r p"), ("u:r:p:q", "u r p:q"), ("u:r:", "u r "), ("u:r", nil), (":r:p", nil), ("u::p", nil),
        ("", nil),
    ])
    func credentials(_ text: String, _ expected: String?) {
        let credential = UACCredential(ByteString(text))
        #expect(credential.map { "\($0.user) \($0.realm) \($0.password)" } == expected)
    }

    @Test(arguments: [
        ("modparam(\"uac_auth\", \"credential\", \"alice:secret-without-password\")", "user:realm:password"),
        ("modparam(\"uac_auth\", \"auth_realm_avp\", \"$avp(r)\")", "go together"),
        ("modparam(\"uac_auth\", \"auth_realm_avp\", \"r\")", "auth_realm_avp"),
    ])
    func badParameters(_ head: String, _ phrase: String) {
        let error = #expect(throws: (any Error).self) { _ = try ModuleHarness("exit;", head: head) }
        let text = error.map { String(describing: $0) } ?? ""
        #expect(text.contains(phrase) && !text.contains("secret"))
    }
}
