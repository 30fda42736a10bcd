import Testing

@testable import Management

@Suite struct HTTPClientTests {
    static let locations: [(String, String, String, String?)] = [
        ("http://127.0.0.1", "http://127.0.0.1:8888/mi", "/mi", nil),
        ("http://host:80/", "http://host:80/mi", "/mi", nil),
        ("http://[::1]:8080/a/b", "http://[::1]:8080/a/b", "/a/b", nil),
        ("http://[::1]", "http://[::1]:8888/mi", "/mi", nil),
        ("http://a:b:c@host/x", "http://host:8888/x", "/x", "a:b:c"),
        ("https://a:b@host:443", "https://host:443/mi", "/mi", "a:b"),
    ]

    @Test(arguments: locations)
    func readsLocations(text: String, description: String, path: String, credentials: String?) throws {
        guard case .http(let location) = try ManagementEndpoint.parse(text) else {
            Issue.record("no HTTP: \(text)")
            return
        }
        #expect(location.description == description)
        #expect(location.path == path)
        #expect(location.isSecure == text.hasPrefix("https:"))
        #expect(location.credentials == credentials)
    }

    @Test(arguments: [
        "http://", "http://:80", "http://h:0", "http://h:x/", "http://h:70000", "http://h/a b", "https://",
        "https:///mi", "HTTPS//h",
    ])
    func refusesLocations(text: String) {
        #expect(throws: ManagementEndpoint.ParseError.self) { try ManagementEndpoint.parse(text) }
    }

    static let replies: [(String, Int?, String, Bool)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", 200, "ok", false),
        ("HTTP/1.0 500 No\r\n\r\nwhy", 500, "why", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\na;x=y\r\n0123456789\r\n0\r\n\r\n", 200,
            "ok0123456789", true
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nff\r\n0", 200, "ok", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx", 200, "", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", 200, "x", false),
        ("HTTP/1.1 200 OK\r\n", nil, "", false),
        ("SIP/2.0 200 OK\r\n\r\n", nil, "", false),
        ("HTTP/1.1\r\n\r\n", nil, "", false),
        ("", nil, "", false),
    ]

    @Test(arguments: replies) func readsReplies(text: String, status: Int?, body: String, isComplete: Bool) {
        let reply = HTTPReplyText(Array(text.utf8))
        #expect(reply?.status == status)
        guard let reply else { return }
        #expect(String(decoding: reply.body, as: UTF8.self) == body)
        #expect(reply.isComplete == isComplete)
    }
}
