package import Bytes
import RouteLanguage

extension ScriptRun {
    /// Text as a format string: variables in it are printed. Parsed each time, so for text that few messages have.
    package func evaluateFormat(_ text: ByteString) -> ByteString {
        guard text.contains(UInt8(ascii: "$")) else { return text }
        // Evaluated text may evaluate text; a bounded number of times.
        guard evaluationDepth < 8 else {
            log(.error, "{s.eval}: evaluated text evaluates text too deep")
            return .empty
        }
        evaluationDepth += 1
        defer { evaluationDepth -= 1 }
        var binding = Binding(process.engine.binder, slots: bound.slots, mayAddSlots: false)
        let format = binding.format(FormatString.parsing(text.bytes))
        for problem in binding.problems { log(.error, "{s.eval}: \(problem)") }
        return format.text(in: self)
    }
}
