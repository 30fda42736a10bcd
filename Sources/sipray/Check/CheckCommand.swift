import ArgumentParser
import Bytes
import Glibc
import JSONRPC
import RouteLanguage
import Server

/// Reads a route script and tells everything that is wrong with it. Opens no socket.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Reads a route script and prints every diagnostic as file:line:column.",
        discussion: """
            All errors come in one run, each with its source line and what to do next; warnings tell where the language \
            does not do what a reader would expect. Status 0: the script would start (also with warnings). Status 1: it \
            would be refused. No socket is opened, no module is started.

            EXAMPLES
              sipray check /etc/sipray/sipray.cfg
              sipray check --strict edge.cfg            warnings refuse it too (for CI)
              m4 edge.m4 | sipray check -               from standard input
              sipray check edge.m4 -p m4 -o site=berlin -l udp:10.0.0.1   what `serve` will be given
              sipray check --json edge.cfg | jq .       one object, for editors
            """)

    @ArgumentParser.Argument(help: ArgumentHelp("The script; - is standard input.", valueName: "file"))
    var file: String

    @OptionGroup var scriptOptions: ScriptOptions

    @Flag(help: "One JSON object, for editors and other machines.")
    var json = false

    @Flag(help: "Warnings count as errors.")
    var strict = false

    @Flag(help: "Prints errors only, no warnings.")
    var quiet = false

    @Flag(help: "No colours, even on a terminal.")
    var noColor = false

    func run() throws {
        let output = Output("check")
        var analysis = ScriptAnalysis.analyse(path: file, catalogue: .sipray, preprocessor: scriptOptions.preprocessor)
        StartCheck.add(to: &analysis, options: scriptOptions.startOptions(path: file), looksUpNames: false)
        let isRefused = !analysis.isAccepted || (strict && analysis.warningCount > 0)
        if quiet, !strict { analysis.diagnostics.removeAll { $0.severity == .warning } }
        if json {
            output.write([TerminalText.safeJSON(CheckReport.json(analysis, isAccepted: !isRefused).description)])
        } else {
            output.write([analysis.render(colour: output.isTerminal && !noColor && getenv("NO_COLOR") == nil)])
        }
        if isRefused { throw ExitCode(1) }
    }
}
