import Bytes
import Profiling
import Reactor
import SIPMessage

@testable import OpenTelemetry

/// Makes records as the profiler would hand them over; each is one microsecond after the one before, on all processes.
struct RecordBench {
    static let identity = TraceIdentity(secret: 42)
    static let epoch: Int64 = 1_700_000_000_000_000_000

    var records: [ProfilingRecord] = []
    private var now = RecordBench.epoch
    private var depths: [UInt64: Int] = [:]

    static func description(_ change: (inout TraceDescription) -> Void = { _ in }) -> TraceDescription {
        var description = TraceDescription(identity: identity) { id in
            TracedProcess(id: id, pid: 1000 + id, description: "SIP receiver \(id)", threadName: "sip-\(id)")
        }
        description.functions = ["t_relay", "save"]
        change(&description)
        return description
    }

    mutating func wait(microseconds: Int64) { now += microseconds * 1000 }

    mutating func start(
        _ session: UInt64, _ name: String = "<root>", script type: Int? = 1, process: Int = 1, parent: UInt64? = nil,
        link: UInt64? = nil, isCause: Bool = false, isLinkAnnotated: Bool = true
    ) {
        depths[session] = 1
        add(
            ProfilingRecord(
                nanoseconds: tick(), session: session, verb: .start, producer: type == nil ? .process : .script,
                name: name, type: type ?? 1, depth: 1, parent: parent, link: link, isLinkCause: isCause,
                isLinkAnnotated: isLinkAnnotated,
                process: process))
    }

    mutating func enter(_ session: UInt64, _ name: String, file: String = "a.cfg", line: Int = 7) {
        depths[session, default: 1] += 1
        add(
            ProfilingRecord(
                nanoseconds: tick(), session: session, verb: .enter, producer: .script, name: name, file: file,
                line: line, type: 1, depth: depths[session, default: 1]))
    }

    mutating func exit(
        _ session: UInt64, _ name: String, status: Int32 = 1, annotations: [Annotation] = []
    ) {
        depths[session, default: 2] -= 1
        add(
            ProfilingRecord(
                nanoseconds: tick(), session: session, verb: .exit, producer: .script, name: name, file: "a.cfg",
                line: 7, type: 1, depth: depths[session, default: 1], status: status, annotations: annotations))
    }

    mutating func end(
        _ session: UInt64, status: Int32? = 1, isTruncated: Bool = false, annotations: [Annotation] = []
    ) {
        add(
            ProfilingRecord(
                nanoseconds: tick(), session: session, verb: .end, producer: .script, name: "", type: 1, depth: 1,
                status: status, isTruncated: isTruncated, annotations: annotations))
    }

    private mutating func add(_ record: ProfilingRecord) { records.append(record) }

    private mutating func tick() -> Int64 {
        now += 1000
        return now
    }

    /// A note of a message as SIP's processes write it.
    static func note(
        _ text: String? = nil, origin: UInt64? = nil, link: UInt64? = nil, traceParent: String? = nil,
        traceState: [String] = []
    ) -> Annotation {
        let message = text.flatMap { try? Message.parse(Array($0.utf8)) }
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = bytes.withUnsafeMutableBytes { memory in
            var fields = FieldWriter(memory)
            if let origin { fields.put(MessageNote.Field.origin.rawValue, value: origin) }
            if let link { fields.put(MessageNote.Field.link.rawValue, value: link) }
            if let traceParent { MessageNote.text(.traceParent, ByteString(traceParent), &fields) }
            if let message {
                fields.put(MessageNote.Field.peer.rawValue, value: SocketAddress(192, 0, 2, 1, port: 5070))
                fields.put(MessageNote.Field.local.rawValue, value: SocketAddress(127, 0, 0, 1, port: 5060))
                fields.put(MessageNote.Field.transport.rawValue, "UDP")
                MessageNote.put(message, into: &fields)
            }
            for state in traceState {
                fields.put(MessageNote.Field.traceState.rawValue, ByteString(state), bytesMax: 513)
            }
            return fields.count
        }
        return Annotation(key: MessageNote.key, bytes: Array(bytes[..<count]))
    }

    static func log(_ level: Int, _ text: String, at offset: Int64) -> Annotation {
        Annotation(
            key: LogNote.key, bytes: [UInt8(bitPattern: Int8(level))] + Array(text.utf8), nanoseconds: epoch + offset)
    }

    static func invite(callID: String = "abc@192.0.2.1", uri: String = "sip:+4915112345@example.org:5080") -> String {
        """
        INVITE \(uri) SIP/2.0\r
        Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1\r
        From: <sip:alice@example.org>;tag=1\r
        To: <sip:bob@example.org>\r
        Call-ID: \(callID)\r
        CSeq: 7 INVITE\r
        User-Agent: Phone/1.0\r
        Content-Length: 0\r
        \r

        """
    }

    static func reply(_ status: Int, _ reason: String = "Ringing") -> String {
        """
        SIP/2.0 \(status) \(reason)\r
        Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1\r
        From: <sip:alice@example.org>;tag=1\r
        To: <sip:bob@example.org>;tag=2\r
        Call-ID: abc@192.0.2.1\r
        CSeq: 7 INVITE\r
        Content-Length: 0\r
        \r

        """
    }
}

extension OpenTelemetry.Span {
    func value(_ key: String) -> AttributeValue? { attributes.first { $0.key == key }?.value }
    func text(_ key: String) -> String? {
        if case .string(let text)? = value(key) { text } else { nil }
    }
}
