package import Bytes

extension ByteString {
    /// With each `%` and two hex digits replaced by their byte; an escape that is not whole stays. Allocates when
    /// there is a `%`.
    package func percentDecoded() -> ByteString {
        guard contains(ASCII.percent) else { return self }
        var writer = ByteWriter(reserving: count)
        var index = 0
        while index < count {
            if let byte = escape(at: index) {
                writer.append(byte)
                index += 3
            } else {
                writer.append(self[index])
                index += 1
            }
        }
        return writer.finishText()
    }

    /// With every byte that a SIP user part does not take as it is (RFC 3261 §25.1) as `%` and two hex digits.
    package func percentEncodedUser() -> ByteString {
        guard elements.contains(where: { !Self.isUserCharacter($0) }) else { return self }
        var writer = ByteWriter(reserving: count * 2)
        for byte in elements {
            if Self.isUserCharacter(byte) {
                writer.append(byte)
            } else {
                writer.append(ASCII.percent)
                writer.append(ASCII.uppercased(ASCII.hexDigit(byte >> 4)))
                writer.append(ASCII.uppercased(ASCII.hexDigit(byte)))
            }
        }
        return writer.finishText()
    }

    /// Whether it may stand as the user of a SIP URI (RFC 3261 §25.1).
    package var isUserText: Bool {
        elements.indices.allSatisfy {
            Self.isUserCharacter(elements[$0]) || escape(at: $0 - elements.startIndex) != nil
        }
    }

    /// The byte that the escape at `index` stands for; nil when there is no whole escape.
    func escape(at index: Int) -> UInt8? {
        guard self[index] == ASCII.percent, index + 2 < count, let high = ASCII.hexValue(self[index + 1]),
            let low = ASCII.hexValue(self[index + 2])
        else { return nil }
        return high << 4 | low
    }

    /// `unreserved` and `user-unreserved`.
    private static func isUserCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "~"),
            UInt8(ascii: "*"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "&"),
            UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: ","), UInt8(ascii: ";"),
            UInt8(ascii: "?"), UInt8(ascii: "/"):
            true
        default: ASCII.isAlphanumeric(byte)
        }
    }
}
