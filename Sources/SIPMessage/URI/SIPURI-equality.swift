package import Bytes

extension SIPURI {
    /// Whether both are the same address by the rules of RFC 3261 §19.1.4; of `tel` and other schemes by number or
    /// text without case.
    ///
    /// Not transitive, as the RFC says, so it is no `==`: a parameter that only one of them has is ignored unless it is
    /// `user`, `ttl`, `method`, `maddr` or `transport`.
    package func isEquivalent(to other: SIPURI) -> Bool {
        guard scheme == other.scheme else { return false }
        switch scheme {
        case .other: return text.equalsIgnoringCase(other.text)
        case .tel:
            return user.equalsIgnoringVisualSeparators(other.user) && hasEquivalentParameters(other)
        case .sip, .sips:
            // Absent and empty user differ, and so do an absent port and the scheme's own.
            return hasUser == other.hasUser && user.isEquivalentEscaped(other.user)
                && password.isEquivalentEscaped(other.password) && host.equalsIgnoringCase(other.host)
                && port == other.port && hasEquivalentParameters(other) && hasEquivalentHeaders(other)
        }
    }

    private func hasEquivalentParameters(_ other: SIPURI) -> Bool {
        parameters.allSatisfy { matches($0, of: parameters, in: other.parameters) }
            && other.parameters.allSatisfy { matches($0, of: other.parameters, in: parameters) }
    }

    private func matches(_ parameter: Parameter, of own: Parameters, in others: Parameters) -> Bool {
        let name = own.name(of: parameter)
        // Of a name that repeats, which the grammar forbids, the first counts.
        guard let ownValue = own.value(name), let value = others.value(name) else {
            return !Self.decisiveNames.contains { name.equalsIgnoringCase($0) }
        }
        return ownValue.isEquivalentEscaped(value, ignoringCase: true)
    }

    /// Parameters that make a difference even when only one URI has them.
    private static let decisiveNames: [StaticString] = ["user", "ttl", "method", "maddr", "transport"]

    private func hasEquivalentHeaders(_ other: SIPURI) -> Bool {
        contains(other.headers, in: headers) && contains(headers, in: other.headers)
    }

    /// Whether each of `wanted` is in `present` with the same value; names repeat rarely, so any one with that value
    /// will do.
    private func contains(_ wanted: Parameters, in present: Parameters) -> Bool {
        wanted.allSatisfy { header in
            let name = wanted.name(of: header)
            let value = wanted.value(of: header)
            return present.contains {
                present.name(of: $0).equalsIgnoringCase(name) && present.value(of: $0).isEquivalentEscaped(value)
            }
        }
    }
}

extension ByteString {
    /// Whether both are the same text when an escaped byte that is not reserved equals the byte itself (RFC 3261
    /// §19.1.4).
    func isEquivalentEscaped(_ other: ByteString, ignoringCase: Bool = false) -> Bool {
        var (left, right) = (0, 0)
        while left < count, right < other.count {
            let (mine, myReserved) = unescapedByte(&left)
            let (theirs, theirReserved) = other.unescapedByte(&right)
            let same =
                mine == theirs || (ignoringCase && ASCII.lowercased(mine) == ASCII.lowercased(theirs))
            guard same, myReserved == theirReserved else { return false }
        }
        return left == count && right == other.count
    }

    /// The byte at `index`, an escape undone, and whether it is a reserved byte that was escaped; moves `index`
    /// behind it.
    private func unescapedByte(_ index: inout Int) -> (UInt8, Bool) {
        guard let byte = escape(at: index) else {
            index += 1
            return (self[index - 1], false)
        }
        index += 3
        return (byte, Self.isReserved(byte))
    }

    /// `reserved` of RFC 3261 §25.1.
    private static func isReserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ";"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"),
            UInt8(ascii: "&"), UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: ","):
            true
        default: false
        }
    }

    /// Whether both are the same telephone number: `-`, `.`, `(` and `)` count for nothing (RFC 3966 §4).
    func equalsIgnoringVisualSeparators(_ other: ByteString) -> Bool {
        func digits(_ text: ByteString) -> some Sequence<UInt8> {
            text.elements.lazy.filter { !Self.isVisualSeparator($0) }.map(ASCII.lowercased)
        }
        return digits(self).elementsEqual(digits(other))
    }

    /// A telephone number without its visual separators.
    package func withoutVisualSeparators() -> ByteString {
        var writer = ByteWriter(reserving: count)
        for byte in elements where !Self.isVisualSeparator(byte) { writer.append(byte) }
        return writer.finishText()
    }

    private static func isVisualSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
    }
}
