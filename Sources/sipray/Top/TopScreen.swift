import ProfileAnalysis

/// Draws the figures of a server: what comes in, what it has, whether it hears everything, and its processes by load.
struct TopScreen {
    /// From this on a process keeps up only by chance.
    static let busyPercent = 90
    /// Bytes that a receiver has not read yet: more than a burst leaves for a moment.
    static let unreadBytes = 65_536
    /// Findings of one kind on one screen.
    static let findingsMax = 3

    let style: TextStyle
    /// What addresses the server on a command line, as the operator gave it.
    let addressing: String

    /// What stands above the processes.
    func above(_ now: ServerFigures, since before: ServerFigures) -> [String] {
        [heading(now), ""] + pair("traffic", traffic(now, before)) + pair("has now", state(now))
            + pair("lost", losses(now))
    }

    private func heading(_ now: ServerFigures) -> String {
        var parts: [String] = []
        if let seconds = now["core:timestamp"] { parts.append("up \(TopScreen.span(seconds))") }
        if let load = now["load:load"] {
            let minutes = "\(now["load:load1m"] ?? 0) % in a minute, \(now["load:load10m"] ?? 0) % in ten"
            parts.append("SIP processes busy \(load) %, \(minutes)")
        }
        if let bytes = now["memory:resident_bytes"] { parts.append("\(bytes >> 20) MiB") }
        return style.bold(parts.joined(separator: "   "))
    }

    private func pair(_ name: String, _ texts: [String]) -> [String] {
        texts.isEmpty
            ? [] : ["  " + name + String(repeating: " ", count: 10 - name.count) + texts.joined(separator: "   ")]
    }

    private func traffic(_ now: ServerFigures, _ before: ServerFigures) -> [String] {
        [
            ("core:rcv_requests", "requests/s"), ("core:rcv_replies", "replies/s"),
            ("tm:UAS_transactions", "transactions/s"), ("tm:5xx_transactions", "answered 5xx/s"),
            ("tm:timeout_finalresponse", "timeouts/s"),
        ].compactMap { name, word in now.rate(name, since: before).map { "\(TopScreen.rate($0)) \(word)" } }
    }

    private func state(_ now: ServerFigures) -> [String] {
        [
            ("tm:inuse_transactions", "transactions"), ("dialog:active_dialogs", "dialogs"),
            ("dialog:early_dialogs", "ringing"), ("b2b_logic:sessions", "back-to-back"),
            ("core:waiting_scripts", "waiting scripts"), ("tcp:open_connections", "connections"),
            ("usrloc:registered_users", "registered"),
        ].compactMap { name, word in now[name].map { "\($0) \(word)" } }
    }

    /// What is waiting to be heard, and what was not: yellow as soon as there is any.
    private func losses(_ now: ServerFigures) -> [String] {
        let dropped = [("udp:kernel_drops", "datagrams dropped by the kernel")]
        let figures = (dropped + TopScreen.losses).compactMap { name, word in
            now[name].map { $0 == 0 ? nil : style.warning("\($0) \(word)") }
        }
        let waiting = now.sum(TopScreen.unread).map { "\(TopScreen.size($0)) wait to be read" }
        guard !figures.isEmpty || waiting != nil else { return [] }
        let lost = figures.compactMap { $0 }
        return (lost.isEmpty ? ["nothing"] : lost) + [waiting].compactMap { $0 }
    }

    private static let losses = [
        ("core:err_requests", "broken requests"), ("tcp:slow_readers", "slow TCP peers"),
        ("timer:late_runs", "late timers"), ("core:overflow", "jobs refused"), ("evi:lost_records", "records"),
    ]
    private static let unread = ["net:waiting_udp", "net:waiting_tcp"]

    /// What stands out now, and what to ask next.
    func findings(_ now: ServerFigures, since before: ServerFigures) -> [String] {
        var found: [String] = []
        let unread = now.sum(TopScreen.unread) ?? 0
        let dropped = now.rate("udp:kernel_drops", since: before) ?? 0
        if unread >= TopScreen.unreadBytes || dropped > 0 {
            found.append(
                "more comes in than is read: \(TopScreen.size(unread)) wait, \(TopScreen.rate(dropped)) datagrams/s dropped"
            )
        }
        let busy = now.processes.filter { (now["load:load-proc-\($0.id)"] ?? 0) >= TopScreen.busyPercent }
        for process in busy.prefix(TopScreen.findingsMax) {
            found.append(
                "process \(process.id) is busy all the time, with what: "
                    + "sipray watch\(addressing) --process \(process.pid) --seconds 5 --quiet")
        }
        for (name, word) in TopScreen.losses where (now.rate(name, since: before) ?? 0) > 0 {
            found.append("\(TopScreen.rate(now.rate(name, since: before) ?? 0)) \(word)/s")
        }
        return found.enumerated().map { index, text in
            (index == 0 ? "  look at   " : "            ") + style.warning(text)
        }
    }

    /// A line for each process, the busiest first, below a line of names.
    func processes(_ now: ServerFigures) -> [String] {
        var rows = [["ID", "PID", "busy %", "1 min", "10 min", "level", "process"]]
        let byLoad = now.processes.sorted {
            (now["load:load-proc-\($0.id)"] ?? 0, $1.id) > (now["load:load-proc-\($1.id)"] ?? 0, $0.id)
        }
        for process in byLoad {
            let loads = ["load", "load1m", "load10m"].map {
                now["load:\($0)-proc-\(process.id)"].map(String.init) ?? "-"
            }
            rows.append(
                ["\(process.id)", "\(process.pid)"] + loads + ["\(process.level)", TextStyle.safe(process.description)])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.enumerated().map { index, row in
            let line = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return column == row.count - 1 ? row[column] : padding + row[column]
            }.joined(separator: "  ")
            return "  " + (index == 0 ? style.dim(line) : line)
        }
    }

    /// `512 B`, `64 KiB`, `6.0 MiB`.
    private static func size(_ bytes: Int) -> String {
        switch bytes {
        case ..<1024: "\(bytes) B"
        case ..<1_048_576: "\(bytes >> 10) KiB"
        default: "\(bytes >> 20).\((bytes & 1_048_575) * 10 >> 20) MiB"
        }
    }

    private static func rate(_ value: Double) -> String {
        value < 10 && value != value.rounded() ? "\((value * 10).rounded() / 10)" : "\(Int(value.rounded()))"
    }

    /// `45 s`, `12 min`, `3 h 5 min`, `9 d 2 h`.
    private static func span(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }
}
