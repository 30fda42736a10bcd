package import Bytes

/// The value of a `traceparent` header (W3C Trace Context §3.2): `00-<trace id>-<span id>-<flags>`.
package struct TraceParent: Sendable, Hashable {
    package var traceID: TraceID
    package var spanID: SpanID
    package var isSampled: Bool

    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// Reads a value; nil for what the specification says to ignore. Later versions may have more behind the flags.
    package init?(_ text: some Collection<UInt8>) {
        let bytes = Array(text)
        guard bytes.count >= 55, bytes[2] == 45, bytes[35] == 45, bytes[52] == 45,
            let version = Self.hexadecimal(bytes[0..<2]), version != 0xFF,
            bytes.count == 55 || (version > 0 && bytes[55] == 45),
            let high = Self.hexadecimal(bytes[3..<19]), let low = Self.hexadecimal(bytes[19..<35]),
            let span = Self.hexadecimal(bytes[36..<52]), let flags = Self.hexadecimal(bytes[53..<55]),
            high != 0 || low != 0, span != 0
        else { return nil }
        self.init(traceID: TraceID(high: high, low: low), spanID: SpanID(span), isSampled: flags & 1 == 1)
    }

    /// As it stands in a header.
    package var text: ByteString {
        var writer = ByteWriter(reserving: 55)
        writer.append("00-")
        writer.append(hex: traceID.high, digits: 16)
        writer.append(hex: traceID.low, digits: 16)
        writer.append("-")
        writer.append(hex: spanID.value, digits: 16)
        writer.append(isSampled ? "-01" : "-00")
        return writer.finishText()
    }

    /// Lower case only, as the specification has it.
    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            guard let nibble = ASCII.hexValue(digit), ASCII.lowercased(digit) == digit else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value
    }
}
