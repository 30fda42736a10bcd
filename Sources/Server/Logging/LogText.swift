import Bytes

/// Text of a log line, which strangers wrote parts of (`xlog("$hdr(Subject)")`), made fit for whoever reads it.
///
/// The same for terminals, files, pipes and syslog: what goes to a file is read on a terminal, and one look at a descriptor
/// does not tell which. Nothing is lost by it, and a message printed whole (`$mb`) stays readable.
enum LogText {
    /// What stands in front of the second line of a text and those behind it, so that none can be taken for a line of its own:
    /// those begin with a month.
    private static let indent = "    "

    /// Without line ends at its end, lines behind the first indented, and with `\x1B` or `\u{202E}` for what a terminal would
    /// act upon.
    static func plain(_ text: String) -> String {
        // What nearly every line is: nothing but printable ASCII.
        if text.utf8.allSatisfy({ 0x20 <= $0 && $0 < 0x7F }) { return text }
        var scalars = text.unicodeScalars[...]
        while let last = scalars.last, last == "\n" || last == "\r" { scalars.removeLast() }
        var out = ""
        var isAfterReturn = false
        for scalar in scalars {
            // A lone return would write over what stands there.
            if isAfterReturn, scalar != "\n" { out += "\\x0D" }
            isAfterReturn = scalar == "\r"
            switch scalar {
            case "\r": break
            case "\n": out += "\n" + indent
            case "\t": out += "\t"
            case _ where TerminalText.isShown(scalar): out.unicodeScalars.append(scalar)
            default: out += escape(scalar)
            }
        }
        return out
    }

    /// As the inside of a JSON string.
    static func json(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where TerminalText.isShown(scalar): out.unicodeScalars.append(scalar)
            default: out += "\\u" + hexadecimal(scalar, digits: 4)
            }
        }
        return out
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        scalar.value < 0x100 ? "\\x" + hexadecimal(scalar, digits: 2) : "\\u{\(hexadecimal(scalar, digits: 4))}"
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar, digits: Int) -> String {
        let text = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
