import JSONRPC

/// A line of the server's process list.
struct ServerProcess {
    let id: Int
    let pid: Int
    let level: Int
    let description: String

    init?(_ value: JSONValue) {
        guard let id = value["ID"]?.integerValue, let pid = value["PID"]?.integerValue,
            let level = value["Profiling level"]?.integerValue, let description = value["Type"]?.stringValue
        else { return nil }
        self.id = id
        self.pid = pid
        self.level = level
        self.description = description
    }
}
