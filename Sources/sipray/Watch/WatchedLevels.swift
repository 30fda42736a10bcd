import JSONRPC
import Management

/// The levels that a watch wants of a server's processes.
///
/// SIPRay is asked to hold them: of several watches the highest is in force, each lets go its own, a level that an operator
/// sets ends them all, and what a killed watch held ends by itself. The peer knows no holds: there the levels are set, and
/// what is as it was set is set back.
struct WatchedLevels {
    private let level: Int
    private let expireSeconds: Int
    private var holder = ""
    /// Those that are followed; empty before.
    private var chosen: [Int] = []
    /// How many processes the server has.
    private var count = 0
    /// Whether the server holds levels: it is asked once.
    private var holds = true
    /// Levels before they were set, by ID. For the peer.
    private var before: [Int: Int] = [:]
    /// Levels as they were last known, by ID. For the peer.
    private var known: [Int: Int] = [:]

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(level: Int, expireSeconds: Int) {
        self.level = level
        self.expireSeconds = expireSeconds
    }

    /// What becomes of them when the server does not answer.
    var fallsBack: String {
        holds
            ? "they are when the server reads it, or by itself in \(expireSeconds) s"
            : "they are when the server reads it, else: sipray mi core:profiling_proc level=N"
    }

    /// All processes of the server.
    mutating func list(_ client: ManagementClient) throws -> [ServerProcess] {
        let reply = try client.call("core:profiling_proc")
        guard let processes = reply["Processes"]?.arrayValue else {
            throw Failure(description: "the server has no profiling: core:profiling_proc answered something else")
        }
        let all = processes.compactMap(ServerProcess.init)
        count = all.count
        known = Dictionary(all.map { ($0.id, $0.level) }, uniquingKeysWith: { $1 })
        return all
    }

    /// Sees to it that these processes say as much as is wanted.
    mutating func raise(_ processes: [ServerProcess], holder: String, _ client: ManagementClient) throws {
        self.holder = holder
        chosen = processes.map(\.id)
        try hold(client)
        if !holds { try set(processes, client) }
    }

    /// Holds them for longer, and raises again what somebody lowered: those processes.
    mutating func renew(_ client: ManagementClient) throws -> [ServerProcess] {
        let followed = Set(chosen)
        let lowered = try list(client).filter { $0.level < level && followed.contains($0.id) }
        try hold(client)
        if !holds { try set(lowered, client) }
        return lowered
    }

    /// Lets go. From the peer what is known is enough when it does not answer: a server that is silent takes nobody's orders.
    mutating func putBack(_ client: ManagementClient) throws {
        defer { before = [:] }
        guard !holds else {
            if level > 0, !chosen.isEmpty { try call(client, [:], holdingFor: 0) }
            return
        }
        guard !before.isEmpty else { return }
        var silence: ManagementClientError?
        do {
            _ = try list(client)
        } catch let error as ManagementClientError {
            guard case .noAnswer = error else { throw error }
            silence = error
        }
        var client = client
        if silence != nil { client.timeoutMilliseconds = 1 }
        for (id, level) in before.sorted(by: { $0.key < $1.key }) where known[id] == self.level {
            do throws(ManagementClientError) {
                _ = try client.call("core:profiling_proc", .named(["id": .integer(id), "level": .integer(level)]))
            } catch {
                silence = error
                client.timeoutMilliseconds = 1
            }
        }
        if let silence { throw silence }
    }

    private mutating func hold(_ client: ManagementClient) throws {
        guard holds, level > 0 else { return }
        do throws(ManagementClientError) {
            guard chosen.count < count else { return try call(client, [:], holdingFor: expireSeconds) }
            for id in chosen { try call(client, ["id": .integer(id)], holdingFor: expireSeconds) }
        } catch {
            // The peer does not know the command.
            guard case .refused(let refusal) = error, refusal.code == -32601 else { throw error }
            holds = false
        }
    }

    private func call(
        _ client: ManagementClient, _ process: JSONObject, holdingFor seconds: Int
    ) throws(ManagementClientError) {
        var parameters = process
        parameters.append("level", .integer(level))
        parameters.append("holder", .string(holder))
        parameters.append("expire", .integer(seconds))
        _ = try client.call("core:profiling_hold", .named(parameters))
    }

    private mutating func set(_ processes: [ServerProcess], _ client: ManagementClient) throws {
        for process in processes where process.level < level {
            before[process.id] = process.level
            known[process.id] = level
            _ = try client.call(
                "core:profiling_proc", .named(["id": .integer(process.id), "level": .integer(level)]))
        }
    }
}
