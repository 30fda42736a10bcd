import Management
import ProfileAnalysis

/// What a command shows again and again until Ctrl-C: on a terminal drawn anew and fitted into it, else written line by line.
struct LiveScreen {
    let output: Output
    let everySeconds: Int
    let style: TextStyle

    /// Shows lines; on a terminal as ``ScreenRoom/fit(above:whole:table:more:rest:)`` does.
    func draw(above: [String], whole: [String] = [], table: [String], more: Int = 0, rest: (Int) -> String) {
        guard output.isTerminal else {
            return output.write(above + whole + table + (more > 0 ? [rest(more)] : []))
        }
        // A terminal that does not tell its size is asked for nothing.
        let room = output.room ?? ScreenRoom(columns: .max, rows: .max)
        output.redraw(room.fit(above: above, whole: whole, table: table, more: more, rest: rest))
    }

    /// Asks the server. On a terminal an error is shown, and it is asked again until it answers or the user has enough:
    /// what was known before is given back then.
    func look<Shown>(
        _ before: Shown, _ ask: () throws(ManagementClientError) -> Shown
    ) throws(ManagementClientError) -> Shown {
        while true {
            do throws(ManagementClientError) {
                return try ask()
            } catch {
                if Interruption.isRequested { return before }
                guard output.isTerminal else { throw error }
                output.redraw([
                    style.warning("\(error)"), style.dim("asked again every \(everySeconds) s; Ctrl-C ends"),
                ])
                guard output.wait(seconds: everySeconds) else { return before }
            }
        }
    }
}
