package import Bytes
import Reactor

/// IP addresses in text and in bytes.
package enum IPText {
    /// 4 or 16 bytes in network order; nil when the text is no address. IPv6 may stand in brackets.
    package static func parse(_ text: ByteString) -> [UInt8]? {
        guard text.count >= 2, text.count <= 64 else { return nil }
        guard let address = SocketAddress(host: text.string, port: 0) else { return nil }
        return bytes(of: address)
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
