import ArgumentParser
import Glibc
import Management
import ProfileAnalysis

/// `sipray calls`: the calls that a running server has now. Works on SIPRay and on the peer alike.
struct CallsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls",
        abstract: "Shows the calls that are up on a running server: dialogs and back-to-back sessions.",
        discussion: """
            A line for each call, the oldest first: how far it is, how long it is up (a dialog since its answer, a \
            back-to-back session and what still rings since its INVITE), the two parties, and the ID by which management ends it. The server \
            must follow its calls: by create_dialog() of the module dialog, or as a back-to-back user agent (b2b_logic).

            EXAMPLES
              sipray calls                             through the FIFO
              sipray calls --every 2                   until Ctrl-C
              sipray calls --match alice               in any of the columns
              sipray calls --match 'f81d4fae-7dec-11…' what a cut column shows
              sipray calls --wide                      nothing is cut, to copy from
              sipray calls --min-age 2h                which somebody forgot
              sipray calls --udp 127.0.0.1:8080 --limit 20
              sipray mi dialog:end_dlg dialog_id=ID    ends a dialog
              sipray mi b2b_logic:terminate_call key=ID
              sipray mi dialog:list_ctx callid=CALL-ID
            """)

    @OptionGroup var management: ManagementOptions

    @Option(help: ArgumentHelp("Again every so many seconds, until Ctrl-C.", valueName: "seconds"))
    var every: Int?

    @Option(
        help: ArgumentHelp(
            "Only calls whose caller, callee, Call-ID or ID has this text; with … at its end: begins with it.",
            valueName: "text"))
    var match: String?

    @Option(help: ArgumentHelp("Only calls that are up at least that long: 90s, 5min, 2h.", valueName: "duration"))
    var minAge: String = "0s"

    @Option(help: ArgumentHelp("Lines to show.", valueName: "count"))
    var limit: Int = 50

    @Flag(help: "Cuts nothing: the terminal wraps long lines. Without a terminal nothing is cut anyway.")
    var wide = false

    @Flag(help: "No colours, even on a terminal.")
    var noColor = false

    /// Dialogs that are asked for, and back-to-back sessions, among which to look.
    private static let fetchedMax = 10_000

    func validate() throws {
        try management.checkAddress()
        guard CallsCommand.seconds(minAge) != nil else {
            throw ValidationError("--min-age \(minAge) is no duration: write 90s, 5min or 2h.")
        }
        guard (1...Self.fetchedMax).contains(limit) else {
            throw ValidationError("--limit \(limit): 1 to \(Self.fetchedMax).")
        }
        if wide, every != nil { throw ValidationError("--wide shows once: leave --every out.") }
        if let every, !(1...3600).contains(every) { throw ValidationError("--every \(every): 1 to 3600 seconds.") }
    }

    func run() throws {
        Interruption.install()
        let output = Output("calls")
        let client = try management.client()
        let style = TextStyle(isColoured: output.isTerminal && !noColor && getenv("NO_COLOR") == nil)
        // A server that was never there is told at once, one that is silent for a while is asked again.
        var shown = try look(client, output, style)
        guard let every else { return output.write(shown.lines) }
        let screen = LiveScreen(output: output, everySeconds: every, style: style)
        repeat {
            screen.draw(above: shown.above, table: shown.rows, more: shown.more, rest: shown.table.rest)
            guard output.wait(seconds: every) else { return }
            shown = try screen.look(shown) { () throws(ManagementClientError) in try look(client, output, style) }
        } while !Interruption.isRequested
    }

    /// What is shown of the calls at one moment.
    private struct View {
        let table: CallTable
        var above: [String]
        var rows: [String]
        /// Calls that are not among the rows.
        var more: Int
        var isCut: Bool

        var lines: [String] {
            above + rows + (more > 0 ? [table.rest(more)] : []) + (isCut ? [table.cutNote] : [])
        }
    }

    private func look(
        _ client: ManagementClient, _ output: Output, _ style: TextStyle
    ) throws(ManagementClientError) -> View {
        let list = try CallList(client, limit: Self.fetchedMax)
        let table = CallTable(style: style, columns: wide || !output.isTerminal ? nil : output.room?.columns)
        let ageMin = CallsCommand.seconds(minAge) ?? 0
        let chosen = list.calls.filter { call in
            (match.map { call.matches($0) } ?? true) && (ageMin == 0 || (call.ageSeconds ?? 0) >= ageMin)
        }
        let isAll = match == nil && ageMin == 0
        var above = [style.bold(table.heading(list))]
        let first = list.isPart ? "the first \(list.calls.count) that the server lists" : "them"
        if !isAll {
            above.append(style.dim("  \(chosen.count) of \(first) match"))
        } else if list.isPart {
            above.append(style.dim("  the oldest of \(first)"))
        }
        let (rows, isCut) = table.rows(Array(chosen.prefix(limit)))
        return View(
            table: table, above: above, rows: rows,
            more: (isAll ? list.count : chosen.count) - min(limit, chosen.count), isCut: isCut)
    }

    /// Seconds of `90s`, `5min`, `2h`, `1d`; a bare number is seconds.
    private static func seconds(_ text: String) -> Int? {
        let units = [("min", 60), ("s", 1), ("h", 3600), ("d", 86_400), ("", 1)]
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let number = Int(text.dropLast(suffix.count)), (0...10_000_000).contains(number) else { return nil }
            return number * factor
        }
        return nil
    }
}
