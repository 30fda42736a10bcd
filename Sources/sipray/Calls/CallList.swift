import Glibc
import JSONRPC
import Management

/// The calls that a server has at one moment, by its management interface.
struct CallList {
    /// Those that were fetched, the oldest first.
    let calls: [LiveCall]
    /// How many there are, fetched or not; nil where the server does not have the module.
    let dialogs: Int?
    let sessions: Int?

    var count: Int { (dialogs ?? 0) + (sessions ?? 0) }

    /// Sessions of one reply: a datagram holds more than that many, with long addresses too.
    private static let sessionsOfReply = 16

    /// Asks for at most `limit` dialogs, and as many back-to-back sessions.
    /// - Throws: what the server or the way to it says, except that it lacks a module.
    init(_ client: ManagementClient, limit: Int) throws(ManagementClientError) {
        let figures = try client.call(
            "statistics:get", .named(["statistics": ["dialog:active_dialogs", "b2b_logic:sessions"]]))
        let window: JSONObject = ["index": 0, "counter": .integer(limit)]
        let listed = try CallList.ask(client, "dialog:list", .named(window))?["Dialogs"]?.arrayValue
        let bridged = try CallList.sessions(client, limit: limit)
        let now = time(nil)
        let all =
            (listed ?? []).compactMap { LiveCall(dialog: $0, now: now) }
            + (bridged ?? []).compactMap { LiveCall(session: $0) }
        let up = all.filter { $0.state != .ended }.sorted { ($0.ageSeconds ?? -1) > ($1.ageSeconds ?? -1) }
        calls = up
        dialogs = listed.map { listed in
            // The figure counts all, the list ends at the limit.
            let fetched = up.count { !$0.isBackToBack }
            return listed.count == limit ? max(fetched, figures["dialog:active_dialogs"]?.integerValue ?? 0) : fetched
        }
        sessions = bridged.map { bridged in
            let fetched = up.count { $0.isBackToBack }
            return bridged.count == limit ? max(fetched, figures["b2b_logic:sessions"]?.integerValue ?? 0) : fetched
        }
    }

    /// The back-to-back sessions, in replies that fit into a datagram; from the peer, which lists all at once, in one.
    private static func sessions(
        _ client: ManagementClient, limit: Int
    ) throws(ManagementClientError) -> [JSONValue]? {
        var found: [JSONValue] = []
        var keys: Set<String> = []
        while found.count < limit {
            let window: JSONObject = [
                "index": .integer(found.count), "counter": .integer(min(sessionsOfReply, limit - found.count)),
            ]
            let reply: JSONValue?
            do throws(ManagementClientError) {
                reply = try ask(client, "b2b_logic:list", .named(window))
            } catch {
                guard case .refused(let refusal) = error, refusal.code == -32602 else { throw error }
                return try ask(client, "b2b_logic:list", .none)?["Tuples"]?.arrayValue
            }
            guard let more = reply?["Tuples"]?.arrayValue else { return nil }
            // The table changes between two replies.
            let new = more.filter { keys.insert($0["key"]?.stringValue ?? "").inserted }
            found += new
            if more.count < sessionsOfReply || new.isEmpty { break }
        }
        return found
    }

    /// nil when the server does not know the command.
    private static func ask(
        _ client: ManagementClient, _ method: String, _ parameters: RPCParameters
    ) throws(ManagementClientError) -> JSONValue? {
        do throws(ManagementClientError) {
            return try client.call(method, parameters)
        } catch {
            guard case .refused(let refusal) = error, refusal.code == -32601 else { throw error }
            return nil
        }
    }
}
