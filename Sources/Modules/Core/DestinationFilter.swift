package import Bytes
import Glibc
package import Reactor
package import RouteLanguage
package import RouteRuntime
import SIPMessage

/// The `dst_blacklist`s of the script at work: which destinations requests may not go to.
///
/// Constant. A script without lists, or a message without one in use, costs one test.
package struct DestinationFilter: Sendable {
    /// Lists that may be in use at once: bits of `MessageContext.blacklists`.
    package static let listsMax = 64

    private let lists: [DestinationBlacklist]
    /// Lists declared `default`: in use unless the script says otherwise.
    package let defaults: UInt64

    package init(_ lists: [DestinationBlacklist] = []) {
        self.lists = Array(lists.prefix(Self.listsMax))
        var defaults: UInt64 = 0
        for (index, list) in self.lists.enumerated() where list.flags.contains("default") {
            defaults |= 1 << UInt64(index)
        }
        self.defaults = defaults
    }

    package var isEmpty: Bool { lists.isEmpty }

    package func index(of name: ByteString) -> Int? { lists.firstIndex { $0.name == name.string } }

    /// Whether the lists in use keep the message from an address.
    package func blocks(_ address: SocketAddress, transport: ByteString, for context: MessageContext) -> Bool {
        guard !lists.isEmpty else { return false }
        var rest = context.blacklists ?? defaults
        guard rest != 0 else { return false }
        let bytes = Self.bytes(of: address)
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            guard index < lists.count else { break }
            let isBlocked = lists[index].rules.contains { rule in
                let matches =
                    Self.matches(rule, bytes, port: Int(address.port), transport)
                    && Self.matches(rule.pattern, context)
                return matches != rule.isNegated
            }
            if isBlocked { return true }
        }
        return false
    }

    /// Whether `check_blacklist_rule(name, ip, port, proto)` finds a rule.
    package func contains(_ list: Int, _ call: borrowing Call) -> Bool {
        guard lists.indices.contains(list), let address = call.string(1).flatMap({ IPText.parse($0) }) else {
            return false
        }
        let port = call.integer(2) ?? 0
        let transport = call.string(3)
        for rule in lists[list].rules where Self.matches(rule, address, port: port, transport) != rule.isNegated {
            return true
        }
        return false
    }

    private static func matches(
        _ rule: DestinationBlacklist.Rule, _ address: [UInt8], port: Int, _ transport: ByteString?
    ) -> Bool {
        rule.network.contains(address) && (rule.port == 0 || port == 0 || Int(rule.port) == port)
            && (rule.transport.map { name in transport?.equalsIgnoringCase(ByteString(name)) ?? true } ?? true)
    }

    /// The rule's file name pattern against the whole request, as it was received.
    private static func matches(_ pattern: String, _ context: MessageContext) -> Bool {
        pattern.isEmpty || fnmatch(pattern, context.message.wholeText.string, 0) == 0
    }

    private static func bytes(of address: SocketAddress) -> [UInt8] {
        func big(_ number: UInt64) -> [UInt8] {
            (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
        }
        return address.isIPv6 ? big(address.high) + big(address.low) : Array(big(address.low).suffix(4))
    }
}
