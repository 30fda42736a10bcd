package import Bytes

/// Methods as bits, one each, in the numbering that operators know from `usrloc:add` (32767 allows every method).
package enum MethodSet {
    /// Every method: what a contact without an Allow header accepts.
    package static let all: UInt32 = 0xFFFF_FFFF
    /// The bit of every method that has none of its own.
    package static let other: UInt32 = 16384

    /// The bit of a method by its name. Names are compared as they are (RFC 3261 §7.1).
    package static func bit(of method: ByteString) -> UInt32 {
        for (name, bit) in bits where method == name { return bit }
        return other
    }

    private static let bits: [(StaticString, UInt32)] = [
        ("INVITE", 1), ("CANCEL", 2), ("ACK", 4), ("BYE", 8), ("INFO", 16), ("OPTIONS", 32), ("UPDATE", 64),
        ("REGISTER", 128), ("MESSAGE", 256), ("SUBSCRIBE", 512), ("NOTIFY", 1024), ("PRACK", 2048),
        ("REFER", 4096), ("PUBLISH", 8192),
    ]
}
