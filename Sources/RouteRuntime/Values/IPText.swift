package import Bytes
import Reactor
import RouteLanguage

/// IP addresses in text and in bytes.
package enum IPText {
    /// The address that a text is, IPv6 with or without brackets; nil when it is none. No allocation.
    static func address(_ text: ByteString) -> SocketAddress? {
        guard text.count >= 2, text.count <= 64 else { return nil }
        let storage = text.storage
        return SocketAddress(host: storage.span.extracting(text.range.indices), port: 0)
    }

    /// 4 or 16 bytes in network order; nil when the text is no address.
    package static func parse(_ text: ByteString) -> [UInt8]? {
        address(text).map { bytes(of: $0) }
    }

    static func bytes(of address: SocketAddress) -> [UInt8] {
        func big(_ number: UInt64) -> [UInt8] {
            (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
        }
        if address.isIPv6 { return big(address.high) + big(address.low) }
        return Array(big(address.low).suffix(4))
    }

    /// The text of 4 or 16 bytes.
    static func text(_ bytes: ArraySlice<UInt8>) -> ByteString? {
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4:
            return ByteString(SocketAddress(ipv4: UInt32(number(bytes)), port: 0).host)
        case 16:
            let address = SocketAddress(ipv6: number(bytes.prefix(8)), number(bytes.suffix(8)), port: 0)
            return ByteString(address.host)
        default:
            return nil
        }
    }
}

/// A net of the script, ready to be compared without allocation.
struct BoundNetwork: Sendable {
    private let isIPv6: Bool
    private let high: UInt64
    private let low: UInt64
    private let highMask: UInt64
    private let lowMask: UInt64

    init(_ network: IPNetwork) {
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        isIPv6 = network.isIPv6
        let length = network.prefixLength
        if isIPv6 {
            high = number(network.address.prefix(8))
            low = number(network.address.suffix(8))
            highMask = length <= 0 ? 0 : UInt64.max << UInt64(max(0, 64 - length))
            lowMask = length <= 64 ? 0 : UInt64.max << UInt64(128 - length)
        } else {
            high = 0
            low = number(network.address[...])
            highMask = 0
            lowMask = length <= 0 ? 0 : (UInt64.max << UInt64(32 - min(32, length))) & 0xFFFF_FFFF
        }
    }

    func contains(_ address: SocketAddress) -> Bool {
        address.isIPv6 == isIPv6 && (address.high ^ high) & highMask == 0 && (address.low ^ low) & lowMask == 0
    }
}
