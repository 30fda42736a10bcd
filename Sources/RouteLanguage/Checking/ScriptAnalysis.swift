/// What reading and checking a script found. Pure: no socket is opened, no module is started.
package struct ScriptAnalysis: Sendable {
    /// The script, as far as it could be read. To be run only when `isAccepted`.
    package var script: Script
    /// All of them, in source order.
    package var diagnostics: [Diagnostic]
    /// Includes errors that were counted but not kept (`ScriptLimits.diagnosticsMax`).
    package var errorCount: Int

    package var isAccepted: Bool { errorCount == 0 }
    /// Whether all that is wrong are values, so that it makes sense to judge what else the script sets.
    package var isWellFormed: Bool {
        errorCount == diagnostics.count { $0.severity == .error && Self.valueCodes.contains($0.code) }
    }
    private static let valueCodes: Set<String> = ["modparam-range", "modparam-type", "unknown-word"]

    package var warningCount: Int { diagnostics.count { $0.severity == .warning } }

    /// The last line of a report: `bad config file (2 errors, 1 warning)`, or `edge.cfg: ok`.
    package var summary: String {
        let warnings = warningCount == 0 ? "" : "\(warningCount) warning\(warningCount == 1 ? "" : "s")"
        if isAccepted { return "\(script.fileName): ok" + (warnings.isEmpty ? "" : " (\(warnings))") }
        let errors = "\(errorCount) error\(errorCount == 1 ? "" : "s")"
        return "bad config file (\(errors)\(warnings.isEmpty ? "" : ", \(warnings)"))"
    }

    /// Every diagnostic and the summary, for a terminal.
    package func render(colour: Bool = false) -> String {
        let report = diagnostics.render(source: script.files, colour: colour)
        return report.isEmpty ? summary : report + "\n\n" + summary
    }

    /// Adds what was found later, by whoever is to run the script; errors refuse it.
    package mutating func add(_ found: [Diagnostic]) {
        diagnostics = (diagnostics + found).inSourceOrder()
        errorCount += found.count { $0.severity == .error }
    }

    /// Reads the script at `path` (`-`: standard input) with its includes, parses it and checks it against `catalogue`.
    ///
    /// - Parameter preprocessor: a shell command that the text goes through after includes were spliced in (`-p`).
    package static func analyse(
        path: String, catalogue: Catalogue, reader: SourceReader = .disk, preprocessor: String? = nil,
        limits: ScriptLimits = .default
    ) -> ScriptAnalysis {
        var diagnostics = DiagnosticList(limit: limits.diagnosticsMax)
        var source = SplicedSource.read(path: path, reader: reader, limits: limits, diagnostics: &diagnostics)
        if let preprocessor, diagnostics.errorCount == 0 {
            source.preprocess(with: preprocessor, limits: limits, diagnostics: &diagnostics)
        }
        var lexer = Lexer(source: source, diagnostics: diagnostics)
        let tokens = lexer.run()
        var parser = Parser(source: source, tokens: tokens, limits: limits, diagnostics: lexer.diagnostics)
        parser.parseScript()
        var checker = Checker(
            catalogue: catalogue, tree: parser.tree, files: source.files, limits: limits,
            diagnostics: parser.diagnostics)
        let script = checker.check()
        return ScriptAnalysis(
            script: script, diagnostics: checker.diagnostics.all.inSourceOrder(),
            errorCount: checker.diagnostics.errorCount)
    }
}
