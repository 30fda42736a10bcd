/// The headers of `OTEL_EXPORTER_OTLP_HEADERS`: `key=value,key=value`, values percent-encoded (W3C Baggage without properties).
struct HeaderList {
    private(set) var headers: [ExporterSettings.Header] = []
    /// What is wrong with entries that are left out, without their values, which may be secret.
    private(set) var faults: [String] = []

    /// Headers that are the exporter's own.
    private static let reserved: Set<String> = [
        "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "te",
        "accept-encoding",
    ]

    init(_ text: String) {
        var bytes = 0
        for (index, entry) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let entry = entry.trimmingSpaces
            guard !entry.isEmpty else { continue }
            guard let equals = entry.firstIndex(of: "=") else {
                faults.append("entry \(index + 1) has no =; left out")
                continue
            }
            let name = entry[..<equals].trimmingSpaces.lowercased()
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isToken) else {
                faults.append("entry \(index + 1) has no header name before =; left out")
                continue
            }
            guard !Self.reserved.contains(name), !name.hasPrefix("grpc-") else {
                faults.append("\(name) is the exporter's own header; left out")
                continue
            }
            guard let value = Self.decode(entry[entry.index(after: equals)...].trimmingSpaces) else {
                faults.append("the value of \(name) is not percent-encoded text; left out")
                continue
            }
            bytes += name.utf8.count + value.utf8.count
            guard bytes <= ExportLimits.headerBytesMax else {
                faults.append("more than \(ExportLimits.headerBytesMax) bytes; \(name) and those after it are left out")
                return
            }
            headers.append(ExporterSettings.Header(name: name, value: value))
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Percent-decoded; nil for a broken escape, text that is no UTF-8, or a control character.
    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.hexadecimal),
                let low = rest.popFirst().flatMap(Self.hexadecimal)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
