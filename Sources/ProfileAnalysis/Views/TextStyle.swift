import Bytes

/// Colours of a terminal, or none.
package struct TextStyle: Sendable, Hashable {
    package var isColoured: Bool

    package init(isColoured: Bool) { self.isColoured = isColoured }

    package func bold(_ text: String) -> String { wrap(text, "1") }
    package func dim(_ text: String) -> String { wrap(text, "2") }

    /// A duration: yellow from 10 ms, red from 100 ms.
    package func duration(_ nanoseconds: Int64) -> String {
        let text = TextStyle.duration(nanoseconds)
        switch nanoseconds {
        case 100_000_000...: return wrap(text, "31")
        case 10_000_000...: return wrap(text, "33")
        default: return wrap(text, "32")
        }
    }

    package func good(_ text: String) -> String { wrap(text, "32") }
    package func warning(_ text: String) -> String { wrap(text, "33") }

    private func wrap(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    /// `740 ns`, `12.3 µs`, `4.71 ms`, `1.24 s`: three digits.
    package static func duration(_ nanoseconds: Int64) -> String {
        let value = max(0, nanoseconds)
        switch value {
        case ..<1000: return "\(value) ns"
        case ..<1_000_000: return digits(value, unit: 1000) + " µs"
        case ..<1_000_000_000: return digits(value, unit: 1_000_000) + " ms"
        default: return digits(value, unit: 1_000_000_000) + " s"
        }
    }

    private static func digits(_ value: Int64, unit: Int64) -> String {
        let whole = value / unit
        switch whole {
        case ..<10: return "\(whole).\(padded(value % unit * 100 / unit, 2))"
        case ..<100: return "\(whole).\(value % unit * 10 / unit)"
        default: return "\(whole)"
        }
    }

    /// `14:03:07.195210`, of the day, moved by an offset from UTC.
    package static func timeOfDay(_ nanoseconds: Int64, utcOffsetSeconds: Int) -> String {
        let shifted = nanoseconds + Int64(utcOffsetSeconds) * 1_000_000_000
        let microseconds = shifted / 1000 % 86_400_000_000
        let seconds = microseconds / 1_000_000
        return "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
            + ".\(padded(microseconds % 1_000_000, 6))"
    }

    /// Milliseconds with three decimals, right-aligned: the column of times since a session's start.
    static func offset(_ nanoseconds: Int64) -> String {
        let microseconds = nanoseconds / 1000
        let text = "\(microseconds / 1000).\(padded(abs(microseconds) % 1000, 3))"
        return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// Text from a server, without what would move a terminal's cursor or colour it, and not endless.
    package static func safe(_ text: String) -> String {
        TerminalText.safe(text.utf8.count <= 200 ? text : String(text.unicodeScalars.prefix(200)))
    }
}
