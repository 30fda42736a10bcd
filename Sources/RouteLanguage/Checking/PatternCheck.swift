import Glibc

/// Whether a constant pattern can be compiled: POSIX extended, as the runtime takes it.
enum PatternCheck {
    /// What is wrong with it, in the words of the C library; nil when nothing is.
    static func problem(_ pattern: [UInt8]) -> String? {
        if pattern.contains(0) { return "it holds a zero byte" }
        var expression = unsafe regex_t()
        let code = unsafe regcomp(
            &expression, String(decoding: pattern, as: UTF8.self), REG_EXTENDED | REG_NOSUB | REG_ICASE)
        guard code != 0 else {
            unsafe regfree(&expression)
            return nil
        }
        var text = [CChar](repeating: 0, count: 128)
        let length = unsafe regerror(code, &expression, &text, text.count)
        return String(
            decoding: text.prefix(max(0, min(length, text.count) - 1)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension Checker {
    mutating func checkPattern(_ format: FormatString) {
        // A pattern of more bytes is judged when it is bound: compiling may cost time.
        guard format.raw.count <= 1024, let problem = PatternCheck.problem(format.raw) else { return }
        diagnostics.error(
            "bad-pattern", at: format.location,
            "`\(String(decoding: format.raw.prefix(60), as: UTF8.self))` is not a regular expression: \(problem)",
            hint: "a `\\` before one of ( ) [ ] { } . * + ? takes it as it is")
    }
}
