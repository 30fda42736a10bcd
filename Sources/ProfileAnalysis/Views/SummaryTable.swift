package import Profiling

/// Draws a summary as a table: sites by the time spent in them, with the place of each.
package struct SummaryTable: Sendable {
    package var style: TextStyle

    package init(style: TextStyle) { self.style = style }

    /// The lines: a heading and at most `limit` rows; of one producer, or both.
    package func lines(_ summary: Summary, producer: Producer? = nil, limit: Int = 40) -> [String] {
        let rows = summary.rows.filter { producer == nil || $0.producer == producer }
        guard !rows.isEmpty else { return ["No sessions."] }
        var table = [["what", "where", "count", "mean", "p50", "p99", "max", "slowest in session"]]
        for row in rows.prefix(limit) {
            let name = row.kind == "job" ? row.name : "\(row.name) [\(row.kind)]"
            let isTimed = row.durations.count > 0
            let times = [
                row.durations.mean, row.durations.quantile(0.5), row.durations.quantile(0.99), row.durations.greatest,
            ]
            table.append(
                [
                    TextStyle.safe(name), TextStyle.safe(row.place ?? ""),
                    "\(row.durations.count)\(row.truncated > 0 ? "+\(row.truncated)" : "")",
                ] + times.map { isTimed ? TextStyle.duration($0) : "-" } + [isTimed ? "\(row.slowestSession)" : "-"])
        }
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        var lines = table.enumerated().map { index, cells in
            let line = cells.indices.map { align(cells[$0], widths[$0], isText: $0 < 2) }.joined(separator: "  ")
            let trimmed = String(line.reversed().drop { $0 == " " }.reversed())
            return index == 0 ? style.bold(trimmed) : trimmed
        }
        if rows.count > limit { lines.append(style.dim("… and \(rows.count - limit) more")) }
        if summary.omitted > 0 { lines.append(style.dim("\(summary.omitted) durations of further sites left out")) }
        if rows.contains(where: { $0.truncated > 0 }) {
            lines.append(style.dim("count a+b: b were cut short and are not in the times"))
        }
        return lines
    }

    private func align(_ text: String, _ width: Int, isText: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return isText ? text + padding : padding + text
    }
}
