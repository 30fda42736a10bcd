import Bytes
import RouteLanguage

/// `{ip.…}`: addresses in text and in bytes.
enum IPTransformations {
    static let all: [TransformationDefinition] = [
        .text("ip", "pton") { text, _ in Value(IPText.parse(text).map { ByteString($0) }) },
        .text("ip", "ntop") { text, _ in Value(IPText.text(text.elements)) },
        .text("ip", "isip") { text, _ in truth(IPText.parse(text) != nil) },
        .text("ip", "isip4") { text, _ in truth(IPText.parse(text)?.count == 4) },
        .text("ip", "isip6") { text, _ in truth(IPText.parse(text)?.count == 16) },
        .text("ip", "family") { text, _ in
            switch text.count {
            case 4: .string("INET")
            case 16: .string("INET6")
            default: .null
            }
        },
        resolve("resolve"), resolve("resolve4"), resolve("resolve6"),
        .text("ip", "matches", arguments: 1...1) { text, call in
            guard let address = IPText.parse(text), let net = call.string(0).flatMap(network),
                net.address.count == address.count
            else { return .null }
            return truth(net.contains(address))
        },
        .text("ip", "isprivate") { text, _ in
            guard let address = IPText.parse(text) else { return .null }
            return truth(privateNets.contains { $0.contains(address) })
        },
    ]

    /// RFC 1918, RFC 6598 and loopback.
    private static let privateNets: [IPNetwork] = [
        IPNetwork(address: [10, 0, 0, 0], prefixLength: 8), IPNetwork(address: [172, 16, 0, 0], prefixLength: 12),
        IPNetwork(address: [192, 168, 0, 0], prefixLength: 16), IPNetwork(address: [100, 64, 0, 0], prefixLength: 10),
        IPNetwork(address: [127, 0, 0, 0], prefixLength: 8),
    ]

    private static func truth(_ truth: Bool) -> Value { .decimal(truth ? 1 : 0) }

    /// `10.0.0.0/8`
    static func network(_ text: ByteString) -> IPNetwork? {
        guard let slash = text.first(of: ASCII.slash), let address = IPText.parse(text.prefix(slash)),
            let length = text.dropFirst(slash + 1).decimal(), (0...address.count * 8).contains(length)
        else { return nil }
        return IPNetwork(address: address, prefixLength: length)
    }

    /// Names need a query that a transformation cannot wait for; addresses answer themselves.
    private static func resolve(_ name: String) -> TransformationDefinition {
        TransformationDefinition(
            .init(
                "ip", name,
                availability: .missing("a transformation must not block the process; the stack resolves names itself")
            )
        ) { value, _ in
            guard let text = value.text, let address = IPText.parse(text) else { return .null }
            if name == "resolve4", address.count != 4 { return .null }
            if name == "resolve6", address.count != 16 { return .null }
            return .string(text)
        }
    }
}
