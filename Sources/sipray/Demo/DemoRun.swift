import Demo
import Glibc
import Management
import Modules
import ProfileAnalysis
import Reactor

/// One demo, from the server's start to the table at the end.
final class DemoRun {
    private let calls: Int
    private let rate: Double
    private let users: Int
    private let workers: Int
    private let level: Int
    private let output = Output("demo")
    private let style: TextStyle

    /// What the directory takes for an answer.
    private static let directoryMilliseconds = 500
    /// Calls that the table of live calls shows.
    private static let rowsMax = 8
    private static let progressSeconds = 2.0
    /// What calls may take to end after the last began.
    private static let drainSeconds = 40

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(calls: Int, rate: Double, users: Int, workers: Int, level: Int, isColoured: Bool) {
        self.calls = calls
        self.rate = rate
        self.users = users
        self.workers = workers
        self.level = level
        style = TextStyle(isColoured: isColoured)
    }

    func run() throws {
        let directory = try NumberDirectory(host: "127.0.0.1", delayMilliseconds: DemoRun.directoryMilliseconds)
        defer { directory.stop() }
        let server = try DemoServer { [workers] socket, fifo in
            ResidentialScript.text(
                sockets: [socket], udpWorkers: workers, fifoName: fifo, directory: directory.url)
        }
        defer { server.stop() }
        let client = ManagementClient(server.management, timeoutMilliseconds: 500)
        try waitUntilUp(server, client)
        say(
            "server     \(server.address), \(workers) SIP receivers, pid \(server.pid), script: sipray demo --show-script"
        )
        say("directory  \(directory.url), knows where ported numbers live, takes \(directory.delayMilliseconds) ms")
        var plan = DemoTraffic.Plan(server: server.address, calls: calls, rate: rate)
        plan.users = users
        let traffic = try DemoTraffic(plan)
        defer { traffic.stop() }
        try register(traffic)
        let session = WatchSession(
            client: ManagementClient(server.management), level: level, output: output)
        let socket = try EventSocket(nil, for: server.management)
        defer { socket.close() }
        say("profiling  core:profiling_proc level=\(level), events to \(socket.address)")
        say(
            "calls      \(calls) at \(rateText) a second; of ten one is to a busy number, one ported, one back-to-back\n"
        )
        var view = LiveView(
            LiveView.Options(isColoured: style.isColoured, utcOffsetSeconds: Output.utcOffsetSeconds()))
        do {
            try session.begin(socket.address, try session.choose([]))
            try follow(socket, traffic, server, &view)
        } catch {
            session.end()
            throw error
        }
        session.end()
        let report = DemoReport(
            style: style, counts: traffic.counts, directory: directory, ringMilliseconds: plan.ringMilliseconds)
        output.write(report.lines(view.summary, left: try? CallList(client, limit: DemoRun.rowsMax)))
        if traffic.counts.failed > 0, !Interruption.isRequested {
            throw Failure(description: "\(traffic.counts.failed) of \(calls) calls failed")
        }
    }

    private var rateText: String { rate == rate.rounded() ? String(Int(rate)) : String(rate) }

    private func say(_ text: String) { output.write([text]) }

    private func waitUntilUp(_ server: DemoServer, _ client: ManagementClient) throws {
        for _ in 0..<100 {
            guard server.isRunning else {
                throw Failure(description: "the server ended while it started:\n\(server.log)")
            }
            if (try? client.call("version")) != nil { return }
            usleep(20_000)
        }
        throw Failure(description: "the server does not answer on \(server.management)")
    }

    private func register(_ traffic: DemoTraffic) throws {
        let begun = DemoRun.seconds()
        try traffic.register()
        while !traffic.hasRegistered {
            guard DemoRun.seconds() - begun < 20, !Interruption.isRequested else {
                throw Failure(
                    description: "only \(traffic.registeredCount) of \(users) telephones could register")
            }
            usleep(5_000)
        }
        let taken = Int((DemoRun.seconds() - begun) * 1000)
        say("register   \(traffic.registeredCount) telephones in \(taken) ms, \(traffic.registrationFailures) refused")
    }

    /// Draws some of the sessions and now and then the live calls, counts all, until the calls are over.
    private func follow(
        _ socket: EventSocket, _ traffic: DemoTraffic, _ server: DemoServer, _ view: inout LiveView
    ) throws {
        let client = ManagementClient(server.management, timeoutMilliseconds: 500)
        traffic.call()
        let begun = DemoRun.seconds()
        let limit = Double(calls) / rate + Double(DemoRun.drainSeconds)
        var guide = DemoGuide(style: style)
        var progressAt = begun - DemoRun.progressSeconds / 2
        while traffic.counts.finished < calls, !Interruption.isRequested, !output.isGone {
            let now = DemoRun.seconds()
            guard now - begun < limit else { break }
            socket.receive(milliseconds: 100) { bytes in
                let lines = view.receive(bytes)
                if !lines.isEmpty { output.write(guide.choose(lines, seconds: now - begun)) }
            }
            if now - progressAt >= DemoRun.progressSeconds {
                progressAt = now
                guard server.isRunning else { throw Failure(description: "the server has ended:\n\(server.log)") }
                tellProgress(traffic.counts, view.summary.sessions, client)
            }
        }
        // The last records are on their way for a moment.
        for _ in 0..<3 { socket.receive(milliseconds: 100) { _ = view.receive($0) } }
        _ = view.finish()
    }

    /// How far the calls are, and those that are up: what `sipray calls` shows.
    private func tellProgress(_ counts: CallCounts, _ sessions: Int, _ client: ManagementClient) {
        let ended = "\(counts.finished) ended, \(sessions) sessions seen"
        say(style.dim("… \(counts.started) of \(calls) calls begun, \(ended)"))
        // A server that is too busy to answer is one of the things to see; the next time it may.
        guard let list = try? CallList(client, limit: 1000) else { return }
        let table = CallTable(style: style, columns: output.isTerminal ? output.room?.columns : nil)
        var lines = [style.bold("▸ Up now: ") + table.heading(list)]
        lines += table.rows(Array(list.calls.prefix(DemoRun.rowsMax))).lines
        if list.count > DemoRun.rowsMax { lines.append(style.dim("  … and \(list.count - DemoRun.rowsMax) more")) }
        output.write(lines + [""])
    }

    private static func seconds() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
