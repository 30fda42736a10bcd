import ArgumentParser

/// The executable's root command.
@main
struct SIPRay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sipray", abstract: "A SIP server that one can see through.",
        subcommands: [CheckCommand.self, WatchCommand.self])
}
