/// Text of strangers, made fit for a terminal: nothing in it moves the cursor, colours, or turns round what stands beside it.
package enum TerminalText {
    /// Whether a terminal only shows it: no control character (C0, DEL, C1), none that turns the direction of writing.
    package static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069: false
        default: true
        }
    }

    /// With U+FFFD in place of what is not only shown.
    package static func safe(_ text: String) -> String {
        if text.unicodeScalars.allSatisfy(isShown) { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isShown($0) ? $0 : "\u{FFFD}" }))
    }

    /// JSON text with the same values, in which escapes stand for what is not only shown; JSON itself asks for those of C0
    /// alone.
    package static func safeJSON(_ json: String) -> String {
        if json.unicodeScalars.allSatisfy(isShown) { return json }
        var safe = ""
        for scalar in json.unicodeScalars {
            if isShown(scalar) {
                safe.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16)
                safe += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return safe
    }
}
