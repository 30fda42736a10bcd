package import Bytes

/// The `branch` parameter of a Via that a transaction puts on a request: says where the transaction is, so that a response
/// finds it with one load and no search.
///
/// ```
/// z9hG4bKsr BBBBBBBB TTTTTTTT SSSSSSSS II . LLLLLLLLLLLLLLLL        (without the blanks, hexadecimal)
///           start of  place in  use of  branch  loop, only if forked
///           server    table     place
/// ```
/// `L` is there when the request was sent to more than one place at once; it tells the request should it come back.
///
/// `B` differs from start to start, `S` from use to use of a place: the whole is unique in space and time (RFC 3261 §8.1.1.7).
package struct BranchID: Hashable, Sendable, BitwiseCopyable {
    package static let prefix: StaticString = "z9hG4bKsr"
    package static let count = 35
    private static let loopCount = 17

    package var boot: UInt32
    package var place: UInt32
    package var serial: UInt32
    package var index: UInt8
    /// What routing a forked request depended on, as a keyed hash (RFC 5393 §4.2.1); nil: not forked.
    package var loop: UInt64?

    package init(boot: UInt32, place: UInt32, serial: UInt32, index: UInt8, loop: UInt64? = nil) {
        self.loop = loop
        self.boot = boot
        self.place = place
        self.serial = serial
        self.index = index
    }

    /// Reads a branch parameter; nil when it is not one of ours.
    package init?(_ text: ByteString) {
        guard text.count >= Self.count, text.hasPrefix(Self.prefix) else { return nil }
        var loop: UInt64?
        if text.count > Self.count {
            guard text.count == Self.count + Self.loopCount, text[Self.count] == UInt8(ascii: "."),
                let upper = Self.hex(text, Self.count + 1, 8), let lower = Self.hex(text, Self.count + 9, 8)
            else { return nil }
            loop = UInt64(upper) << 32 | UInt64(lower)
        }
        guard let boot = Self.hex(text, 9, 8), let place = Self.hex(text, 17, 8), let serial = Self.hex(text, 25, 8),
            let index = Self.hex(text, 33, 2)
        else { return nil }
        self.init(boot: boot, place: place, serial: serial, index: UInt8(truncatingIfNeeded: index), loop: loop)
    }

    private static func hex(_ text: ByteString, _ start: Int, _ count: Int) -> UInt32? {
        var value: UInt32 = 0
        for offset in start..<start + count {
            guard let digit = ASCII.hexValue(text[offset]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(Self.prefix)
        writer.append(hex: UInt64(boot), digits: 8)
        writer.append(hex: UInt64(place), digits: 8)
        writer.append(hex: UInt64(serial), digits: 8)
        writer.append(hex: UInt64(index), digits: 2)
        if let loop {
            writer.append(UInt8(ascii: "."))
            writer.append(hex: loop, digits: 16)
        }
    }
}
