import ArgumentParser
import Glibc
import Management
import ProfileAnalysis

/// `sipray top`: the figures that say how a running server is, again and again. Works on SIPRay and on the peer alike.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows how a running server is: traffic, what it has now, what it lost, its processes by load.",
        discussion: """
            On a terminal the screen is drawn anew until Ctrl-C; else it is printed once. Rates are of the time between two \
            looks. `lost` is what was counted since the start: datagrams that the kernel dropped because nobody read them, \
            and what the server itself had to let go. `look at` is what goes wrong now, with the command that says more.

            EXAMPLES
              sipray top                            through the FIFO
              sipray top --every 5 --times 12       a minute of it
              sipray top --udp 127.0.0.1:8080
              sipray calls                          the calls that it has
              sipray watch --process ID             what a busy process does
              sipray mi statistics:get all          every figure
            """)

    @OptionGroup var management: ManagementOptions

    @Option(help: ArgumentHelp("Seconds between two looks.", valueName: "seconds"))
    var every: Int = 1

    @Option(help: ArgumentHelp("End after so many screens. Default: never on a terminal, else 1.", valueName: "count"))
    var times: Int?

    @Flag(help: "No colours, even on a terminal.")
    var noColor = false

    func validate() throws {
        try management.checkAddress()
        guard (1...3600).contains(every) else { throw ValidationError("--every \(every): 1 to 3600 seconds.") }
        if let times, times < 1 { throw ValidationError("--times \(times): 1 at least.") }
    }

    func run() throws {
        Interruption.install()
        let output = Output("top")
        let client = try management.client()
        let style = TextStyle(isColoured: output.isTerminal && !noColor && getenv("NO_COLOR") == nil)
        let figures = TopScreen(style: style, addressing: management.addressing)
        let screen = LiveScreen(output: output, everySeconds: every, style: style)
        var before = try ServerFigures(client)
        var left = times ?? (output.isTerminal ? .max : 1)
        while left > 0, output.wait(seconds: every) {
            let now = try screen.look(before) { () throws(ManagementClientError) in try ServerFigures(client) }
            guard !Interruption.isRequested, !output.isGone else { return }
            screen.draw(
                above: figures.above(now, since: before), whole: figures.findings(now, since: before) + [""],
                table: figures.processes(now), rest: { style.dim("  … and \($0) more") })
            before = now
            left -= 1
        }
    }
}
