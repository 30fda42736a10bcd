/// What the command line says about a start, beside the script.
package struct StartOptions: Sendable, Equatable {
    /// The script's path; `-` reads standard input.
    package var scriptPath: String
    /// `-l`: sockets that replace those of the script.
    package var sockets: [String] = []
    /// `-P`: where to write the process id.
    package var pidFile: String?
    /// `-w`: the working directory; wins over `wdir`.
    package var workingDirectory: String?
    /// `-o name=value`: `$argv(name)`.
    package var scriptArguments: [String: String] = [:]
    /// The command line, for the management command `arg`.
    package var commandLine: [String] = []
    /// Log everything (`-D`, `-d`), as `debug_mode` does.
    package var logLevel: Int?
    /// What to tell about options that are taken and do nothing.
    package var notes: [String] = []

    package init(scriptPath: String) { self.scriptPath = scriptPath }
}
