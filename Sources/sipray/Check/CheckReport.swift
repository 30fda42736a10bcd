import JSONRPC
import RouteLanguage

/// The result of a check as JSON.
///
/// Members: `file`, `accepted`, `errors`, `warnings`, `diagnostics`. A diagnostic has `severity`, `code`, `file`, `line`,
/// `column`, `length` (from 1, in bytes; line 0: the whole file), `message`, and where there are any `hint`, `notes`,
/// `includedFrom` (innermost first).
enum CheckReport {
    static func json(_ analysis: ScriptAnalysis, isAccepted: Bool) -> JSONValue {
        [
            "file": .string(analysis.script.fileName),
            "accepted": .bool(isAccepted),
            "errors": .integer(analysis.errorCount),
            "warnings": .integer(analysis.warningCount),
            "diagnostics": .array(analysis.diagnostics.map { json($0, analysis.script.files) }),
        ]
    }

    private static func json(_ diagnostic: Diagnostic, _ files: SourceFiles) -> JSONValue {
        var object: JSONObject = [
            "severity": .string(diagnostic.severity.rawValue),
            "code": .string(diagnostic.code),
        ]
        for member in place(diagnostic.location, files) { object[member.0] = member.1 }
        object["message"] = .string(diagnostic.message)
        if let hint = diagnostic.hint { object["hint"] = .string(hint) }
        if !diagnostic.notes.isEmpty {
            object["notes"] = .array(
                diagnostic.notes.map { note in
                    var object = JSONObject()
                    for member in place(note.location, files) { object[member.0] = member.1 }
                    object["message"] = .string(note.message)
                    return .object(object)
                })
        }
        var trace: [JSONValue] = []
        var from = files.includedFrom(Int(diagnostic.location.file))
        while let location = from {
            trace.append(["file": .string(files.name(Int(location.file))), "line": .integer(Int(location.line))])
            from = files.includedFrom(Int(location.file))
        }
        if !trace.isEmpty { object["includedFrom"] = .array(trace) }
        return .object(object)
    }

    private static func place(_ location: SourceLocation, _ files: SourceFiles) -> [(String, JSONValue)] {
        [
            ("file", .string(files.name(Int(location.file)))),
            ("line", .integer(Int(location.line))),
            ("column", .integer(Int(location.column))),
            ("length", .integer(Int(location.length))),
        ]
    }
}
