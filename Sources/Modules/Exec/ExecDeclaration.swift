package import RouteLanguage

extension ModuleDeclaration {
    /// `exec`: other programs, started from scripts.
    package static let exec = ModuleDeclaration(
        "exec",
        functions: [
            FunctionDeclaration(
                "exec",
                [
                    .string("command"), .string("stdin", optional: true), .output("stdout", optional: true),
                    .output("stderr", optional: true), ParameterSpec("envavp", .variable, isOptional: true),
                ],
                routes: [.request, .failure, .local, .startup, .timer, .event, .onreply], hasAsyncForm: true,
                isSlow: true)
        ],
        parameters: [.integer("setvars", 0), .integer("time_to_kill", 0)])
}
