import ArgumentParser
import Glibc
import Management
import ProfileAnalysis
import Profiling

/// Follows a running server live. Talks to it only through its management interface and its events, so it works on
/// SIPRay and on OpenSIPS 4 alike.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follows a running server live: what each process does, as nested brackets.",
        discussion: """
            Subscribes to the server's profiling events, raises the profiling level, draws every session that ends, and \
            tells of those that don't. At the end (also on Ctrl-C) it puts the levels back, unsubscribes and prints where \
            the time went. The server must have an event transport (event_datagram).

            EXAMPLES
              sipray watch                                     through the FIFO
              sipray watch --mi udp:127.0.0.1:8080 --level 3   timer jobs too
              sipray watch --mi https://127.0.0.1:8888/mi --ca ca.pem
              sipray watch --process 'SIP receiver' --min-duration 20ms
              sipray watch --json | jq .                       one object per session
              sipray watch --replay capture.jsonl              recorded events; - is stdin
            """)

    @OptionGroup var management: ManagementOptions

    @Option(
        help: ArgumentHelp(
            "Where to receive events: udp:IP:PORT (port 0: any) or unix:PATH. Default: a free UDP port.",
            valueName: "address"))
    var listen: String?

    @Option(help: "How much the processes shall say: 0 scripts only, 1 SIP stack, 2 extra processes, 3 timer jobs.")
    var level: Int = 1

    @Option(
        help: ArgumentHelp(
            "Only these processes: an ID, a PID, or part of the description as `ps` shows it. May be repeated.",
            valueName: "process"))
    var process: [String] = []

    @Option(help: ArgumentHelp("Only sessions that took at least that: 20ms, 1.5s, 300us.", valueName: "duration"))
    var minDuration: String = "0"

    @Option(help: ArgumentHelp("End after so many seconds.", valueName: "seconds"))
    var seconds: Int?

    @Option(
        help: ArgumentHelp(
            "How long the subscription outlives a watch that is killed, and a server that does not answer is waited for.",
            valueName: "seconds"))
    var expire: Int = WatchSession.expireSecondsUsual

    @Flag(help: "One JSON object per session, for machines; no summary.")
    var json = false

    @Flag(help: "Prints only the summary at the end.")
    var quiet = false

    @Flag(help: "No colours, even on a terminal.")
    var noColor = false

    @Option(help: ArgumentHelp("Draws recorded events from a file instead; - is stdin.", valueName: "file"))
    var replay: String?

    func validate() throws {
        guard Level(rawValue: level) != nil else {
            throw ValidationError("--level \(level) is not a level: 0, 1, 2 or 3.")
        }
        guard DurationText.nanoseconds(minDuration) != nil else {
            throw ValidationError("--min-duration \(minDuration) is not a duration: write 20ms, 1.5s or 300us.")
        }
        if let seconds, !(1...31_536_000).contains(seconds) {
            throw ValidationError("--seconds \(seconds) is not between 1 and 31536000 (a year).")
        }
        guard (3...3600).contains(expire) else {
            throw ValidationError("--expire \(expire) is not between 3 and 3600.")
        }
        if replay == nil { try management.checkAddress() }
        if replay != nil, !process.isEmpty, process.contains(where: { Int($0) != nil }) {
            throw ValidationError("--replay knows descriptions only, no IDs or PIDs.")
        }
    }

    func run() throws {
        let output = Output("watch")
        Interruption.install()
        if let replay {
            var view = LiveView(options(processes: process.isEmpty ? nil : process, output))
            try Replay(file: replay).run(&view, quiet: quiet, output)
            summarise(view, output)
            return
        }
        let endpoint = try management.endpoint
        let session = WatchSession(client: try management.client(), level: level, output: output, expireSeconds: expire)
        let chosen = try session.choose(process)
        var view = LiveView(options(processes: process.isEmpty ? nil : chosen.map(\.description), output))
        let socket = try EventSocket(listen, for: endpoint)
        defer { socket.close() }
        var failure: (any Error)?
        do {
            try session.begin(socket.address, chosen)
            try session.follow(socket, &view, seconds: seconds, quiet: quiet)
        } catch {
            failure = error
        }
        session.end()
        // What was seen is shown, however it ended.
        if !quiet { output.write(view.finish()) }
        if failure == nil || view.records > 0 { summarise(view, output) }
        if let failure { throw failure }
    }

    private func options(processes: [String]?, _ output: Output) -> LiveView.Options {
        LiveView.Options(
            processes: processes, durationNanosecondsMin: DurationText.nanoseconds(minDuration) ?? 0, isJSON: json,
            isColoured: output.isTerminal && !noColor && getenv("NO_COLOR") == nil,
            utcOffsetSeconds: Output.utcOffsetSeconds())
    }

    private func summarise(_ view: LiveView, _ output: Output) {
        guard !json else { return }
        output.write(SummaryTable(style: TextStyle(isColoured: view.options.isColoured)).lines(view.summary))
        if view.unreadable > 0 { output.note("\(view.unreadable) datagrams were no profiling events") }
    }
}
