/// IPv4 and IPv6 addresses and nets.
extension Lexer {
    /// Takes an address or a net when one begins here. Returns whether it did.
    mutating func lexAddress() -> Bool {
        let start = position
        let first = byte(start)
        guard first.hexDigitValue != nil || first == UInt8(ascii: ":") || first == UInt8(ascii: "[") else {
            return false
        }
        guard let (address, end) = addressAt(start) else { return false }
        if byte(end) == UInt8(ascii: "/"), let network = networkAt(end + 1, address) {
            append(.network(network.network), start..<network.end)
        } else {
            append(.address(IPNetwork(address: address, prefixLength: address.count * 8)), start..<end)
        }
        return true
    }

    private func addressAt(_ start: Int) -> (address: [UInt8], end: Int)? {
        if byte(start) == UInt8(ascii: "[") {
            var end = start + 1
            while end - start < 48, byte(end).isAddressByte { end += 1 }
            guard byte(end) == UInt8(ascii: "]"), let address = IPText.ipv6(source.bytes[(start + 1)..<end]) else {
                return nil
            }
            return (address, end + 1)
        }
        var end = start
        while end - start < 48, byte(end).isAddressByte { end += 1 }
        if byte(end).isWordByte { return nil }
        if let address = IPText.ipv6(source.bytes[start..<end]) { return (address, end) }
        // `10.0.0.1:5060`: the colon begins a port.
        var dotted = start
        while dotted < end, byte(dotted) != UInt8(ascii: ":") { dotted += 1 }
        guard let address = IPText.ipv4(source.bytes[start..<dotted]) else { return nil }
        return (address, dotted)
    }

    private func networkAt(_ start: Int, _ address: [UInt8]) -> (network: IPNetwork, end: Int)? {
        if let (mask, end) = addressAt(start), mask.count == address.count, let length = IPText.prefixLength(mask) {
            return (IPNetwork(address: address, prefixLength: length), end)
        }
        var end = start
        var length = 0
        while byte(end).isDigit, end - start < 4 {
            length = length * 10 + Int(byte(end)) - 48
            end += 1
        }
        guard end > start, !byte(end).isWordByte, byte(end) != UInt8(ascii: "."), length <= address.count * 8 else {
            return nil
        }
        return (IPNetwork(address: address, prefixLength: length), end)
    }
}

extension UInt8 {
    fileprivate var isAddressByte: Bool {
        hexDigitValue != nil || self == UInt8(ascii: ":") || self == UInt8(ascii: ".")
    }
}

/// Addresses as text.
package enum IPText {
    /// Four decimal numbers of at most 255.
    package static func ipv4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: [UInt8] = []
        for part in parts {
            guard !part.isEmpty, part.count <= 3, part.allSatisfy(\.isDigit) else { return nil }
            let value = part.reduce(0) { $0 * 10 + Int($1) - 48 }
            guard value <= 255 else { return nil }
            address.append(UInt8(value))
        }
        return address
    }

    /// RFC 4291 §2.2, with `::` and an IPv4 tail.
    package static func ipv6(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count >= 2, text.count <= 45, text.contains(UInt8(ascii: ":")) else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var index = text.startIndex
        if text[index] == UInt8(ascii: ":") {
            guard text[index + 1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            index += 2
        }
        while index < text.endIndex {
            let end = text[index...].firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
            let group = text[index..<end]
            if group.isEmpty {
                guard gap == nil, index > text.startIndex else { return nil }
                gap = groups.count
                index = end + 1
                continue
            }
            if end == text.endIndex, group.contains(UInt8(ascii: ".")) {
                guard let tail = ipv4(group) else { return nil }
                groups += [UInt16(tail[0]) << 8 | UInt16(tail[1]), UInt16(tail[2]) << 8 | UInt16(tail[3])]
                index = end
                break
            }
            guard group.count <= 4, group.allSatisfy({ $0.hexDigitValue != nil }) else { return nil }
            groups.append(group.reduce(0) { $0 << 4 | UInt16($1.hexDigitValue ?? 0) })
            index = end
            if end < text.endIndex {
                index = end + 1
                // A colon alone at the end is not an address.
                if index == text.endIndex { return nil }
                if text[index] == UInt8(ascii: ":") {
                    guard gap == nil else { return nil }
                    gap = groups.count
                    index += 1
                }
            }
        }
        guard gap == nil ? groups.count == 8 : groups.count <= 7 else { return nil }
        if let gap { groups.insert(contentsOf: [UInt16](repeating: 0, count: 8 - groups.count), at: gap) }
        return groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }

    /// The length of a mask such as 255.255.0.0, nil when its ones are not together.
    package static func prefixLength(_ mask: [UInt8]) -> Int? {
        var length = 0
        var ended = false
        for byte in mask {
            for bit in stride(from: 7, through: 0, by: -1) {
                if byte >> UInt8(bit) & 1 == 1 {
                    if ended { return nil }
                    length += 1
                } else {
                    ended = true
                }
            }
        }
        return length
    }
}
