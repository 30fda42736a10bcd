import Glibc
import JSONRPC
import Management
import ProfileAnalysis

/// What `watch` does to the server, and undoes: two subscriptions and the levels that it raised.
final class WatchSession {
    private let client: ManagementClient
    private let level: Int
    private let output: Output
    /// Where events go, once subscribed.
    private var socket: String?
    /// Whether the server gives more fields than the peer: it is asked once.
    private var givesFields = true
    /// Levels before they were raised.
    private var raised: [ServerProcess] = []

    /// The subscription ends by itself so long after we were last heard of, should we be killed.
    static let expireSeconds = 60
    static let renewSeconds: Int64 = 20

    private static let events = ["E_PROFILING_PROC", "E_PROFILING_SCRIPT"]

    init(client: ManagementClient, level: Int, output: Output) {
        self.client = client
        self.level = level
        self.output = output
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The processes that match any of the texts; all without one.
    func choose(_ texts: [String]) throws -> [ServerProcess] {
        let all = try list()
        guard !texts.isEmpty else { return all }
        let chosen = all.filter { process in
            texts.contains { text in
                Int(text).map { $0 == process.id || $0 == process.pid } ?? process.description.contains(text)
            }
        }
        guard !chosen.isEmpty else {
            let known = all.map { "  \($0.id)  \($0.pid)  \(TextStyle.safe($0.description))" }
            throw Failure(
                description:
                    "no process matches \(texts.joined(separator: ", ")); the server has (ID, PID, description):\n"
                    + known.joined(separator: "\n"))
        }
        return chosen
    }

    /// Subscribes and raises the levels of those below ours.
    func begin(_ socket: String, _ processes: [ServerProcess]) throws {
        self.socket = socket
        try subscribe(expire: WatchSession.expireSeconds)
        for process in processes where process.level < level {
            raised.append(process)
            try setLevel(level, process.id)
        }
    }

    /// Draws what comes until the time is over, the user has enough or nobody reads us.
    func follow(_ socket: EventSocket, _ view: inout LiveView, seconds: Int?, quiet: Bool) throws {
        let start = WatchSession.monotonicNanoseconds()
        var renewed = start
        var newest = start
        while !Interruption.isRequested, !output.isGone {
            var lines: [String] = []
            let before = view.records
            socket.receive(milliseconds: 200) { lines += view.receive($0) }
            let now = WatchSession.monotonicNanoseconds()
            if view.records > before { newest = now }
            lines += view.overdue(idleNanoseconds: now - newest)
            if !quiet { output.write(lines) }
            if let seconds, now - start >= Int64(seconds) * 1_000_000_000 { return }
            if now - renewed >= WatchSession.renewSeconds * 1_000_000_000 {
                renewed = now
                try subscribe(expire: WatchSession.expireSeconds)
            }
        }
    }

    /// Puts back what was changed, as far as the server still answers; says what could not be.
    func end() {
        do {
            let current = try list()
            for process in raised where current.contains(where: { $0.id == process.id && $0.level == level }) {
                try setLevel(process.level, process.id)
            }
        } catch {
            output.note("the profiling levels could not be put back: \(error)")
        }
        raised = []
        guard socket != nil else { return }
        do {
            try subscribe(expire: 0)
        } catch {
            output.note("could not unsubscribe (it ends by itself in \(WatchSession.expireSeconds) s): \(error)")
        }
        socket = nil
    }

    private func subscribe(expire: Int) throws {
        guard let socket else { return }
        for event in WatchSession.events {
            var parameters: JSONObject = [
                "event": .string(event), "socket": .string(socket), "expire": .integer(expire),
            ]
            if givesFields {
                parameters.append("fields", "all")
                do throws(ManagementClientError) {
                    _ = try client.call("event_subscribe", .named(parameters))
                    continue
                } catch {
                    // The peer does not know the parameter.
                    guard case .refused(let refusal) = error, refusal.code == -32602 else { throw error }
                    givesFields = false
                    parameters["fields"] = nil
                }
            }
            _ = try client.call("event_subscribe", .named(parameters))
        }
    }

    private func setLevel(_ level: Int, _ id: Int) throws {
        _ = try client.call("core:profiling_proc", .named(["id": .integer(id), "level": .integer(level)]))
    }

    private func list() throws -> [ServerProcess] {
        let reply = try client.call("core:profiling_proc")
        guard let processes = reply["Processes"]?.arrayValue else {
            throw Failure(description: "the server has no profiling: core:profiling_proc answered something else")
        }
        return processes.compactMap(ServerProcess.init)
    }

    private static func monotonicNanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}

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
