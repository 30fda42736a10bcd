import Bytes
import Location

/// The second argument of `save()`: words separated by commas, or the letters of older scripts.
struct SaveFlags: Equatable {
    /// What happens with Path headers (RFC 3327).
    enum PathMode: Equatable {
        /// Not looked at.
        case ignored
        /// Stored, never sent back.
        case off
        /// Stored; sent back when the client supports it.
        case lazy
        /// Refused with 420 unless the client supports it.
        case strict
    }

    var sendsReply = true
    var contactsMax: Int?
    var replacesOldest = false
    var matching: ContactMatching?
    var pathMode = PathMode.ignored
    var usesPathReceived = false
    var listsOnlyRequestContacts = false
    var usesSocketHeader = false
    var expiresMin: Int?
    var expiresMax: Int?

    init() {}

    /// Nil when `text` has a flag that there is not.
    init?(_ text: ByteString) {
        if text.isEmpty { return }
        let flags = FlagText(text, words: Self.words)
        guard let flags else { return nil }
        for (name, value) in flags.entries where !apply(name, value) { return nil }
    }

    /// Long words by the letter that older scripts use.
    private static let words: [(letter: UInt8, word: StaticString)] = [
        (UInt8(ascii: "m"), "memory-only"), (UInt8(ascii: "r"), "no-reply"), (UInt8(ascii: "c"), "max-contacts"),
        (UInt8(ascii: "f"), "force-registration"), (UInt8(ascii: "M"), "matching-mode"),
        (UInt8(ascii: "0"), "path-off"), (UInt8(ascii: "1"), "path-lazy"), (UInt8(ascii: "2"), "path-strict"),
        (UInt8(ascii: "v"), "path-received"), (UInt8(ascii: "o"), "only-request-contacts"),
        (UInt8(ascii: "s"), "socket-header"), (UInt8(ascii: "e"), "min-expires"), (UInt8(ascii: "E"), "max-expires"),
    ]

    private mutating func apply(_ letter: UInt8, _ value: ByteString) -> Bool {
        switch letter {
        case UInt8(ascii: "m"): break
        case UInt8(ascii: "r"): sendsReply = false
        case UInt8(ascii: "c"): contactsMax = value.decimal()
        case UInt8(ascii: "f"): replacesOldest = true
        case UInt8(ascii: "M"): matching = Self.matching(value)
        case UInt8(ascii: "0"): pathMode = .off
        case UInt8(ascii: "1"): pathMode = .lazy
        case UInt8(ascii: "2"): pathMode = .strict
        case UInt8(ascii: "v"): usesPathReceived = true
        case UInt8(ascii: "o"): listsOnlyRequestContacts = true
        case UInt8(ascii: "s"): usesSocketHeader = true
        case UInt8(ascii: "e"): expiresMin = Self.seconds(value)
        case UInt8(ascii: "E"): expiresMax = Self.seconds(value)
        default: return false
        }
        switch letter {
        case UInt8(ascii: "c"): return contactsMax != nil
        case UInt8(ascii: "M"): return matching != nil
        case UInt8(ascii: "e"): return expiresMin != nil
        case UInt8(ascii: "E"): return expiresMax != nil
        default: return true
        }
    }

    /// Seconds as registrations know them: 32 bits (RFC 3261 §20.19). nil: no number.
    private static func seconds(_ value: ByteString) -> Int? { value.decimal().map { max(0, min($0, Int(Int32.max))) } }

    /// `0`, `1`, or the name of a parameter, with or without angle brackets.
    private static func matching(_ value: ByteString) -> ContactMatching? {
        if value == "0" { return .contact }
        if value == "1" { return .contactAndCallID }
        let isBracketed = value.first == ASCII.less && value.last == ASCII.greater
        let name = isBracketed ? value.slice(1..<(value.count - 1)) : value
        return name.isEmpty ? nil : .parameter(name.compacted())
    }
}
