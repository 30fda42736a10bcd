import Management

/// Which requests are calls of commands, and what the others are answered. Pure.
package struct HTTPRules: Sendable {
    private let root: String?
    private let credentials: HTTPCredentials?
    private let token: [UInt8]

    package init(_ configuration: HTTPConfiguration) {
        root = configuration.root
        credentials = configuration.credentials
        token = configuration.credentials.map { Array(Base64.encode("\($0.user):\($0.password)").utf8) } ?? []
    }

    /// `nil`: its body is a JSON-RPC request. Else the answer.
    package func refusal(of question: HTTPQuestion) -> HTTPAnswer? {
        if let credentials, !isAuthorized(question.authorization) {
            return .reason(
                401, "name and password are wanted",
                field: HTTPAnswer.Field(
                    name: "WWW-Authenticate",
                    value: "Basic realm=\"\(Self.quoted(credentials.realm))\", charset=\"UTF-8\""))
        }
        guard let root, question.path == "/\(root)" || question.path == "/\(root)/" else {
            return HTTPAnswer(
                status: 400, contentType: "text/html",
                body: Array("<html><body>Unable to parse URL!</body></html>".utf8))
        }
        guard question.method == "POST" else {
            return .reason(
                405, "commands are called with POST", field: HTTPAnswer.Field(name: "Allow", value: "POST"))
        }
        guard Self.isJSON(question.contentType) else {
            return .reason(415, "the Content-Type must be application/json")
        }
        return question.body.isEmpty ? .reason(400, "the body is empty: a JSON-RPC request is expected") : nil
    }

    /// Whether the header has the one token that is right; takes the same time for every token of its length.
    private func isAuthorized(_ header: String?) -> Bool {
        guard let header else { return false }
        let parts = header.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "basic" else { return false }
        let given = Array(parts[1].utf8)
        guard given.count == token.count else { return false }
        return zip(given, token).reduce(0 as UInt8) { $0 | $1.0 ^ $1.1 } == 0
    }

    private static func isJSON(_ contentType: String?) -> Bool {
        let type = contentType?.prefix { $0 != ";" && $0 != " " }.lowercased()
        return type == "application/json"
    }

    private static func quoted(_ text: String) -> String {
        String(text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] })
    }
}
