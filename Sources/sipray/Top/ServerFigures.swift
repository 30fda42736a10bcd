import Glibc
import JSONRPC
import Management

/// All figures of a server at one moment, with its processes.
struct ServerFigures {
    let monotonicSeconds: Double
    let processes: [ServerProcess]
    private let values: JSONValue

    init(_ client: ManagementClient) throws(ManagementClientError) {
        values = try client.call("statistics:get", .named(["statistics": ["all"]]))
        // A server without levels has processes all the same.
        let listed = try? client.call("core:profiling_proc")
        processes = (listed?["Processes"]?.arrayValue ?? []).compactMap(ServerProcess.init)
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        monotonicSeconds = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// A figure such as `core:rcv_requests`; nil when the server does not have it.
    subscript(name: String) -> Int? { values[name]?.integerValue }

    /// The sum of those figures that the server has; nil when it has none.
    func sum(_ names: [String]) -> Int? {
        let found = names.compactMap { self[$0] }
        return found.isEmpty ? nil : found.reduce(0, +)
    }

    /// How much a counter grew in a second since `earlier`; nil when there is no such counter.
    func rate(_ name: String, since earlier: ServerFigures) -> Double? {
        guard let now = self[name], let then = earlier[name] else { return nil }
        let seconds = monotonicSeconds - earlier.monotonicSeconds
        // Somebody may have reset it meanwhile.
        return seconds > 0 && now >= then ? Double(now - then) / seconds : nil
    }
}
