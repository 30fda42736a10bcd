package import JSONRPC
package import Profiling

extension TraceRecord {
    /// The event that carries records of a producer.
    package static func eventName(_ producer: Producer) -> String {
        switch producer {
        case .process: "E_PROFILING_PROC"
        case .script: "E_PROFILING_SCRIPT"
        }
    }

    /// Reads an event as it came in a datagram or stands in a line of a capture: a JSON-RPC notification. None when it is
    /// not a profiling event or lacks what every one has.
    package init?(event bytes: [UInt8]) {
        guard let value = try? JSONParser.parse(bytes) else { return nil }
        self.init(event: value)
    }

    /// The same, parsed.
    package init?(event: JSONValue) {
        guard let method = event["method"]?.stringValue, let parameters = event["params"],
            let producer = Producer.allCases.first(where: { TraceRecord.eventName($0) == method }),
            let seconds = parameters["sec"]?.integerValue, let microseconds = parameters["usec"]?.integerValue,
            let session = parameters["session"]?.integerValue, let word = parameters["verb"]?.stringValue,
            let verb = Verb.allCases.first(where: { $0.word == word }),
            let name = parameters["name"]?.stringValue
        else { return nil }
        // Times beyond the year 2200 are nobody's, and would overflow.
        guard (0..<7_258_118_400).contains(seconds), (0..<1_000_000).contains(microseconds), session >= 0 else {
            return nil
        }
        let nanoseconds = parameters["nsec"]?.integerValue ?? microseconds * 1000
        guard (0..<1_000_000_000).contains(nanoseconds) else { return nil }
        self.init(
            nanoseconds: Int64(seconds) * 1_000_000_000 + Int64(nanoseconds), session: UInt64(session),
            verb: verb, producer: producer, name: name, file: parameters["file"]?.stringValue,
            line: parameters["line"]?.integerValue, type: parameters["type"]?.integerValue ?? 0,
            depth: parameters["depth"]?.integerValue ?? 0, status: parameters["status"]?.integerValue,
            parent: parameters["parent"]?.integerValue.flatMap { UInt64(exactly: $0) },
            link: parameters["link"]?.integerValue.flatMap { UInt64(exactly: $0) },
            isTruncated: parameters["truncated"]?.integerValue == 1)
    }
}
