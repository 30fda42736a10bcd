package import CPlatform

/// An IPv4 or IPv6 address with a port. 24 bytes, trivially copyable: costs nothing to pass, compare or hash.
///
/// An IPv4 address lies in the low 32 bits of `low`. An IPv6 address keeps its scope (interface index) for link-local
/// peers. The text form is `127.0.0.1:5060` and `[::1]:5060` (RFC 5952).
package struct SocketAddress: BitwiseCopyable, Hashable, Sendable {
    package enum Family: UInt8, BitwiseCopyable, Sendable { case ipv4 = 4, ipv6 = 6 }

    /// The first eight bytes of an IPv6 address, most significant first. 0 for IPv4.
    package var high: UInt64
    /// The last eight bytes of an IPv6 address, or the IPv4 address in the low 32 bits.
    package var low: UInt64
    /// Interface index of a link-local IPv6 address, else 0.
    package var scope: UInt32
    package var port: UInt16
    package var family: Family

    package init(ipv4 bits: UInt32, port: UInt16) {
        (high, low, scope, self.port, family) = (0, UInt64(bits), 0, port, .ipv4)
    }

    package init(ipv6 high: UInt64, _ low: UInt64, scope: UInt32 = 0, port: UInt16) {
        (self.high, self.low, self.scope, self.port, family) = (high, low, scope, port, .ipv6)
    }

    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) {
        self.init(ipv4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d), port: port)
    }

    /// The same host with another port.
    package func with(port: UInt16) -> SocketAddress {
        var copy = self
        copy.port = port
        return copy
    }

    package var isIPv6: Bool { family == .ipv6 }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        isIPv6 ? (high == 0 && low == 1) : (low >> 24 == 127)
    }

    /// 0.0.0.0 or ::, which means every address of the machine.
    package var isWildcard: Bool { high == 0 && low == 0 }

    /// 224.0.0.0/4 or ff00::/8.
    package var isMulticast: Bool {
        isIPv6 ? (high >> 56 == 0xff) : (low >> 28 == 0xe)
    }

    /// fe80::/10: usable only together with a scope.
    package var isLinkLocal: Bool {
        isIPv6 ? (high >> 54 == 0xfe80 >> 6) : (low >> 16 == 0xa9fe)
    }

    /// The same host, whatever the ports.
    package func hasSameHost(as other: SocketAddress) -> Bool {
        family == other.family && low == other.low && high == other.high && scope == other.scope
    }
}

extension SocketAddress {
    /// Nil when the C side carries no address.
    package init?(_ address: cplatform_address) {
        var copy = address
        let (first, second) = withUnsafeBytes(of: &copy.bytes) { raw in
            (
                UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        switch address.family {
        case 4: self.init(ipv4: UInt32(truncatingIfNeeded: first >> 32), port: address.port)
        case 6: self.init(ipv6: first, second, scope: address.scope, port: address.port)
        default: return nil
        }
    }

    /// The form that the C side takes.
    package var platform: cplatform_address {
        var address = cplatform_address()
        address.family = family.rawValue
        address.port = port
        address.scope = scope
        let (first, second) = isIPv6 ? (high, low) : (low << 32, 0)
        withUnsafeMutableBytes(of: &address.bytes) { raw in
            raw.storeBytes(of: first.bigEndian, as: UInt64.self)
            raw.storeBytes(of: second.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return address
    }
}
