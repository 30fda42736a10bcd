import Demo
import ProfileAnalysis

/// What the demo says at its end: what became of the calls, and where the time went.
struct DemoReport {
    let style: TextStyle
    let counts: CallCounts
    let directory: NumberDirectory
    let ringMilliseconds: Int

    private static let kinds: [(CallKind, String)] = [
        (.plain, "relayed, with a dialog"), (.busy, "busy, then the mailbox"), (.trunk, "back-to-back"),
        (.ported, "ported, asked for over HTTP"),
    ]

    /// - Parameter left: the calls that the server still has.
    func lines(_ summary: Summary, left: CallList?) -> [String] {
        var lines = ["", style.bold("Calls"), style.dim(row("kind", "begun", "completed", "setup p50", "p99"))]
        for (kind, name) in Self.kinds {
            let of = counts[kind]
            let setup = of.setupMilliseconds.sorted()
            lines.append(
                row(name, "\(of.started)", "\(of.completed)", Self.quantile(setup, 0.5), Self.quantile(setup, 0.99)))
        }
        lines.append(row("all", "\(counts.started)", "\(counts.completed)", "", ""))
        for (code, count) in counts.refused.sorted(by: { $0.key < $1.key }) {
            lines.append(style.warning("  ended with \(code): \(count)"))
        }
        if counts.lost > 0 { lines.append(style.warning("  without an answer: \(counts.lost)")) }
        if counts.retransmissions > 0 { lines.append("  requests sent again: \(counts.retransmissions)") }
        lines.append("")
        lines.append("  Setup is from INVITE to 200; the telephones ring for \(ringMilliseconds) ms of it.")
        lines.append(
            "  The directory took \(directory.delayMilliseconds) ms for each of \(directory.answered) answers, up to "
                + "\(directory.waitingMax) at a time; no process waited for it.")
        if let left { lines.append("  Calls that the server still has: \(left.count).") }
        lines += ["", style.bold("Where the time went"), ""]
        return lines + SummaryTable(style: style).lines(summary)
    }

    private func row(_ name: String, _ numbers: String...) -> String {
        let padded = numbers.map { String(repeating: " ", count: max(0, 11 - $0.count)) + $0 }.joined()
        let line = "  " + name + String(repeating: " ", count: max(0, 28 - name.count)) + padded
        return String(line.reversed().drop { $0 == " " }.reversed())
    }

    private static func quantile(_ sorted: [Double], _ share: Double) -> String {
        guard !sorted.isEmpty else { return "-" }
        let value = sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
        return "\((value * 10).rounded() / 10) ms"
    }
}
