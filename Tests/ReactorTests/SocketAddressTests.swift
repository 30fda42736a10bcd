import Testing

@testable import Reactor

struct SocketAddressTests {
    @Test(arguments: [
        ("127.0.0.1:5060", "127.0.0.1:5060"), ("0.0.0.0", "0.0.0.0:7"),
        ("255.255.255.255:65535", "255.255.255.255:65535"),
        ("[::1]:5060", "[::1]:5060"), ("::1", "[::1]:7"), ("[::]", "[::]:7"), ("[2001:DB8::1]:1", "[2001:db8::1]:1"),
        ("[2001:db8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"), ("[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]:1"),
        ("[::ffff:192.0.2.1]:1", "[::ffff:c000:201]:1"), ("[1::]:1", "[1::]:1"), ("[fe80::1%3]:1", "[fe80::1%3]:1"),
        ("[0:1:0:0:0:0:0:2]:1", "[0:1::2]:1"), ("[1:0:2:3:4:5:6:7]:1", "[1:0:2:3:4:5:6:7]:1"),
        ("[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"),
    ])
    func readsAndWrites(text: String, expected: String) throws {
        let address = try #require(SocketAddress(text, defaultPort: 7))
        #expect(address.description == expected)
        let platform = address.platform
        #expect(SocketAddress(platform) == address)
    }

    @Test(arguments: [
        "", ":", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:+5", "1.2.3.4:x",
        "1..2.3",
        "example.com", "1.2.3.4.", "a.b.c.d", "[::1", "::1]", "[1::2::3]:1", "[1:2:3:4:5:6:7]:1",
        "[1:2:3:4:5:6:7:8:9]:1",
        "[12345::]:1", "[g::]:1", "[1:]:1", "[:1]:1", "[::1.2.3]:1", "[::1]5060", "[fe80::1%]:1", "[fe80::1%eth0]:1",
        "1234.1.1.1",
        "[1:2:3:4:5:6:7:1.2.3.4]:1", "0001.2.3.4",
    ])
    func refuses(text: String) { #expect(SocketAddress(text) == nil) }

    @Test func knowsItsKind() {
        #expect(SocketAddress(127, 8, 0, 1, port: 1).isLoopback)
        #expect(!SocketAddress(128, 0, 0, 1, port: 1).isLoopback)
        #expect(SocketAddress(ipv6: 0, 1, port: 1).isLoopback)
        #expect(SocketAddress(0, 0, 0, 0, port: 1).isWildcard)
        #expect(SocketAddress(224, 0, 0, 1, port: 1).isMulticast)
        #expect(SocketAddress(ipv6: 0xfe80 << 48, 1, port: 1).isLinkLocal)
        #expect(SocketAddress(10, 0, 0, 1, port: 1).hasSameHost(as: SocketAddress(10, 0, 0, 1, port: 2)))
    }
}
