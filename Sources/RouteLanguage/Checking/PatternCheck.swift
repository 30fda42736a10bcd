import Bytes
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
        checkPattern(format.raw, at: format.location)
    }

    private mutating func checkPattern(_ pattern: [UInt8], at location: SourceLocation) {
        // A pattern of more bytes is judged when it is bound: compiling may cost time.
        guard pattern.count <= 1024, let problem = PatternCheck.problem(pattern) else { return }
        diagnostics.error(
            "bad-pattern", at: location,
            "`\(String(decoding: pattern.prefix(60), as: UTF8.self))` is not a regular expression: \(problem)",
            hint: "a `\\` before one of ( ) [ ] { } . * + ? takes it as it is")
    }

    /// `/pattern/replacement/flags`
    mutating func checkSubstitution(_ format: FormatString) {
        guard let constant = format.constant else { return }
        guard let parts = SubstitutionText(ByteString(constant).trimmed()) else {
            diagnostics.error(
                "bad-substitution", at: format.location, "this is no substitution",
                hint: "write `/pattern/replacement/flags`; the flags are i, g and s")
            return
        }
        checkPattern(parts.pattern.bytes, at: format.location)
    }
}
