/// One whole HTTP request, as far as management cares.
package struct HTTPQuestion: Hashable, Sendable {
    package var method: String
    /// Without what follows a question mark.
    package var path: String
    package var contentType: String?
    package var authorization: String?
    package var body: [UInt8]

    package init(
        method: String = "POST", path: String = "/mi", contentType: String? = "application/json",
        authorization: String? = nil, body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.contentType = contentType
        self.authorization = authorization
        self.body = body
    }
}

/// What is answered to it.
package struct HTTPAnswer: Hashable, Sendable {
    package var status: Int
    package var contentType: String?
    /// One more header field: `Allow`, `WWW-Authenticate`.
    package var field: Field?
    package var body: [UInt8]

    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: String
    }

    package init(status: Int, contentType: String? = nil, field: Field? = nil, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.field = field
        self.body = body
    }

    /// A line that says why.
    static func reason(_ status: Int, _ text: String, field: Field? = nil) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "text/plain", field: field, body: Array((text + "\n").utf8))
    }

    static let busy = reason(503, "too many requests are being carried out")
    static let ending = reason(503, "the server ends")
}
