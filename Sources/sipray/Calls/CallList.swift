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

    /// Asks for at most `limit` dialogs, and for the back-to-back sessions.
    /// - Throws: what the server or the way to it says, except that it lacks a module.
    init(_ client: ManagementClient, limit: Int) throws(ManagementClientError) {
        let figures = try client.call("statistics:get", .named(["statistics": ["dialog:active_dialogs"]]))
        let window: JSONObject = ["index": 0, "counter": .integer(limit)]
        let listed = try CallList.ask(client, "dialog:list", .named(window))?["Dialogs"]?.arrayValue
        let bridged = try CallList.ask(client, "b2b_logic:list", .none)?["Tuples"]?.arrayValue
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
        sessions = bridged.map { _ in up.count { $0.isBackToBack } }
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
