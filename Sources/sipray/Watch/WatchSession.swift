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
    /// Those that are followed.
    private var chosen: [ServerProcess] = []
    /// Levels before they were raised, by ID.
    private var raised: [Int: Int] = [:]
    /// The subscription ends by itself so long after we were last heard of, should we be killed.
    private let expireSeconds: Int
    private var renewal = Renewal()

    /// How the subscription stands, by the monotonic clock.
    private struct Renewal {
        var succeededNanoseconds: Int64 = 0
        var triedNanoseconds: Int64 = 0
        var isFailing = false
    }

    static let expireSecondsUsual = 60
    /// It is renewed so many times before it would end.
    private static let renewalsOfExpiry: Int64 = 3

    private static let events = ["E_PROFILING_PROC", "E_PROFILING_SCRIPT"]

    init(
        client: ManagementClient, level: Int, output: Output, expireSeconds: Int = WatchSession.expireSecondsUsual
    ) {
        self.client = client
        self.level = level
        self.expireSeconds = expireSeconds
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
        chosen = processes
        try subscribe(expire: expireSeconds)
        renewal.succeededNanoseconds = WatchSession.monotonicNanoseconds()
        renewal.triedNanoseconds = renewal.succeededNanoseconds
        try raise(processes)
    }

    /// Raises the levels of those below ours.
    private func raise(_ processes: [ServerProcess]) throws {
        for process in processes where process.level < level {
            raised[process.id] = process.level
            try setLevel(level, process.id)
        }
    }

    /// Draws what comes until the time is over, the user has enough or nobody reads us.
    /// - Throws: when the subscription has ended because it could not be renewed.
    func follow(_ socket: EventSocket, _ view: inout LiveView, seconds: Int?, quiet: Bool) throws {
        let start = WatchSession.monotonicNanoseconds()
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
            try renewIfDue()
        }
    }

    /// Renews the subscription, and raises again what somebody else has lowered. That it fails is told, and it is tried
    /// again while the subscription lasts.
    private func renewIfDue() throws {
        let expireNanoseconds = Int64(expireSeconds) * 1_000_000_000
        guard
            WatchSession.monotonicNanoseconds() - renewal.triedNanoseconds
                >= expireNanoseconds / WatchSession.renewalsOfExpiry
        else { return }
        do {
            try subscribe(expire: expireSeconds)
            renewal.succeededNanoseconds = WatchSession.monotonicNanoseconds()
            let current = try list()
            let lowered = current.filter { process in process.level < level && chosen.contains { $0.id == process.id } }
            if !lowered.isEmpty {
                try raise(lowered)
                let names = lowered.count == 1 ? "process \(lowered[0].id)" : "\(lowered.count) processes"
                output.note("somebody lowered the profiling level of \(names): raised again to \(level)")
            }
            if renewal.isFailing { output.note("the server answers again") }
            renewal.isFailing = false
        } catch {
            let idle = WatchSession.monotonicNanoseconds() - renewal.succeededNanoseconds
            guard idle < expireNanoseconds else {
                throw Failure(
                    description: "the subscription has ended: it could not be renewed for \(expireSeconds) s: \(error)")
            }
            if !renewal.isFailing {
                output.note("could not renew the subscription (it ends in \(expireSeconds) s): \(error)")
            }
            renewal.isFailing = true
        }
        renewal.triedNanoseconds = WatchSession.monotonicNanoseconds()
    }

    /// Puts back what was changed, as far as the server still answers; says what could not be.
    func end() {
        do {
            let current = try list()
            for process in current where process.level == level {
                if let before = raised[process.id] { try setLevel(before, process.id) }
            }
        } catch {
            output.note("the profiling levels could not be put back: \(error)")
        }
        raised = [:]
        guard socket != nil else { return }
        do {
            try subscribe(expire: 0)
        } catch {
            output.note("could not unsubscribe (it ends by itself in \(expireSeconds) s): \(error)")
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
