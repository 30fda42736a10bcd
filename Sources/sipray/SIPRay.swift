import ArgumentParser
import Server

/// The executable's root command.
@main
struct SIPRay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sipray",
        abstract: "A SIP server that one can see through.",
        discussion: """
            Runs an OpenSIPS 4.x route script unmodified and shows, while it handles traffic, what each of its processes is \
            doing.

            EXAMPLES
              sipray demo                            calls on this machine, X-rayed
              sipray check opensips.cfg              every mistake of a script
              sipray serve opensips.cfg              run it
              sipray mi ps                           its processes
              sipray mi core:profiling_proc level=1  make them speak
              sipray watch                           see what they say
              sipray top                             its traffic, state and losses
              sipray calls                           the calls that are up
            """,
        version: serverVersion,
        subcommands: [
            ServeCommand.self, CheckCommand.self, DemoCommand.self, WatchCommand.self, TopCommand.self,
            CallsCommand.self, MICommand.self,
        ])
}
