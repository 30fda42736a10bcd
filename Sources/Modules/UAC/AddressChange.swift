import Bytes
import SIPMessage

/// From or To of a dialog as one side knows it and as the other does: what a Record-Route parameter keeps, so that every later
/// request of the dialog can be changed the same way. A value.
struct AddressChange: Equatable {
    /// Longest text that is kept or believed, in bytes.
    static let textBytesMax = 512

    /// With its display name if `namesChanged`, else the URI alone.
    let original: ByteString
    let replaced: ByteString
    /// Whether the display name was changed too, or only the URI.
    let namesChanged: Bool

    /// What a field's value becomes: its name and URI changed, its parameters kept. nil when the field breaks the grammar.
    static func apply(_ text: ByteString, namesChanged: Bool, to address: NameAddress) -> ByteString {
        var writer = ByteWriter(reserving: text.count + address.text.count)
        if namesChanged {
            writer.append(text)
        } else {
            if !address.displayName.isEmpty {
                writer.append(address.displayName)
                writer.append(ASCII.space)
            }
            writer.append(ASCII.less)
            writer.append(text)
            writer.append(ASCII.greater)
        }
        writer.append(address.parameters.text)
        return writer.finishText()
    }

    // MARK: The parameter's value

    /// As a parameter value: letters, digits, `-` and `_`. With a password nobody can read or make one without it.
    func encoded(password: ByteString?) -> ByteString {
        var writer = ByteWriter(reserving: original.count + replaced.count + 2)
        writer.append(namesChanged ? UInt8(ascii: "f") : UInt8(ascii: "u"))
        writer.append(original)
        writer.append(UInt8(0))
        writer.append(replaced)
        var bytes = writer.finish()
        if let password { bytes = SealedText.seal(bytes, password: password) }
        return URLBase64.encode(bytes)
    }

    /// What a parameter value holds. nil: it was not made here, or not with this password, or is not what it should be.
    init?(_ value: ByteString, password: ByteString?) {
        guard value.count <= 4 * Self.textBytesMax, var bytes = URLBase64.decode(value) else { return nil }
        if let password {
            guard let opened = SealedText.open(bytes, password: password) else { return nil }
            bytes = opened
        }
        let parts = ByteString(bytes).split(at: 0)
        guard parts.count == 2, let kind = parts[0].first, parts[0].count > 1, !parts[1].isEmpty else { return nil }
        let namesChanged = kind == UInt8(ascii: "f")
        guard namesChanged || kind == UInt8(ascii: "u") else { return nil }
        self.init(original: parts[0].dropFirst(1), replaced: parts[1], namesChanged: namesChanged)
    }

    /// nil: one of the texts could not stand in a header field.
    init?(original: ByteString, replaced: ByteString, namesChanged: Bool) {
        for text in [original, replaced] {
            guard text.count <= Self.textBytesMax, !text.elements.contains(where: { $0 < 32 || $0 == 127 }) else {
                return nil
            }
            if namesChanged {
                guard let address = NameAddress(text), address.isBracketed, address.parameters.isEmpty else {
                    return nil
                }
            } else {
                guard !text.contains(ASCII.less), !text.contains(ASCII.greater), !text.contains(ASCII.space) else {
                    return nil
                }
            }
        }
        self.original = original
        self.replaced = replaced
        self.namesChanged = namesChanged
    }
}

/// Base 64 for URIs (RFC 4648 §5), without padding.
enum URLBase64 {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: [UInt8]) -> ByteString {
        var writer = ByteWriter(reserving: (bytes.count * 4 + 2) / 3)
        var index = 0
        while index < bytes.count {
            let left = min(3, bytes.count - index)
            var group = UInt32(bytes[index]) << 16
            if left > 1 { group |= UInt32(bytes[index + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[index + 2]) }
            for digit in 0...left { writer.append(letters[Int(group >> UInt32(18 - 6 * digit)) & 63]) }
            index += 3
        }
        return writer.finishText()
    }

    /// nil: a character that is none of these, or a length that cannot be.
    static func decode(_ text: ByteString) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for letter in text.elements {
            guard let digit = letters.firstIndex(of: letter) else { return nil }
            group = group << 6 | UInt32(digit)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return bytes
    }
}
