import Bytes
import Testing

@Suite struct TerminalTextTests {
    static let texts: [(String, safe: String, json: String)] = [
        ("plain, Zoë 電話 🙂", "plain, Zoë 電話 🙂", "plain, Zoë 電話 🙂"), ("", "", ""),
        ("a\u{1B}[2Jb", "a\u{FFFD}[2Jb", "a\\u001b[2Jb"),
        ("\u{7F}\u{80}\u{9B}x\u{A0}", "\u{FFFD}\u{FFFD}\u{FFFD}x\u{A0}", "\\u007f\\u0080\\u009bx\u{A0}"),
        ("\r\n\t\0", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}", "\\u000d\\u000a\\u0009\\u0000"),
        ("\u{202E}cfg\u{2066}", "\u{FFFD}cfg\u{FFFD}", "\\u202ecfg\\u2066"),
    ]

    @Test(arguments: texts) func doesNothingToATerminal(text: String, safe: String, json: String) {
        #expect(TerminalText.safe(text) == safe)
        #expect(TerminalText.safeJSON(text) == json)
    }
}
