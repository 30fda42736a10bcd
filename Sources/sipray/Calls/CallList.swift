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
    /// Whether there are more than were fetched.
    let isPart: Bool

    var count: Int { (dialogs ?? 0) + (sessions ?? 0) }

    /// Asks for at most `limit` dialogs, and as many back-to-back sessions.
    /// - Throws: what the server or the way to it says, except that it lacks a module.
    init(_ client: ManagementClient, limit: Int) throws(ManagementClientError) {
        let figures = try client.call(
            "statistics:get", .named(["statistics": ["dialog:active_dialogs", "b2b_logic:sessions"]]))
        let listed = try ListPager(method: "dialog:list", member: "Dialogs", key: "ID").all(client, limit: limit)
        let bridged = try ListPager(method: "b2b_logic:list", member: "Tuples", key: "key").all(client, limit: limit)
        let now = time(nil)
        let all =
            (listed ?? []).compactMap { LiveCall(dialog: $0, now: now) }
            + (bridged ?? []).compactMap { LiveCall(session: $0) }
        let up = all.filter { $0.state != .ended }.sorted { ($0.ageSeconds ?? -1) > ($1.ageSeconds ?? -1) }
        calls = up
        // The figures count all, the lists end at the limit.
        let (dialogs, sessions) = (up.count { !$0.isBackToBack }, up.count { $0.isBackToBack })
        let figure = { (name: String, fetched: Int, count: Int) -> Int in
            count >= limit ? max(fetched, figures[name]?.integerValue ?? 0) : fetched
        }
        self.dialogs = listed.map { figure("dialog:active_dialogs", dialogs, $0.count) }
        self.sessions = bridged.map { figure("b2b_logic:sessions", sessions, $0.count) }
        isPart = (self.dialogs ?? 0) > dialogs || (self.sessions ?? 0) > sessions
    }
}

/// Fetches a list in replies that fit into a datagram: more and more at a time while they do, fewer when one does not.
private struct ListPager {
    let method: String
    /// What the list is called in the reply.
    let member: String
    /// The member that tells its elements apart.
    let key: String

    /// Elements of the first reply: a datagram holds more than that many, with long addresses too.
    private static let pageFirst = 16
    private static let pageMax = 512
    /// Elements that have no room in a reply by themselves; with one more the server's error is the answer.
    private static let leftOutMax = 16

    /// The first `limit` elements; nil when the server does not know the command. From a server that lists all at once,
    /// in one reply.
    func all(_ client: ManagementClient, limit: Int) throws(ManagementClientError) -> [JSONValue]? {
        var found: [JSONValue] = []
        var keys: Set<String> = []
        var index = 0
        var page = Self.pageFirst
        var pageMax = Self.pageMax
        var left = Self.leftOutMax
        while found.count < limit {
            let count = min(page, limit - found.count)
            let window: JSONObject = ["index": .integer(index), "counter": .integer(count)]
            let more: [JSONValue]
            do throws(ManagementClientError) {
                guard let listed = try ask(client, .named(window)) else { return nil }
                more = listed
            } catch {
                switch error {
                case .refused(let refusal) where refusal.code == -32602: return try ask(client, .none)
                case .refused(let refusal) where refusal.code == RPCError.serverError.code: break
                case .badReply where count > 1: break
                default: throw error
                }
                // It has no room in a datagram: half of it may; what has none by itself is left out.
                if count == 1 {
                    guard left > 0 else { throw error }
                    (left, index) = (left - 1, index + 1)
                }
                (page, pageMax) = (max(1, count / 2), max(Self.pageFirst / 2, count / 2))
                continue
            }
            // The table changes between two replies.
            let new = more.filter { keys.insert($0[key]?.stringValue ?? "").inserted }
            found += new
            index += more.count
            if more.count < count || new.isEmpty { break }
            page = min(page * 2, pageMax)
        }
        return found
    }

    /// nil when the server does not know the command.
    private func ask(
        _ client: ManagementClient, _ parameters: RPCParameters
    ) throws(ManagementClientError) -> [JSONValue]? {
        do throws(ManagementClientError) {
            return try client.call(method, parameters)[member]?.arrayValue
        } catch {
            guard case .refused(let refusal) = error, refusal.code == -32601 else { throw error }
            return nil
        }
    }
}
