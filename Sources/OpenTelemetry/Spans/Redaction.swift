/// What is masked before anything leaves the server: the module's parameter `redact`.
package struct Redaction: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The user part of SIP URIs.
    package static let users = Redaction(rawValue: 1)
    /// Telephone numbers: user parts that are digits, and `tel` URIs. All but the last two digits.
    package static let numbers = Redaction(rawValue: 2)
    /// Values of `Authorization`, `Proxy-Authorization` and their challenges, and what follows `Digest` as a scheme, in
    /// `sip.raw` and logs.
    package static let digest = Redaction(rawValue: 4)

    /// The words of the parameter.
    package static let words: [(String, Redaction)] = [("users", .users), ("numbers", .numbers), ("digest", .digest)]

    static let mask: [UInt8] = [42, 42, 42]

    /// A URI by itself. `isCut`: it goes on beyond what is here.
    func apply(toURI uri: String, isCut: Bool = false) -> String {
        isDisjoint(with: [.users, .numbers])
            ? uri : String(decoding: masked(Array(uri.utf8), isCut: isCut), as: UTF8.self)
    }

    /// Any text: a message, a line of the log. `isCut`: it goes on beyond what is here.
    func apply(to text: String, isCut: Bool = false) -> String {
        guard !isEmpty else { return text }
        var bytes = Array(text.utf8)
        if contains(.digest) { bytes = withoutCredentials(bytes) }
        if !isDisjoint(with: [.users, .numbers]) { bytes = masked(bytes, isCut: isCut) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Masks what stands between `sip:`, `sips:` or `tel:` and the host; rather too much than too little.
    private func masked(_ bytes: [UInt8], isCut: Bool) -> [UInt8] {
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
            let end = Redaction.userEnd(bytes, from: start)
            // What the text was cut off in, or is longer than any host name, is taken for a user part before its `@`.
            let isUser =
                scheme.isTelephone || (end < bytes.count && bytes[end] == UInt8(ascii: "@"))
                || (end == bytes.count && (isCut || end - start > Redaction.hostBytesMax))
            out +=
                isUser ? masked(user: bytes[start..<end], isTelephone: scheme.isTelephone) : Array(bytes[start..<end])
            index = end
        }
        return out
    }

    /// Where a user part ends that begins at `start`: it may hold `,` and `?` (RFC 3261 §25.1, user-unreserved), which also
    /// stand behind a URI that has none.
    private static func userEnd(_ bytes: [UInt8], from start: Int) -> Int {
        var end = start
        while end < bytes.count, !stops.contains(bytes[end]) {
            if bytes[end] == UInt8(ascii: ","), schemes.contains(where: { starts(bytes, at: end + 1, with: $0.name) }) {
                break
            }
            end += 1
        }
        return end
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

    /// Each line loses its credentials or challenge to its end, with folded lines.
    private func withoutCredentials(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            var end = Redaction.lineEnd(bytes, from: index)
            if let secret = Redaction.secret(bytes[index..<end]) {
                while end < bytes.count, bytes[end] == 32 || bytes[end] == 9 {
                    end = Redaction.lineEnd(bytes, from: end)
                }
                out += bytes[index..<secret] + [32] + Redaction.mask
                out += bytes[index..<end].suffix(while: { $0 == 13 || $0 == 10 })
            } else {
                out += bytes[index..<end]
            }
            index = end
        }
        return out
    }

    /// Where a secret begins in a line: behind `Authorization:` and its like, with blanks before the colon or none
    /// (RFC 3261 §7.3.1), or behind `Digest` before a parameter.
    private static func secret(_ line: ArraySlice<UInt8>) -> Int? {
        var wordStart = line.startIndex
        while wordStart < line.endIndex {
            guard isName(line[wordStart]) else {
                wordStart += 1
                continue
            }
            let word = line[wordStart...].prefix(while: isName)
            let rest = line[word.endIndex...].drop { $0 == 32 || $0 == 9 }
            if rest.first == UInt8(ascii: ":"), secrets.contains(where: { equal($0, word) }) {
                return rest.startIndex + 1
            }
            if equal(scheme, word), rest.startIndex > word.endIndex {
                let parameter = rest.prefix(while: isName)
                let next = rest[parameter.endIndex...].drop { $0 == 32 || $0 == 9 }
                if !parameter.isEmpty, next.first == UInt8(ascii: "=") { return word.endIndex }
            }
            wordStart = word.endIndex
        }
        return nil
    }

    private static func equal(_ name: [UInt8], _ word: ArraySlice<UInt8>) -> Bool {
        name.count == word.count && starts(Array(word), at: 0, with: name)
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
    private static func isName(_ byte: UInt8) -> Bool { isWord(byte) || byte == UInt8(ascii: "-") }
    private static func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 97 < 26 }

    private static let schemes: [(name: [UInt8], isTelephone: Bool)] = [
        (Array("sips:".utf8), false), (Array("sip:".utf8), false), (Array("tel:".utf8), true),
    ]
    private static let secrets = [
        "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info",
    ].map { Array($0.utf8) }
    private static let scheme = Array("Digest".utf8)
    /// RFC 1035 §2.3.4
    private static let hostBytesMax = 255
    private static let separators = Array("+-.()".utf8)
    private static let stops = Set("@<>\" \t\r\n".utf8)
}

extension ArraySlice<UInt8> {
    fileprivate func suffix(while matches: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        var start = endIndex
        while start > startIndex, matches(self[start - 1]) { start -= 1 }
        return self[start...]
    }
}
