import Bytes
import ProfileAnalysis

/// Draws calls as a table, a line each:
///
/// ```
/// 14 dialogs (1 ringing, 13 talking), 2 back-to-back (2 talking)
///   state    through       age  caller            callee            Call-ID  ID
///   talking  dialog        2 s  caller@127.0.0.1  user2@127.0.0.1   demo-1   2a5.7f1c90e3
/// ```
struct CallTable {
    let style: TextStyle
    /// The width to fit into; nil: nothing is cut.
    let columns: Int?

    private static let names = ["state", "through", "age", "caller", "callee", "Call-ID", "ID"]
    /// The columns that share the room which the others leave.
    private static let cut = 3...5
    /// So much of each is shown on the narrowest terminal.
    private static let cutWidthMin = 7
    private static let gap = 2

    /// The first line: how many calls of each sort, and how far they are.
    func heading(_ list: CallList) -> String {
        func part(_ count: Int?, _ word: String, _ calls: [LiveCall]) -> String? {
            guard let count else { return nil }
            let states = Dictionary(grouping: calls, by: \.state).sorted { $0.key.rawValue < $1.key.rawValue }
                .map { "\($0.value.count) \($0.key.word)" }.joined(separator: ", ")
            // The states are those of the calls that were fetched: said only when these are all.
            return "\(count) \(word)" + (states.isEmpty || calls.count < count ? "" : " (\(states))")
        }
        let parts = [
            part(list.dialogs, list.dialogs == 1 ? "dialog" : "dialogs", list.calls.filter { !$0.isBackToBack }),
            part(list.sessions, "back-to-back", list.calls.filter(\.isBackToBack)),
        ].compactMap { $0 }
        return parts.isEmpty
            ? "the server follows no calls: it has neither dialog nor b2b_logic"
            : parts.joined(separator: ", ")
    }

    /// A line for each call, below a line of column names; none without calls. Whether something in them is cut.
    func rows(_ calls: [LiveCall]) -> (lines: [String], isCut: Bool) {
        guard !calls.isEmpty else { return ([], false) }
        var cells = [CallTable.names]
        for call in calls {
            cells.append([
                call.state.word, call.isBackToBack ? "back-to-back" : "dialog",
                call.ageSeconds.map(CallTable.age) ?? "-", CallTable.name(call.caller), CallTable.name(call.callee),
                TerminalText.safe(call.callID), TerminalText.safe(call.id),
            ])
        }
        let isCut = fit(&cells)
        let widths = CallTable.widths(cells)
        let lines = cells.enumerated().map { index, row in
            let padded = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - ScreenRoom.width(row[column]))
                // Ages to the right; the last column needs no padding.
                if column == 2 { return padding + row[column] }
                return column == row.count - 1 ? row[column] : row[column] + padding
            }
            guard index > 0 else { return "  " + style.dim(padded.joined(separator: "  ")) }
            return "  " + coloured(padded, calls[index - 1].state).joined(separator: "  ")
        }
        return (lines, isCut)
    }

    private static func widths(_ cells: [[String]]) -> [Int] {
        cells[0].indices.map { column in cells.map { ScreenRoom.width($0[column]) }.max() ?? 0 }
    }

    /// Cuts the columns that are cut to what the others leave them: those that need less than their share give the rest of
    /// it to the longer ones. Whether something was cut.
    private func fit(_ cells: inout [[String]]) -> Bool {
        guard let columns else { return false }
        let widths = CallTable.widths(cells)
        let others = widths.indices.reduce(0) { CallTable.cut.contains($1) ? $0 : $0 + widths[$1] }
        var room = columns - others - CallTable.gap * widths.count
        var shares: [Int: Int] = [:]
        for (position, column) in CallTable.cut.sorted(by: { widths[$0] < widths[$1] }).enumerated() {
            let share = max(CallTable.cutWidthMin, room / (CallTable.cut.count - position))
            shares[column] = share
            room -= min(share, widths[column])
        }
        var isCut = false
        for (column, share) in shares where widths[column] > share {
            isCut = true
            let room = ScreenRoom(columns: share, rows: 1)
            for row in cells.indices { cells[row][column] = room.cut(cells[row][column]) }
        }
        return isCut
    }

    /// The last line, when so many are not shown.
    func rest(_ count: Int) -> String { style.dim("  … and \(count) more") }

    /// What says how to see what was cut.
    var cutNote: String { style.dim("  … cut to fit: --wide shows all; --match takes what is shown") }

    private func coloured(_ cells: [String], _ state: LiveCall.State) -> [String] {
        var cells = cells
        cells[0] = state == .talking ? style.good(cells[0]) : style.warning(cells[0])
        cells[cells.count - 1] = style.dim(cells[cells.count - 1])
        return cells
    }

    /// `7 s`, `12 min`, `3 h 05 min`.
    private static func age(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        default:
            let minutes = seconds / 60 % 60
            return "\(seconds / 3600) h \(minutes < 10 ? "0" : "")\(minutes) min"
        }
    }

    /// A URI, or an address with one, without what every URI has.
    private static func name(_ address: String) -> String {
        var text = Substring(address)
        if let open = text.lastIndex(of: "<") { text = text[text.index(after: open)...].prefix { $0 != ">" } }
        for scheme in ["sip:", "sips:"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        return TerminalText.safe(String(text))
    }
}
