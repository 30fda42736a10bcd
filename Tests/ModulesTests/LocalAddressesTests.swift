import Bytes
import Modules
import RouteLanguage
import RouteRuntime
import Testing

/// What the server answers to: addresses in any notation, what listeners advertise, aliases.
@Suite struct LocalAddressesTests {
    private static let addresses: LocalAddresses = {
        let analysis = ScriptAnalysis.analyse(
            path: "t.cfg", catalogue: ModuleLibrary.catalogue,
            reader: .table([
                "t.cfg": """
                alias = udp:[2001:db8::a]:5060
                alias = udp:sip.example.com:5070
                socket = udp:127.0.0.1:5060
                loadmodule "proto_udp.so"
                route { exit; }
                """
            ]))
        return LocalAddresses(
            sockets: [
                ScriptSocket(id: 0, transport: "udp", address: "10.0.0.1", port: 5060),
                ScriptSocket(id: 1, transport: "udp", address: "fd00::1", port: 5060, isIPv6: true),
                ScriptSocket(
                    id: 2, transport: "tcp", address: "fd00::2", port: 5080, isIPv6: true,
                    advertisedAddress: "[2001:db8::b]", advertisedPort: 5090),
            ], aliases: analysis.script.aliases)
    }()

    @Test(arguments: [
        ("10.0.0.1", 5060, true), ("10.0.0.1", 0, true), ("10.0.0.1", 5061, false), ("10.0.0.2", 0, false),
        ("fd00::1", 5060, true), ("[fd00:0:0::1]", 0, true), ("[FD00:0::0:1]", 5060, true), ("[fd00::3]", 0, false),
        ("[fd00::2]", 5080, true), ("[2001:db8::b]", 5090, true), ("[2001:db8:0:0::B]", 5090, true),
        ("[2001:db8:0::b]", 0, true), ("[2001:db8::b]", 5080, false), ("[2001:db8::a]", 5060, true),
        ("2001:db8:0:0:0:0:0:a", 5060, true), ("[2001:db8:0::a]", 5061, false), ("SIP.example.com", 5070, true),
        ("sip.example.com", 5060, false), ("", 0, false), (":", 0, false), ("[", 0, false),
    ])
    func isOurs(host: String, port: Int, expected: Bool) {
        #expect(Self.addresses.contains(host: ByteString(host), port: port) == expected)
    }
}
