import Bytes

/// Drawing of diagnostics for terminals and logs. Pure text; script bytes that are not printable are replaced, so that a
/// script cannot send escape sequences to a terminal.
extension Diagnostic {
    /// The longest stretch of a source line that is shown.
    private static var excerptColumnsMax: Int { 160 }

    /// Several lines without a final newline:
    ///
    ///     edge.cfg:7:5: error: unknown function `send_repy`
    ///         7 |     send_repy(200, "OK");
    ///           |     ^~~~~~~~~
    ///      hint: did you mean `send_reply`?
    package func render(source: SourceFiles, colour: Bool = false) -> String {
        let style = Style(isOn: colour)
        let word = severity == .error ? style.red("error") : style.yellow("warning")
        var text =
            style.bold(Self.place(location, source)) + ": " + word + ": " + style.bold(Self.printable(message.utf8))
            + "\n"
        text += Self.excerpt(location, source, style)
        if let hint { text += "     " + style.green("hint") + ": " + Self.printable(hint.utf8) + "\n" }
        for note in notes {
            text +=
                "     " + style.green("note") + ": " + Self.place(note.location, source) + ": "
                + Self.printable(note.message.utf8) + "\n"
            text += Self.excerpt(note.location, source, style)
        }
        text += Self.traceback(location, source)
        text.removeLast()
        return text
    }

    /// `file:line:column`, or the name of the script alone when there is no line.
    package static func place(_ location: SourceLocation, _ source: SourceFiles) -> String {
        let name = printable(source.name(Int(location.file)).utf8)
        return location.line > 0 ? "\(name):\(location.line):\(location.column)" : name
    }

    private static func traceback(_ location: SourceLocation, _ source: SourceFiles) -> String {
        var text = ""
        var file = Int(location.file)
        while let from = source.includedFrom(file) {
            text += "     included from \(printable(source.name(Int(from.file)).utf8)):\(from.line)\n"
            file = Int(from.file)
        }
        return text
    }

    private static func excerpt(_ location: SourceLocation, _ source: SourceFiles, _ style: Style) -> String {
        guard location.line > 0, let line = source.line(Int(location.line), of: Int(location.file)) else { return "" }
        let caretStart = min(line.count, max(0, Int(location.column) - 1))
        let caretEnd = min(line.count, caretStart + max(1, Int(location.length)))
        let windowStart = caretStart > excerptColumnsMax - 40 ? caretStart - 40 : 0
        let windowEnd = min(line.count, windowStart + excerptColumnsMax)
        let base = line.startIndex
        var shown = printable(line[(base + windowStart)..<(base + windowEnd)])
        if windowEnd < line.count { shown += "…" }
        var padding = windowStart > 0 ? " " : ""
        if windowStart > 0 { shown = "…" + shown }
        for byte in line[(base + windowStart)..<(base + caretStart)] where byte & 0xC0 != 0x80 {
            padding += byte == UInt8(ascii: "\t") ? "\t" : " "
        }
        let marked = line[(base + caretStart)..<(base + min(caretEnd, windowEnd))].filter { $0 & 0xC0 != 0x80 }.count
        let caret = "^" + String(repeating: "~", count: max(0, marked - 1))
        let number = String(location.line)
        let gutter = String(repeating: " ", count: max(0, 5 - number.utf8.count))
        return "\(gutter)\(number) | \(shown)\n      | \(padding)\(style.green(caret))\n"
    }

    /// Text that is safe on a terminal: control characters other than tab become `?`.
    private static func printable(_ bytes: some Sequence<UInt8>) -> String {
        let text = String(decoding: Array(bytes), as: UTF8.self).unicodeScalars
        return String(String.UnicodeScalarView(text.map { $0 == "\t" || TerminalText.isShown($0) ? $0 : "?" }))
    }

    private struct Style {
        var isOn: Bool

        func bold(_ text: String) -> String { wrap(text, "1") }
        func red(_ text: String) -> String { wrap(text, "1;31") }
        func yellow(_ text: String) -> String { wrap(text, "1;33") }
        func green(_ text: String) -> String { wrap(text, "32") }

        private func wrap(_ text: String, _ code: String) -> String {
            isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
        }
    }
}

extension [Diagnostic] {
    /// How many of them refuse the script.
    package var errorCount: Int { count { $0.severity == .error } }

    /// All of them, a blank line between two, without a final newline.
    package func render(source: SourceFiles, colour: Bool = false) -> String {
        map { $0.render(source: source, colour: colour) }.joined(separator: "\n\n")
    }

    /// In the order of files and lines. Errors without a line come last.
    package func inSourceOrder() -> [Diagnostic] {
        enumerated().sorted { left, right in
            let a = left.element.location
            let b = right.element.location
            return (a.line == 0 ? 1 : 0, a.file, a.line, a.column, left.offset)
                < (b.line == 0 ? 1 : 0, b.file, b.line, b.column, right.offset)
        }
        .map(\.element)
    }
}
