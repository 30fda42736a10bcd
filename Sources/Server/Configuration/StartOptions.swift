import Reactor

/// What the command line says about a start, beside the script.
package struct StartOptions: Sendable, Equatable {
    /// The script's path; `-` reads standard input.
    package var scriptPath: String
    /// `-p`: a shell command that the script goes through first.
    package var preprocessor: String?
    /// `-l`: sockets that replace those of the script.
    package var sockets: [String] = []
    /// `--dns-server`: name servers that replace those of `/etc/resolv.conf`.
    package var nameServers: [String] = []
    /// `-P`: where to write the process id.
    package var pidFile: String?
    /// `-w`: the working directory; wins over `wdir`.
    package var workingDirectory: String?
    /// `-o name=value`: `$argv(name)`.
    package var scriptArguments: [String: String] = [:]
    /// `--limit`: limits that the script has no parameter for.
    package var limits = ServerLimits()
    /// `--profiling-level`: the level of all processes from the start; beyond the ends the nearest.
    package var profilingLevel = 0
    /// The command line, for the management command `arg`.
    package var commandLine: [String] = []
    /// Log everything (`-D`, `-d`), as `debug_mode` does.
    package var logLevel: Int?
    /// What to tell about options that are taken and do nothing.
    package var notes: [String] = []

    package init(scriptPath: String) { self.scriptPath = scriptPath }
}

extension StartOptions {
    /// The name servers as the resolver takes them, `address:port`.
    func checkedNameServers() throws(ConfigurationError) -> [String] {
        try nameServers.map { text throws(ConfigurationError) in
            guard let address = SocketAddress(text, defaultPort: 53) else {
                throw ConfigurationError(
                    "--dns-server \(text) is no address",
                    hint: "write it as address[:port], for example 10.0.0.53 or [::1]:53")
            }
            return address.description
        }
    }
}
