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
    private let output = Output()
    private let style: TextStyle

    /// Sessions drawn at the start whatever the rate, and how many a second after that: a reader's pace.
    private static let drawnFirst = 24
    private static let drawnASecond = 2
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
        let server = try DemoServer { [workers] socket, fifo in
            ResidentialScript.text(sockets: [socket], udpWorkers: workers, fifoName: fifo)
        }
        defer { server.stop() }
        let client = ManagementClient(server.management, timeoutMilliseconds: 500)
        try waitUntilUp(server, client)
        say(
            "server     \(server.address), \(workers) SIP receivers, pid \(server.pid), script: sipray demo --show-script"
        )
        let traffic = try DemoTraffic(
            DemoTraffic.Plan(server: server.address, calls: calls, rate: rate).with(users: users))
        defer { traffic.stop() }
        try register(traffic)
        let session = WatchSession(
            client: ManagementClient(server.management), level: level, output: output)
        let socket = try EventSocket(nil, for: server.management)
        defer { socket.close() }
        say("profiling  core:profiling_proc level=\(level), events to \(socket.address)")
        say("calls      \(calls) at \(rateText) a second, every tenth called number is busy and goes to the mailbox\n")
        var view = LiveView(
            LiveView.Options(isColoured: style.isColoured, utcOffsetSeconds: Output.utcOffsetSeconds()))
        do {
            try session.begin(socket.address, try session.choose([]))
            try follow(socket, traffic, &view)
        } catch {
            session.end()
            throw error
        }
        session.end()
        report(traffic, view)
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

    /// Draws some of the sessions, counts all, until the calls are over.
    private func follow(_ socket: EventSocket, _ traffic: DemoTraffic, _ view: inout LiveView) throws {
        traffic.call()
        let begun = DemoRun.seconds()
        let limit = Double(calls) / rate + Double(DemoRun.drainSeconds)
        var drawn = 0
        var progressAt = begun
        while traffic.counts.finished < calls, !Interruption.isRequested, !output.isGone {
            let now = DemoRun.seconds()
            guard now - begun < limit else { break }
            let allowed = DemoRun.drawnFirst + Int((now - begun) * Double(DemoRun.drawnASecond))
            socket.receive(milliseconds: 100) { bytes in
                let lines = view.receive(bytes)
                guard !lines.isEmpty, drawn < allowed else { return }
                drawn += 1
                output.write(lines)
            }
            if now - progressAt >= 2 {
                progressAt = now
                let counts = traffic.counts
                say(
                    style.dim(
                        "… \(counts.started) of \(calls) calls begun, \(counts.finished) ended, \(view.summary.sessions) sessions seen"
                    ))
            }
        }
        // The last records are on their way for a moment.
        for _ in 0..<3 { socket.receive(milliseconds: 100) { _ = view.receive($0) } }
        _ = view.finish()
    }

    private func report(_ traffic: DemoTraffic, _ view: LiveView) {
        let counts = traffic.counts
        let setup = counts.setupMilliseconds.sorted()
        func at(_ share: Double) -> String {
            guard !setup.isEmpty else { return "-" }
            let value = setup[min(setup.count - 1, Int(Double(setup.count) * share))]
            return "\((value * 10).rounded() / 10) ms"
        }
        var lines = ["", style.bold("Calls")]
        lines.append("  begun       \(counts.started)")
        lines.append("  completed   \(counts.completed)")
        for (code, count) in counts.refused.sorted(by: { $0.key < $1.key }) {
            lines.append("  ended \(code)   \(count)")
        }
        if counts.lost > 0 { lines.append("  no answer   \(counts.lost)") }
        lines.append("  sent again  \(counts.retransmissions)")
        lines.append("  INVITE to 200, p50 \(at(0.5)), p99 \(at(0.99)) (the telephones ring for 40 ms)")
        lines += ["", style.bold("Where the time went"), ""]
        lines += SummaryTable(style: style).lines(view.summary)
        output.write(lines)
    }

    private static func seconds() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}

extension DemoTraffic.Plan {
    fileprivate func with(users: Int) -> DemoTraffic.Plan {
        var copy = self
        copy.users = users
        return copy
    }
}
