/// An address or a net written in the script: `10.0.0.1`, `10.0.0.0/8`, `[2001:db8::]/32`, `10.0.0.0/255.0.0.0`.
package struct IPNetwork: Hashable, Sendable {
    /// 4 or 16 bytes in network order, as written (host bits are kept).
    package var address: [UInt8]
    /// 32 or 128 when no length was written.
    package var prefixLength: Int

    package var isIPv6: Bool { address.count == 16 }

    package init(address: [UInt8], prefixLength: Int) {
        self.address = address
        self.prefixLength = prefixLength
    }

    /// Whether `other` (4 or 16 bytes) lies in this net.
    package func contains(_ other: [UInt8]) -> Bool {
        guard other.count == address.count else { return false }
        var bitsLeft = prefixLength
        var index = 0
        while bitsLeft > 0, index < address.count {
            let mask: UInt8 = bitsLeft >= 8 ? 0xFF : 0xFF << UInt8(8 - bitsLeft)
            if (address[index] ^ other[index]) & mask != 0 { return false }
            bitsLeft -= 8
            index += 1
        }
        return true
    }
}
