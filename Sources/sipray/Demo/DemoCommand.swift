import ArgumentParser
import Modules

/// `sipray demo`: a server, registrations, calls, and the live X-ray of it, with nothing to install or configure.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See it work: a server, telephones, calls of several kinds, and the live X-ray.",
        discussion: """
            Starts a server on a free port of 127.0.0.1 with a residential script, registers telephones, makes calls between \
            them, and shows through the server's events what its processes do: sessions as nested brackets, every two \
            seconds the calls that are up, then a table of where the time went. Of ten numbers one is busy, so that the \
            failure route has something to do, one is called back-to-back, and one is ported: the script asks a slow HTTP \
            service of the demo's own where it lives. The exit status is 0 when every call was completed.

            EXAMPLES
              sipray demo
              sipray demo --calls 500 --rate 100        500 calls, 100 a second
              sipray demo --seconds 60 --rate 20        a minute of calls
              sipray demo --level 3                     timers and management too
              sipray demo --show-script > my.cfg        the script that it runs
            """)

    @Option(help: "How many calls; the default is what --seconds and --rate make.")
    var calls: Int?

    @Option(help: "Calls a second.")
    var rate: Double = 20

    @Option(help: "How long to make calls.")
    var seconds: Int = 10

    @Option(help: "How many telephones register first.")
    var users: Int = 200

    @Option(help: "Receiver processes of the server.")
    var workers: Int = 2

    @Option(help: "Profiling level: 1 SIP stack, 2 extra processes, 3 timer jobs.")
    var level: Int = 1

    @Flag(help: "Print the script that the demo runs, and end.")
    var showScript = false

    @Flag(help: "No colours, even on a terminal.")
    var noColor = false

    /// What an hour at the highest rate makes.
    private static let callsMax = 18_000_000

    func validate() throws {
        guard (0.1...5000).contains(rate) else { throw ValidationError("--rate \(rate): 0.1 to 5000 calls a second.") }
        guard (1...3600).contains(seconds) else { throw ValidationError("--seconds \(seconds): 1 to 3600.") }
        guard (1...100_000).contains(users) else { throw ValidationError("--users \(users): 1 to 100000.") }
        guard (1...64).contains(workers) else { throw ValidationError("--workers \(workers): 1 to 64.") }
        guard (0...3).contains(level) else { throw ValidationError("--level \(level): 0 to 3.") }
        if let calls, !(1...Self.callsMax).contains(calls) {
            throw ValidationError("--calls \(calls): 1 to \(Self.callsMax).")
        }
    }

    func run() throws {
        if showScript {
            Output("demo").write([ResidentialScript.text(udpWorkers: workers)])
            return
        }
        Interruption.install()
        let demo = DemoRun(
            calls: calls ?? max(1, Int(rate * Double(seconds))), rate: rate, users: users, workers: workers,
            level: level, isColoured: !noColor && Output("demo").isTerminal)
        try demo.run()
    }
}
