import Testing

@testable import Server

/// What strangers wrote into a log line does nothing to who reads it, and forges no line.
@Suite struct LogTextTests {
    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("from xlog\n", "from xlog"), ("both\r\n\n", "both"), ("\ttab", "\ttab"),
        ("größe 漢字 ✓", "größe 漢字 ✓"),
        ("a\nNov 23 05:15:59 [1] NOTICE:core: forged", "a\n    Nov 23 05:15:59 [1] NOTICE:core: forged"),
        ("v=0\r\no=-\r\n", "v=0\n    o=-"), ("a\n\nb", "a\n    \n    b"), ("over\rwritten", "over\\x0Dwritten"),
        ("\u{1B}[2J\u{1B}]0;x\u{07}", "\\x1B[2J\\x1B]0;x\\x07"), ("\u{0}\u{7F}\u{9B}31m", "\\x00\\x7F\\x9B31m"),
        ("\u{202E}txt.exe", "\\u{202E}txt.exe"), ("\u{0B}\u{0C}\u{85}", "\\x0B\\x0C\\x85"),
    ])
    func plain(text: String, line: String) {
        #expect(LogText.plain(text) == line)
    }

    @Test(arguments: [
        ("a \"b\" \\ \n\r\t", "a \\\"b\\\" \\\\ \\n\\r\\t"),
        ("\u{1B}\u{9B}\u{202E}\u{7F}", "\\u001B\\u009B\\u202E\\u007F"),
        ("größe", "größe"),
    ])
    func json(text: String, inside: String) {
        #expect(LogText.json(text) == inside)
    }
}
