import RouteLanguage
import Testing

/// Sockets of the command line.
@Suite struct SocketTextTests {
    @Test(arguments: [
        ("udp:127.0.0.1:5060", "udp 127.0.0.1 [5060]"),
        ("udp:*", "udp * []"),
        ("udp:[::1]:5060-5062", "udp ::1 [5060, 5061, 5062]"),
        ("tcp:eth0:5060", "tcp eth0 [5060]"),
        ("udp:host.example:5060 use_workers 2", "udp host.example [5060]"),
    ])
    func accepted(_ text: String, _ expected: String) throws {
        let socket = try SocketDefinition.parse(text).get()
        #expect("\(socket.transport) \(socket.host) \(socket.ports)" == expected)
    }

    @Test(arguments: [
        "", "127.0.0.1", "udp", "udp:", "upd:127.0.0.1", "udp:127.0.0.1:99999", "udp:127.0.0.1:5060 what",
        "udp:127.0.0.1 route { exit; }", "udp:127.0.0.1\nudp_workers=4", "bond:a {\"x\"}", "udp:127.0.0.1;",
    ])
    func refused(_ text: String) {
        #expect(throws: SocketTextError.self) { try SocketDefinition.parse(text).get() }
    }
}
