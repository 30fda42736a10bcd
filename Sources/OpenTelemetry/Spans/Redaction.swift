/// What is masked before anything leaves the server: the module's parameter `redact`.
package struct Redaction: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The user part of SIP URIs.
    package static let users = Redaction(rawValue: 1)
    /// Telephone numbers: user parts that are digits, and `tel` URIs. All but the last two digits.
    package static let numbers = Redaction(rawValue: 2)
    /// Values of `Authorization`, `Proxy-Authorization` and their challenges, in `sip.raw` and logs.
    package static let digest = Redaction(rawValue: 4)

    /// The words of the parameter.
    package static let words: [(String, Redaction)] = [("users", .users), ("numbers", .numbers), ("digest", .digest)]

    static let mask: [UInt8] = [42, 42, 42]

    /// A URI by itself.
    func apply(toURI uri: String) -> String {
        isDisjoint(with: [.users, .numbers]) ? uri : String(decoding: masked(Array(uri.utf8)), as: UTF8.self)
    }

    /// Any text: a message, a line of the log.
    func apply(to text: String) -> String {
        guard !isEmpty else { return text }
        var bytes = Array(text.utf8)
        if contains(.digest) { bytes = withoutCredentials(bytes) }
        if !isDisjoint(with: [.users, .numbers]) { bytes = masked(bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Masks what stands between `sip:`, `sips:` or `tel:` and the host.
    private func masked(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            guard let scheme = Redaction.schemes.first(where: { Redaction.starts(bytes, at: index, with: $0.name) }),
                index == 0 || !Redaction.isWord(bytes[index - 1])
            else {
                out.append(bytes[index])
                index += 1
                continue
            }
            let start = index + scheme.name.count
            out += bytes[index..<start]
            var end = start
            while end < bytes.count, !Redaction.stops.contains(bytes[end]) { end += 1 }
            let isUser = scheme.isTelephone || (end < bytes.count && bytes[end] == UInt8(ascii: "@"))
            out +=
                isUser ? masked(user: bytes[start..<end], isTelephone: scheme.isTelephone) : Array(bytes[start..<end])
            index = end
        }
        return out
    }

    private func masked(user: ArraySlice<UInt8>, isTelephone: Bool) -> [UInt8] {
        if contains(.users), !isTelephone { return Redaction.mask }
        guard contains(.numbers) else { return Array(user) }
        let number = user.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ":") }
        let digits = number.count { Redaction.isDigit($0) }
        let isNumber = digits > 0 && number.allSatisfy { Redaction.isDigit($0) || Redaction.separators.contains($0) }
        guard isNumber else { return Array(user) }
        return Redaction.mask + (digits > 4 ? Array(number.suffix(2)) : [])
    }

    /// Each header line that carries credentials or a challenge loses its value, with its folded lines.
    private func withoutCredentials(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            var end = Redaction.lineEnd(bytes, from: index)
            if let name = Redaction.secrets.first(where: { Redaction.starts(bytes, at: index, with: $0) }) {
                while end < bytes.count, bytes[end] == 32 || bytes[end] == 9 {
                    end = Redaction.lineEnd(bytes, from: end)
                }
                out += name + [32] + Redaction.mask
                out += bytes[index..<end].suffix(while: { $0 == 13 || $0 == 10 })
            } else {
                out += bytes[index..<end]
            }
            index = end
        }
        return out
    }

    private static func lineEnd(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != 10 { index += 1 }
        return min(index + 1, bytes.count)
    }

    private static func starts(_ bytes: [UInt8], at index: Int, with word: [UInt8]) -> Bool {
        guard index + word.count <= bytes.count else { return false }
        for offset in word.indices {
            let byte = bytes[index + offset]
            guard
                (byte &- 65 < 26 ? byte | 0x20 : byte) == (word[offset] &- 65 < 26 ? word[offset] | 0x20 : word[offset])
            else { return false }
        }
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
    private static func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 97 < 26 }

    private static let schemes: [(name: [UInt8], isTelephone: Bool)] = [
        (Array("sips:".utf8), false), (Array("sip:".utf8), false), (Array("tel:".utf8), true),
    ]
    private static let secrets = [
        "Authorization:", "Proxy-Authorization:", "WWW-Authenticate:", "Proxy-Authenticate:", "Authentication-Info:",
    ].map { Array($0.utf8) }
    private static let separators = Array("+-.()".utf8)
    private static let stops = Set("@<>\" \t\r\n,?".utf8)
}

extension ArraySlice<UInt8> {
    fileprivate func suffix(while matches: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        var start = endIndex
        while start > startIndex, matches(self[start - 1]) { start -= 1 }
        return self[start...]
    }
}
