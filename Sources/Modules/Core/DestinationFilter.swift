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

    /// Whether `check_blacklist_rule([name], ip, port, proto, pattern)` finds a rule: in a list, or in one in use.
    package func contains(_ list: Int?, _ call: borrowing Call) -> Bool {
        guard
            let target = Target(
                address: call.string(1) ?? .empty, port: call.integer(2) ?? 0, transport: call.string(3),
                text: call.string(4)?.string)
        else { return false }
        if let list { return lists.indices.contains(list) && Self.firstRule(of: lists[list], for: target) != nil }
        let used = call.context.blacklists ?? defaults
        return lists.indices.contains {
            used & (1 << UInt64($0)) != 0 && Self.firstRule(of: lists[$0], for: target) != nil
        }
    }

    /// A destination that the lists are asked about. What is left out is found only by rules that leave it out too.
    package struct Target: Sendable {
        var address: [UInt8]
        var port: Int
        var transport: ByteString?
        /// What the patterns of rules are matched with.
        var text: String?

        /// nil when the address is none. The transport `any` is none.
        package init?(address: ByteString, port: Int, transport: ByteString?, text: String?) {
            guard let bytes = IPText.parse(address) else { return nil }
            self.address = bytes
            self.port = port
            self.transport = transport.flatMap { $0.equalsIgnoringCase("any") ? nil : $0 }
            self.text = text
        }
    }

    /// The rule that keeps requests from a destination, nil when none does.
    package static func firstRule(of list: DestinationBlacklist, for target: Target) -> DestinationBlacklist.Rule? {
        list.rules.first { rule in
            let matches =
                matches(rule, target.address, port: target.port, target.transport)
                && (rule.pattern.isEmpty || target.text.map { fnmatch(rule.pattern, $0, 0) == 0 } ?? false)
            return matches != rule.isNegated
        }
    }

    private static func matches(
        _ rule: DestinationBlacklist.Rule, _ address: [UInt8], port: Int, _ transport: ByteString?
    ) -> Bool {
        rule.network.contains(address) && (rule.port == 0 || Int(rule.port) == port)
            && (rule.transport.map { name in transport?.equalsIgnoringCase(ByteString(name)) ?? false } ?? true)
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
