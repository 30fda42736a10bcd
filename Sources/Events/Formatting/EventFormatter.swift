import JSONRPC
package import Profiling

/// Writes events as JSON-RPC notifications: `{"jsonrpc":"2.0","method":"E_NAME","params":{…}}`, no id, no newline.
///
/// Budget of a profiling event: no allocation once the writer has grown; no tree of values is built. Used on the
/// sender's thread only.
package struct EventFormatter {
    private(set) var writer = JSONWriter(reservingBytes: 32 << 10)
    private let processHead: [UInt8]
    private let scriptHead: [UInt8]
    private let verbs: [[UInt8]]
    private let format: EventFormat

    package init() { self.init(EventFormat()) }

    init(_ format: EventFormat) {
        self.format = format
        processHead = Self.head(EventNames.profilingProcess, format)
        scriptHead = Self.head(EventNames.profilingScript, format)
        verbs = Verb.allCases.map { Array(#","verb":"\#($0.word)","name":"#.utf8) }
    }

    var count: Int { writer.count }

    /// Everything that was written since `removeAll`.
    package var bytes: [UInt8] { writer.bytes }

    package mutating func removeAll() { writer.removeAll() }

    mutating func truncate(to count: Int) { writer.truncate(to: count) }

    /// The fields and their order are the peer's. `truncated` follows where something was lost, then the extra fields.
    package mutating func append(_ record: ProfilingRecord) {
        writer.append(raw: record.producer == .script ? scriptHead : processHead)
        writer.append(integer: Int(record.seconds))
        writer.append(raw: Self.microseconds)
        writer.append(integer: Int(record.microseconds))
        writer.append(raw: Self.session)
        writer.append(unsigned: UInt(record.session))
        writer.append(raw: verbs[Int(record.verb.rawValue) - 1])
        writer.append(string: record.name)
        append(Self.type, record.type)
        append(Self.depth, record.depth)
        if let file = record.file {
            writer.append(raw: Self.file)
            writer.append(string: file)
        }
        if let line = record.line { append(Self.line, line) }
        if let status = record.status { append(Self.status, Int(status)) }
        if record.isTruncated { append(Self.truncated, 1) }
        if !format.fields.isEmpty { appendExtraFields(record) }
        writer.append(raw: Self.tail)
    }

    private mutating func appendExtraFields(_ record: ProfilingRecord) {
        if format.fields.contains(.parent), let parent = record.parent { append(Self.parent, Int(parent)) }
        if format.fields.contains(.link), let link = record.link { append(Self.link, Int(link)) }
        if format.fields.contains(.call), let subject = record.subject {
            writer.append(raw: Self.call)
            writer.append(bytes: subject)
        }
        if format.fields.contains(.nsec) { append(Self.nanoseconds, Int(record.nanoseconds % 1_000_000_000)) }
    }

    mutating func append(name: String, _ parameters: RPCParameters) {
        var notification: JSONObject = ["jsonrpc": "2.0", "method": .string(format.method ?? name)]
        if let parameters = named(name, parameters).json { notification.append("params", parameters) }
        writer.append(notification)
    }

    /// With the event's name in front, where that is asked for.
    private func named(_ name: String, _ parameters: RPCParameters) -> RPCParameters {
        guard let key = format.eventParameter else { return parameters }
        let first = JSONObject.Member(key: key, value: .string(name))
        switch parameters {
        case .none: return .named(JSONObject([first]))
        case .positional(let values): return .positional([.string(name)] + values)
        case .named(let object): return .named(JSONObject([first] + object.members))
        }
    }

    private mutating func append(_ key: [UInt8], _ value: Int) {
        writer.append(raw: key)
        writer.append(integer: value)
    }

    private static func head(_ name: String, _ format: EventFormat) -> [UInt8] {
        func text(_ value: String) -> String { JSONValue.string(value).description }
        let event = format.eventParameter.map { "\(text($0)):\(text(name))," } ?? ""
        return Array(#"{"jsonrpc":"2.0","method":\#(text(format.method ?? name)),"params":{\#(event)"sec":"#.utf8)
    }

    private static let microseconds = Array(#","usec":"#.utf8)
    private static let session = Array(#","session":"#.utf8)
    private static let type = Array(#","type":"#.utf8)
    private static let depth = Array(#","depth":"#.utf8)
    private static let file = Array(#","file":"#.utf8)
    private static let line = Array(#","line":"#.utf8)
    private static let status = Array(#","status":"#.utf8)
    private static let parent = Array(#","parent":"#.utf8)
    private static let link = Array(#","link":"#.utf8)
    private static let call = Array(#","call":"#.utf8)
    private static let nanoseconds = Array(#","nsec":"#.utf8)
    private static let truncated = Array(#","truncated":"#.utf8)
    private static let tail = Array("}}".utf8)
}
