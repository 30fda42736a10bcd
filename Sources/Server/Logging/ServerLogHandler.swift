import CPlatform
import Glibc
package import Logging
import Reactor
package import RouteRuntime

/// Writes log lines as the peer does: `Nov 23 05:15:59 [25233] NOTICE:core: text`, one system call a line. Never
/// waits for who reads them. What a script
/// prints itself stands without level and label: `Nov 23 05:15:59 [25233] text`.
///
/// The bracket holds the kernel task id of the process that speaks.
package struct ServerLogHandler: LogHandler {
    /// Lines are cut at this many bytes.
    static let lineBytesMax = 16_384

    let label: String
    let settings: LogSettings
    /// Gets every line that goes to the `event` output, when `log_event_enabled` is set.
    let raise: (@Sendable (ScriptLogLevel, Int, String) -> Void)?
    /// The ID of the process whose kernel task id is given; nil for other threads.
    let processID: @Sendable (Int) -> Int?
    package var metadata: Logger.Metadata = [:]

    package init(
        label: String, settings: LogSettings, processID: @escaping @Sendable (Int) -> Int? = { _ in nil },
        raise: (@Sendable (ScriptLogLevel, Int, String) -> Void)? = nil
    ) {
        self.label = label
        self.settings = settings
        self.processID = processID
        self.raise = raise
    }

    /// What any process may say; the level of the one that speaks is looked at in `log`.
    package var logLevel: Logger.Level {
        get { Logger.Level(limit: settings.levels.most) }
        set { _ = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let level = ScriptLogLevel(event.level)
        let pid = Int(cplatform_thread_id())
        guard level.rawValue <= settings.levels.level(process: processID(pid)) else { return }
        var text = settings.fixed.prefix.isEmpty ? "" : "\(settings.fixed.prefix):"
        text += event.message.description
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
            $0.key < $1.key
        }) {
            text += " \(key)=\(value)"
        }
        write(level, pid, text)
    }

    /// Writes a line of the script, which has asked for the levels itself: `xlog` has one of its own.
    func write(_ level: ScriptLogLevel, _ text: String) {
        write(
            level, Int(cplatform_thread_id()), settings.fixed.prefix.isEmpty ? text : "\(settings.fixed.prefix):\(text)"
        )
    }

    /// Writes what the script prints: `xlog`, `log`, accounting.
    func print(_ level: ScriptLogLevel, _ text: String) {
        write(
            level, Int(cplatform_thread_id()),
            settings.fixed.prefix.isEmpty ? text : "\(settings.fixed.prefix):\(text)", isBare: true)
    }

    /// The same for who has not looked at the level of the process.
    func printIfWanted(_ level: ScriptLogLevel, _ text: String) {
        let pid = Int(cplatform_thread_id())
        if level.rawValue <= settings.levels.level(process: processID(pid)) { print(level, text) }
    }

    private func write(_ level: ScriptLogLevel, _ pid: Int, _ text: String, isBare: Bool = false) {
        if settings.isWanted(level, .stderror) { writeError(level, pid, text, isBare) }
        if settings.isWanted(level, .syslog) { writeSyslog(level, pid, text, isBare) }
        settings.spans.note(level, pid, text)
        if let raise, settings.isWanted(level, .event) { raise(level, pid, text) }
    }

    private func writeError(_ level: ScriptLogLevel, _ pid: Int, _ text: String, _ isBare: Bool) {
        settings.errorLines.write(errorLine(level, pid, text, isBare)) { count in
            errorLine(.warning, pid, Self.lossText(count), false)
        }
    }

    private static func lossText(_ count: Int) -> String {
        "\(count) log line\(count == 1 ? " was" : "s were") lost: the reader did not take them"
    }

    private func errorLine(_ level: ScriptLogLevel, _ pid: Int, _ text: String, _ isBare: Bool) -> [UInt8] {
        let stamp = Self.stamp()
        let line =
            switch settings.fixed.stderrorFormat {
            case .plainText: "\(stamp) [\(pid)] \(isBare ? "" : "\(level.name):\(label): ")\(LogText.plain(text))"
            case .json, .jsonCEE: json(settings.fixed.stderrorFormat, level, pid, text, stamp)
            }
        var bytes = Array(line.utf8.prefix(Self.lineBytesMax))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private func writeSyslog(_ level: ScriptLogLevel, _ pid: Int, _ text: String, _ isBare: Bool) {
        settings.syslogLines.write(syslogLine(level, pid, text, isBare)) { count in
            syslogLine(.warning, pid, Self.lossText(count), false)
        }
    }

    private func syslogLine(_ level: ScriptLogLevel, _ pid: Int, _ text: String, _ isBare: Bool) -> [UInt8] {
        let stamp = Self.stamp()
        let line =
            switch settings.fixed.syslogFormat {
            case .plainText: (isBare ? "" : "\(level.name):\(label): ") + LogText.plain(text)
            case .json, .jsonCEE: json(settings.fixed.syslogFormat, level, pid, text, stamp)
            }
        let priority = settings.fixed.syslogFacility | level.syslogPriority
        return Array(
            "<\(priority)>\(stamp) \(settings.fixed.syslogName)[\(pid)]: \(line)".utf8.prefix(Self.lineBytesMax))
    }

    private func json(
        _ format: LogSettings.Format, _ level: ScriptLogLevel, _ pid: Int, _ text: String, _ stamp: String
    ) -> String {
        let body =
            "{\"time\": \"\(stamp)\", \"pid\": \(pid), \"level\": \"\(level.name)\", \"module\": \"\(LogText.json(label))\", "
            + "\"message\": \"\(LogText.json(text))\"}"
        return format == .jsonCEE ? "@cee: \(body)" : body
    }

    /// `Nov 23 05:15:59` in local time.
    static func stamp() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%b %e %H:%M:%S", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
