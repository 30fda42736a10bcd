import Glibc
import JSONRPC
import Management
import ProfileAnalysis

/// What `watch` does to the server, and undoes: two subscriptions and the levels that it holds.
final class WatchSession {
    private var client: ManagementClient
    private let level: Int
    private let output: Output
    /// Where events go, once subscribed.
    private var socket: String?
    /// Whether the server gives more fields than the peer: it is asked once.
    private var givesFields = true
    private var levels: WatchedLevels
    /// The subscription ends by itself so long after we were last heard of, should we be killed; what is held does too.
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
        levels = WatchedLevels(level: level, expireSeconds: expireSeconds)
        self.expireSeconds = expireSeconds
        self.output = output
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The processes that match any of the texts; all without one.
    func choose(_ texts: [String]) throws -> [ServerProcess] {
        let all = try levels.list(client)
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

    /// Subscribes and sees to it that the processes say as much as is asked for.
    func begin(_ socket: String, _ processes: [ServerProcess]) throws {
        self.socket = socket
        try subscribe(expire: expireSeconds)
        renewal.succeededNanoseconds = WatchSession.monotonicNanoseconds()
        renewal.triedNanoseconds = renewal.succeededNanoseconds
        try levels.raise(processes, holder: "watch \(socket)", client)
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
            let lowered = try levels.renew(client)
            if !lowered.isEmpty {
                let names = lowered.count == 1 ? "process \(lowered[0].id)" : "\(lowered.count) processes"
                output.note("somebody lowered the profiling level of \(names): raised again to \(level)")
            }
            if renewal.isFailing { output.note("the server answers again") }
            renewal.isFailing = false
        } catch {
            // What was asked is worth nothing any more.
            if Interruption.isRequested { return }
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

    /// Puts back what was changed, as far as the server still answers; says what could not be. After Ctrl-C what has to be
    /// sent is sent, and answers are waited for only a moment.
    func end() {
        client.patience = Interruption.Patience.lastWords
        do {
            try levels.putBack(client)
        } catch {
            tell("the profiling levels could not be put back", error, levels.fallsBack)
        }
        guard socket != nil else { return }
        do {
            try subscribe(expire: 0)
        } catch {
            tell("could not unsubscribe", error, "it ends by itself in \(expireSeconds) s at the latest")
        }
        socket = nil
    }

    /// Says what failed at the end; who did not answer once is not waited for again.
    private func tell(_ what: String, _ error: any Error, _ otherwise: String) {
        output.note("\(what) (\(otherwise)): \(error)")
        if let error = error as? ManagementClientError, case .noAnswer = error { client.timeoutMilliseconds = 50 }
    }

    private func subscribe(expire: Int) throws {
        var failure: (any Error)?
        for event in WatchSession.events {
            do {
                try subscribe(event, expire: expire)
            } catch  where expire == 0 {
                // The other one is to end too.
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private func subscribe(_ event: String, expire: Int) throws {
        guard let socket else { return }
        var parameters: JSONObject = ["event": .string(event), "socket": .string(socket), "expire": .integer(expire)]
        if givesFields {
            parameters.append("fields", "all")
            do throws(ManagementClientError) {
                _ = try client.call("event_subscribe", .named(parameters))
                return
            } catch {
                // The peer does not know the parameter.
                guard case .refused(let refusal) = error, refusal.code == -32602 else { throw error }
                givesFields = false
                parameters["fields"] = nil
            }
        }
        _ = try client.call("event_subscribe", .named(parameters))
    }

    private static func monotonicNanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
