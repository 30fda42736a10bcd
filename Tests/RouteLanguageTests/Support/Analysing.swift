import RouteLanguage

/// All modules loaded, so that a route can be tried alone.
let preamble = TestCatalogue.all.modules.filter { $0.availability == .available }
    .map { "loadmodule \"\($0.name).so\" " }.joined()

/// Checks a text as the file `t.cfg`.
func analyse(_ text: String, files: [String: String] = [:], limits: ScriptLimits = .default) -> ScriptAnalysis {
    var table = files
    table["t.cfg"] = text
    return ScriptAnalysis.analyse(path: "t.cfg", catalogue: TestCatalogue.all, reader: .table(table), limits: limits)
}

/// Checks statements inside a request route, with all modules loaded on the line before.
func analyse(statements: String) -> ScriptAnalysis {
    analyse(preamble + "\nroute { " + statements + "\n}\nroute[sub] { return(1); }\n")
}

/// `error unknown-function 2:9`, one a line.
func codes(_ analysis: ScriptAnalysis) -> [String] {
    analysis.diagnostics.map { "\($0.severity.rawValue) \($0.code) \($0.location.line):\($0.location.column)" }
}

/// The codes of the errors alone.
func errors(_ analysis: ScriptAnalysis) -> [String] {
    analysis.diagnostics.filter { $0.severity == .error }.map(\.code)
}

func warnings(_ analysis: ScriptAnalysis) -> [String] {
    analysis.diagnostics.filter { $0.severity == .warning }.map(\.code)
}

/// The statements of the request route.
func body(_ text: String) -> [Statement] {
    analyse(statements: text).script.routes.first?.body ?? []
}

/// The value that the first statement assigns, as nested brackets.
func value(_ text: String) -> String {
    guard case .assignment(let assignment) = body("$var(x) = \(text);").first?.kind else { return "?" }
    return describe(assignment.value)
}

/// The condition of an `if`, as nested brackets.
func condition(_ text: String) -> String {
    guard case .conditional(let conditional) = body("if (\(text)) exit;").first?.kind else { return "?" }
    return describe(conditional.branches[0].condition)
}

/// Evaluation order made visible: every chain is bracketed from the left.
func describe(_ expression: Expression) -> String {
    switch expression.kind {
    case .logical(let first, let rest):
        rest.reduce(describe(first)) { "(\($0) \($1.logicalOperator.rawValue) \(describe($1.operand)))" }
    case .arithmetic(let first, let rest):
        rest.reduce(describe(first)) { "(\($0) \($1.arithmeticOperator.rawValue) \(describe($1.operand)))" }
    case .not(let inner): "!\(describe(inner))"
    case .complement(let inner): "~\(describe(inner))"
    case .arithmeticTest(let inner): "[\(describe(inner))]"
    case .comparison(let left, let comparison, let right):
        "(\(describe(left)) \(comparison.rawValue) \(describe(right)))"
    case .number(let number): "\(number)"
    case .string(let format): describe(format)
    case .null: "NULL"
    case .network(let network): "net\(network.address)/\(network.prefixLength)"
    case .variable(let variable): describe(variable)
    case .command(let command):
        if case .function(let call) = command.kind { "\(call.name)()" } else { "command" }
    case .assignment(let assignment):
        "(\(describe(assignment.target)) \(assignment.assignmentOperator.rawValue) \(describe(assignment.value)))"
    case .block(let statements): "{\(statements.count)}"
    }
}

func describe(_ format: FormatString) -> String {
    let parts = format.parts.map { part in
        switch part {
        case .literal(let bytes): String(decoding: bytes, as: UTF8.self)
        case .variable(let variable): "<" + describe(variable) + ">"
        }
    }
    return "'" + parts.joined() + "'"
}

func describe(_ variable: Variable) -> String {
    var text = "$" + (variable.context.map { "<\($0.rawValue)>" } ?? "") + variable.name
    if let inner = variable.inner { text += "(" + describe(inner) + ")" }
    switch variable.index {
    case .number(let number): text += "[\(number)]"
    case .all: text += "[*]"
    case .append: text += "[append]"
    case .variable(let inner): text += "[" + describe(inner) + "]"
    case nil: break
    }
    for transformation in variable.transformations {
        let arguments = transformation.arguments.map { "," + describe($0) }.joined()
        text += "{\(transformation.family).\(transformation.name)\(arguments)}"
    }
    return text
}
