import ArgumentParser
import Glibc
import Server

/// `sipray serve`: runs the server on a route script, in the foreground, until SIGTERM or SIGINT.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server on an OpenSIPS-compatible route script.",
        discussion: """
            The script runs unmodified. It is checked first: with any error the server does not start and opens no socket \
            (status 1). SIGTERM and SIGINT end it in bounded time with status 0, as does the terminal that it was started \
            from when that goes away; SIGHUP from anybody else is logged and changes nothing.

            The start options of the peer are understood: -f, -F, -l, -c, -C, -p, -P, -w, -o, -D, -d, -E; -m, -M, -n and -N are \
            taken with a note.

            EXAMPLES
              sipray serve opensips.cfg
              sipray serve -f opensips.cfg -F
              sipray serve -C -f opensips.cfg             only check it
              sipray serve opensips.cfg -P /run/sipray.pid -o site=berlin

              Other sockets than the script's:
              sipray serve opensips.cfg -l udp:127.0.0.1:5060 -l udp:[::1]:5060

              SIP destinations by a name server of their own:
              sipray serve opensips.cfg --dns-server 10.0.0.53

            LIMITS
              that no script parameter names are set with --limit; what holds otherwise stands in brackets:
            \(ServerLimits.help)
            """)

    @Argument(help: "The route script; - reads standard input.")
    var script: String?

    @Option(name: .short, help: "The route script, as the peer's -f.")
    var file: String?

    @Flag(name: .customShort("F"), help: "Stay in the foreground; SIPRay always does.")
    var foreground = false

    @Flag(name: .customShort("c"), help: "Only check the script.")
    var check = false

    @Flag(name: .customShort("C"), help: "Only check the script.")
    var checkAll = false

    @OptionGroup var scriptOptions: ScriptOptions

    @Option(
        name: .customLong("profiling-level"),
        help: ArgumentHelp(
            "The profiling level of all processes from the start: 0 off, 1 SIP stack, 2 extra processes, 3 timer jobs.",
            valueName: "level"))
    var profilingLevel = 0

    @Option(name: [.customShort("P"), .customLong("pid-file")], help: "Write the process id to this file.")
    var pidFile: String?

    @Option(name: [.customShort("w"), .customLong("working-directory")], help: "Change to this directory first.")
    var workingDirectory: String?

    @Flag(name: .customShort("d"), help: "Log more; each -d is a level.")
    var debug: Int

    @Flag(name: .customShort("D"), help: "Log everything, as debug_mode does.")
    var debugMode = false

    @Flag(name: .customShort("E"), help: "Log to standard error; SIPRay does unless the script says otherwise.")
    var standardError = false

    @Option(name: .customShort("m"), help: "Shared memory in MB: taken, not needed.")
    var sharedMemory: String?

    @Option(name: .customShort("M"), help: "Private memory in MB: taken, not needed.")
    var privateMemory: String?

    @Option(name: .customShort("n"), help: "Number of workers: taken; the script's udp_workers counts.")
    var workers: String?

    @Option(name: .customShort("N"), help: "Number of TCP workers: taken; the script's tcp_workers counts.")
    var tcpWorkers: String?

    func validate() throws {
        guard (script == nil) != (file == nil) else {
            throw ValidationError(
                script == nil
                    ? "Which script? Try: sipray serve opensips.cfg"
                    : "The script is given twice: as argument and with -f.")
        }
        guard (0...3).contains(profilingLevel) else {
            throw ValidationError("--profiling-level \(profilingLevel): levels are 0 to 3.")
        }
    }

    func run() throws {
        var options = scriptOptions.startOptions(path: script ?? file ?? "-")
        options.profilingLevel = profilingLevel
        options.pidFile = pidFile
        options.workingDirectory = workingDirectory
        options.commandLine = CommandLine.arguments
        if debugMode { options.logLevel = 4 } else if debug > 0 { options.logLevel = min(4, 2 + debug) }
        for (name, value) in [("-m", sharedMemory), ("-M", privateMemory)] where value != nil {
            options.notes.append("\(name) is taken and does nothing: SIPRay has no memory pool of its own")
        }
        if workers != nil { options.notes.append("-n is taken and does nothing: set udp_workers in the script") }
        if tcpWorkers != nil { options.notes.append("-N is taken and does nothing: set tcp_workers in the script") }
        let status = check || checkAll ? ServerProgram.check(options) : ServerProgram.run(options)
        if status != 0 { throw ExitCode(status) }
    }
}
