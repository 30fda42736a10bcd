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

    /// Most characters of a name that are shown.
    private static let nameMax = 32

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

    /// A line for each call, below a line of column names; none without calls.
    func rows(_ calls: [LiveCall]) -> [String] {
        guard !calls.isEmpty else { return [] }
        var cells = [["state", "through", "age", "caller", "callee", "Call-ID", "ID"]]
        for call in calls {
            cells.append([
                call.state.word, call.isBackToBack ? "back-to-back" : "dialog",
                call.ageSeconds.map(CallTable.age) ?? "-", CallTable.name(call.caller), CallTable.name(call.callee),
                CallTable.shortened(call.callID), call.id.printable,
            ])
        }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.enumerated().map { index, row in
            let padded = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                // Ages to the right; the last column needs no padding.
                if column == 2 { return padding + row[column] }
                return column == row.count - 1 ? row[column] : row[column] + padding
            }
            guard index > 0 else { return "  " + style.dim(padded.joined(separator: "  ")) }
            return "  " + coloured(padded, calls[index - 1].state).joined(separator: "  ")
        }
    }

    /// The last line, when so many are not shown.
    func rest(_ count: Int) -> String { style.dim("  … and \(count) more") }

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
        return shortened(String(text))
    }

    private static func shortened(_ text: String) -> String {
        let text = text.printable
        return text.count <= nameMax ? text : text.prefix(nameMax - 1) + "…"
    }
}

extension String {
    /// Without what would move a terminal's cursor or colour it.
    fileprivate var printable: String { TextStyle.safe(self) }
}
