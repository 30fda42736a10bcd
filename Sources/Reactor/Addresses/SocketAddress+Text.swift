// Reading and writing of addresses as text. No allocation when reading.

extension SocketAddress {
    /// `127.0.0.1`, `::1` or `[::1]`; nil for anything else, a host name included. Allocates nothing.
    package init?(host: Span<UInt8>, port: UInt16) {
        guard host.count >= 2, host.count <= 64 else { return nil }
        if host[0] == UInt8(ascii: "[") {
            guard host[host.count - 1] == UInt8(ascii: "]") else { return nil }
            self.init(ipv6Text: host, 1..<host.count - 1, port: port)
        } else if host[0] == UInt8(ascii: ":") || (0..<min(host.count, 5)).contains(where: { host[$0] == 0x3a }) {
            self.init(ipv6Text: host, 0..<host.count, port: port)
        } else {
            guard let bits = Self.ipv4Bits(host, 0..<host.count) else { return nil }
            self.init(ipv4: bits, port: port)
        }
    }

    /// As `init(host:port:)` from a string.
    package init?(host: String, port: UInt16) {
        let bytes = Array(host.utf8)
        self.init(host: bytes.span, port: port)
    }

    /// `127.0.0.1:5060`, `[::1]:5060`; without a port the port is `defaultPort`. Nil for anything else.
    package init?(_ text: String, defaultPort: UInt16 = 0) {
        let bytes = Array(text.utf8)
        let colons = bytes.count(where: { $0 == 0x3a })
        let isBracketed = bytes.first == UInt8(ascii: "[")
        let split: Int
        if isBracketed {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            split = close + 1
        } else {
            split = colons == 1 ? bytes.firstIndex(of: 0x3a)! : bytes.count  // one colon was just counted
        }
        var port = defaultPort
        if split < bytes.count {
            guard bytes[split] == 0x3a, let number = UInt16(String(decoding: bytes[(split + 1)...], as: UTF8.self)),
                bytes[(split + 1)...].allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            port = number
        }
        self.init(host: bytes.span.extracting(0..<split), port: port)
    }

    private static func ipv4Bits(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var bits: UInt32 = 0
        var part = 0
        var digits = 0
        var parts = 1
        for index in range {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, parts < 4 else { return nil }
                bits = bits << 8 | UInt32(part)
                (part, digits, parts) = (0, 0, parts + 1)
            } else {
                guard byte >= 0x30, byte <= 0x39, digits < 3 else { return nil }
                part = part * 10 + Int(byte - 0x30)
                digits += 1
                guard part <= 255 else { return nil }
            }
        }
        guard parts == 4, digits > 0 else { return nil }
        return bits << 8 | UInt32(part)
    }

    /// RFC 4291 §2.2, with an IPv4 tail and a numeric zone (`fe80::1%2`).
    private init?(ipv6Text text: Span<UInt8>, _ range: Range<Int>, port: UInt16) {
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var count = 0
        var gap = -1
        var scope: UInt32 = 0
        var end = range.upperBound
        if let percent = range.first(where: { text[$0] == UInt8(ascii: "%") }) {
            guard percent + 1 < end else { return nil }
            for index in percent + 1..<end {
                guard text[index] >= 0x30, text[index] <= 0x39, scope < 1 << 24 else { return nil }
                scope = scope * 10 + UInt32(text[index] - 0x30)
            }
            end = percent
        }
        var index = range.lowerBound
        if index + 1 < end, text[index] == 0x3a, text[index + 1] == 0x3a {
            gap = 0
            index += 2
        }
        while index < end {
            guard count < 8 else { return nil }
            var stop = index
            var hasDot = false
            while stop < end, text[stop] != 0x3a {
                hasDot = hasDot || text[stop] == UInt8(ascii: ".")
                stop += 1
            }
            if hasDot {
                guard stop == end, count <= 6, let bits = Self.ipv4Bits(text, index..<end) else { return nil }
                groups[count] = UInt16(bits >> 16)
                groups[count + 1] = UInt16(truncatingIfNeeded: bits)
                count += 2
                break
            }
            guard stop > index, stop - index <= 4 else { return nil }
            var group: UInt16 = 0
            for digit in index..<stop {
                guard let value = Self.hexValue(text[digit]) else { return nil }
                group = group << 4 | value
            }
            groups[count] = group
            count += 1
            guard stop < end else { break }
            index = stop + 1
            guard index < end else { return nil }  // a single colon at the end
            if text[index] == 0x3a {
                guard gap < 0 else { return nil }
                gap = count
                index += 1
            }
        }
        guard gap >= 0 ? count < 8 : count == 8 else { return nil }
        var halves = (UInt64(0), UInt64(0))
        for position in 0..<8 {
            let group: UInt16
            if gap < 0 || position < gap {
                group = groups[position]
            } else {
                let shifted = position - (8 - count)
                group = shifted >= gap ? groups[shifted] : 0
            }
            if position < 4 {
                halves.0 = halves.0 << 16 | UInt64(group)
            } else {
                halves.1 = halves.1 << 16 | UInt64(group)
            }
        }
        self.init(ipv6: halves.0, halves.1, scope: scope, port: port)
    }

    private static func hexValue(_ byte: UInt8) -> UInt16? {
        switch byte {
        case 0x30...0x39: UInt16(byte - 0x30)
        case 0x41...0x46: UInt16(byte - 0x41 + 10)
        case 0x61...0x66: UInt16(byte - 0x61 + 10)
        default: nil
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// The host without brackets or port: `127.0.0.1`, `::1`, `fe80::1%2`.
    package var host: String {
        guard isIPv6 else {
            return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64(48 - ($0 % 4) * 16)) }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > longest.count, end - start > 1 { longest = start..<end }
            start = max(end, start + 1)
        }
        let zone = scope == 0 ? "" : "%\(scope)"
        func hex(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return hex(0..<8) + zone }
        return hex(0..<longest.lowerBound) + "::" + hex(longest.upperBound..<8) + zone
    }

    /// The host as it stands in a SIP URI or header: an IPv6 address in brackets.
    package var uriHost: String { isIPv6 ? "[\(host)]" : host }

    package var description: String { "\(uriHost):\(port)" }
}
