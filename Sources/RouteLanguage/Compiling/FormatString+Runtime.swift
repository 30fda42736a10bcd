extension FormatString {
    /// Splits text that a script made while it ran (`{s.eval}`). What is wrong in it stays literal.
    package static func parsing(_ bytes: [UInt8]) -> FormatString {
        let name = "<evaluated>"
        let reader = SourceReader { path, _ in path == name ? .success(bytes) : .failure(.notFound) }
        var diagnostics = DiagnosticList(limit: 1)
        let source = SplicedSource.read(path: name, reader: reader, limits: .default, diagnostics: &diagnostics)
        // A line that looks like an include would be replaced: such text has nothing to evaluate.
        guard source.bytes.count >= bytes.count, source.bytes.prefix(bytes.count).elementsEqual(bytes) else {
            return FormatString(location: .none, literal: bytes)
        }
        return FormatStringParser(text: ScriptText(source: source, range: 0..<bytes.count)).parse()
    }
}
