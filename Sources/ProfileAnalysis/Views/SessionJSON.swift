package import JSONRPC
import Profiling

extension Session {
    /// The session as one JSON object with everything in it, for machines: times in microseconds since 1970.
    package var json: JSONObject {
        var object: JSONObject = [
            "session": .integer(Int(truncatingIfNeeded: id)),
            "producer": .string(producer == .process ? "process" : "script"),
            "kind": .string(kind), "name": .string(name), "type": .integer(type),
            "begin": .integer(Int(beginNanoseconds / 1000)), "duration": .integer(Int(durationNanoseconds / 1000)),
        ]
        if let status { object.append("status", .integer(status)) }
        if let parent { object.append("parent", .integer(Int(truncatingIfNeeded: parent))) }
        if let link { object.append("link", .integer(Int(truncatingIfNeeded: link))) }
        if isTruncated { object.append("truncated", .bool(true)) }
        object.append("steps", .array(steps.map(\.json)))
        return object
    }
}

extension Step {
    fileprivate var json: JSONValue {
        switch self {
        case .session(let session): return .object(session.json)
        case .job(let job):
            var object: JSONObject = ["name": .string(job.name)]
            if job.exitName != job.name { object.append("exit_name", .string(job.exitName)) }
            if let file = job.file { object.append("file", .string(file)) }
            if let line = job.line { object.append("line", .integer(line)) }
            object.append("begin", .integer(Int(job.beginNanoseconds / 1000)))
            object.append("duration", .integer(Int(job.durationNanoseconds / 1000)))
            if let status = job.status { object.append("status", .integer(status)) }
            if job.isTruncated { object.append("truncated", .bool(true)) }
            if !job.steps.isEmpty { object.append("steps", .array(job.steps.map(\.json))) }
            return .object(object)
        }
    }
}
