import ArgumentParser
import Server

/// What is said about a script beside it: for the commands that read one, so that they judge alike.
struct ScriptOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "A shell command that the script goes through first, as the peer's -p.", valueName: "command"))
    var preprocessor: String?

    @Option(
        name: [.customShort("l"), .customLong("listen")],
        help: "Listen on proto:address[:port] instead of the script's sockets; may be repeated.")
    var listen: [String] = []

    @Option(
        name: .customLong("dns-server"),
        help: ArgumentHelp(
            "Ask this name server instead of those of /etc/resolv.conf; may be repeated.", valueName: "address[:port]"))
    var nameServers: [String] = []

    @Option(
        name: .customLong("limit"),
        help: ArgumentHelp(
            "Set a limit that no script parameter names (sipray serve --help); may be repeated.",
            valueName: "name=value"))
    var limits: [String] = []

    @Option(name: .customShort("o"), help: "name=value: what $argv(name) is in the script; may be repeated.")
    var scriptArguments: [String] = []

    func validate() throws {
        for argument in scriptArguments where !argument.contains("=") {
            throw ValidationError("-o \(argument): write it as name=value.")
        }
        var read = ServerLimits()
        for limit in limits {
            if let problem = read.set(limit) { throw ValidationError("--limit \(limit): \(problem).") }
        }
    }

    /// For the script at `path`.
    func startOptions(path: String) -> StartOptions {
        var options = StartOptions(scriptPath: path)
        options.preprocessor = preprocessor
        options.sockets = listen
        options.nameServers = nameServers
        for limit in limits { _ = options.limits.set(limit) }
        for argument in scriptArguments {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            options.scriptArguments[String(parts[0])] = String(parts[1])
        }
        return options
    }
}
