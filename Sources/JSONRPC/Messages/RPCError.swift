/// The error of a reply (JSON-RPC 2.0 §5.1), or of a command: codes from 100 up are SIP-like and belong to the command.
package struct RPCError: Error, Hashable, Sendable {
    package var code: Int
    package var message: String
    /// What exactly is wrong and what is allowed, for a person to read; left out when `nil`.
    package var data: JSONValue?

    package init(code: Int, message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    package static let parseError = RPCError(code: -32700, message: "Parse error")
    package static let invalidRequest = RPCError(code: -32600, message: "Invalid Request")
    package static let methodNotFound = RPCError(code: -32601, message: "Method not found")
    package static let serverError = RPCError(code: -32000, message: "Server error")
    package static let methodAmbiguous = RPCError(code: -32001, message: "Method ambiguous")

    package static func invalidParameters(_ data: String) -> RPCError {
        RPCError(code: -32602, message: "Invalid params", data: .string(data))
    }

    package func with(data: String) -> RPCError { RPCError(code: code, message: message, data: .string(data)) }

    package var json: JSONObject {
        var object: JSONObject = ["code": .integer(code), "message": .string(message)]
        if let data { object.append("data", data) }
        return object
    }
}

extension RPCError: CustomStringConvertible {
    package var description: String {
        switch data {
        case nil: "\(message) (\(code))"
        case .string(let text)?: "\(message): \(text) (\(code))"
        case let other?: "\(message): \(other) (\(code))"
        }
    }
}
