import Bytes
import Profiling
import Reactor
import SIPMessage

/// A `MessageNote` read back.
struct NotedMessage {
    var method: String?
    var uri: ByteString?
    var callID: [UInt8] = []
    var cseq: String?
    var userAgent: String?
    /// Of a response.
    var status: Int?
    var reason: String?
    var peer: SocketAddress?
    var local: SocketAddress?
    /// In lower case.
    var transport: String?
    var traceParent: TraceParent?
    /// `tracestate`, as far as it is kept.
    var traceState = ""
    var origin: UInt64?
    var link: UInt64?

    /// Whether there is a message at all, not only a session's origin.
    var isMessage: Bool { method != nil || status != nil }

    init(_ bytes: [UInt8]) {
        var state: [UInt8] = []
        for (tag, value) in FieldReader(bytes) {
            guard let field = MessageNote.Field(rawValue: tag) else { continue }
            switch field {
            case .method: method = Self.text(value)
            case .uri: uri = ByteString(Array(value))
            case .callID: callID = Array(value)
            case .cseq: cseq = Self.text(value)
            case .userAgent: userAgent = Self.text(value)
            case .status: status = Self.value(value, as: UInt16.self).map { Int($0) }
            case .reason: reason = Self.text(value)
            case .peer: peer = Self.value(value, as: SocketAddress.self)
            case .local: local = Self.value(value, as: SocketAddress.self)
            case .transport: transport = Self.text(value).lowercased()
            case .traceParent: traceParent = TraceParent(value)
            case .origin: origin = Self.value(value, as: UInt64.self)
            case .link: link = Self.value(value, as: UInt64.self)
            case .traceState: state += (state.isEmpty ? [] : [ASCII.comma]) + value
            }
        }
        if !state.isEmpty { traceState = String(decoding: TraceContext.kept(state), as: UTF8.self) }
        if method == nil, let cseq { method = CSeq(ByteString(cseq))?.methodText.string }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// A value that this program wrote as it lies in memory.
    private static func value<Value: BitwiseCopyable>(_ bytes: ArraySlice<UInt8>, as type: Value.Type) -> Value? {
        guard bytes.count == MemoryLayout<Value>.size else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: type) }
    }
}

/// A log line that was written inside a session.
struct NotedLine {
    var nanoseconds: Int64
    var level: Int
    var text: String
    /// It was longer than a note may be.
    var isCut: Bool

    init(_ annotation: Annotation) {
        nanoseconds = annotation.nanoseconds
        level = annotation.bytes.first.map { Int(Int8(bitPattern: $0)) } ?? 0
        text = String(decoding: annotation.bytes.dropFirst(), as: UTF8.self)
        isCut = annotation.bytes.count == Probe.annotationBytesMax
    }
}

/// A log line as an annotation of the process that wrote it: its level (one byte, signed, -3 alert to 4 debug), then text.
package enum LogNote {
    package static let key: UInt16 = 3
}

/// The keys that SIP's processes write with.
enum NotedKey {
    static let message = MessageNote.key
    static let raw = MessageNote.rawKey
    static let cause = MessageNote.causeKey
}
