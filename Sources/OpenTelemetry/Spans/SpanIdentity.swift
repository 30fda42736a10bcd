/// The id of a trace: 16 bytes, never all zero in a span that is sent (W3C Trace Context §3.2.2.3).
package struct TraceID: Sendable, Hashable {
    /// The first eight bytes, as a number in network order.
    package var high: UInt64
    /// The last eight.
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// All zero, which is no trace.
    package static let none = TraceID(high: 0, low: 0)
    package var isValid: Bool { high != 0 || low != 0 }

    /// The 16 bytes, as OTLP's protobuf carries them.
    package var bytes: [UInt8] { high.networkBytes + low.networkBytes }
    /// 32 lower-case hexadecimal digits, as OTLP's JSON and `traceparent` carry them.
    package var hexadecimal: String { bytes.hexadecimal }
}

/// The id of a span: 8 bytes, never all zero in a span that is sent.
package struct SpanID: Sendable, Hashable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    /// All zero, which is no span.
    package static let none = SpanID(0)
    package var isValid: Bool { value != 0 }

    /// The 8 bytes, as OTLP's protobuf carries them.
    package var bytes: [UInt8] { value.networkBytes }
    /// 16 lower-case hexadecimal digits.
    package var hexadecimal: String { bytes.hexadecimal }
}

extension UInt64 {
    /// Its eight bytes, the highest first.
    fileprivate var networkBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension [UInt8] {
    fileprivate var hexadecimal: String {
        let digits: StaticString = "0123456789abcdef"
        return String(unsafeUninitializedCapacity: count * 2) { text in
            for (index, byte) in enumerated() {
                text[index * 2] = digits.utf8Start[Int(byte >> 4)]
                text[index * 2 + 1] = digits.utf8Start[Int(byte & 15)]
            }
            return count * 2
        }
    }
}
