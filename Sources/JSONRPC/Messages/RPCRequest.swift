/// What a call hands to its command.
package enum RPCParameters: Hashable, Sendable {
    case none
    case positional([JSONValue])
    case named(JSONObject)

    package var json: JSONValue? {
        switch self {
        case .none: nil
        case .positional(let values): .array(values)
        case .named(let object): .object(object)
        }
    }

    package init?(_ json: JSONValue?) {
        switch json {
        case nil, .null: self = .none
        case .array(let values): self = .positional(values)
        case .object(let object): self = .named(object)
        default: return nil
        }
    }
}

/// A call: a request when it has an `id`, else a notification, which is carried out and never answered.
package struct RPCRequest: Hashable, Sendable {
    package var method: String
    package var parameters: RPCParameters
    /// A string, a number or null; `nil` makes the call a notification.
    package var id: JSONValue?

    package init(method: String, parameters: RPCParameters = .none, id: JSONValue? = nil) {
        self.method = method
        self.parameters = parameters
        self.id = id
    }

    package var isNotification: Bool { id == nil }

    package var json: JSONObject {
        var object: JSONObject = ["jsonrpc": "2.0", "method": .string(method)]
        if let parameters = parameters.json { object.append("params", parameters) }
        if let id { object.append("id", id) }
        return object
    }

    package func serialized() -> [UInt8] { JSONValue.object(json).serialized() }
}

/// What a text that arrived at a server is.
package enum RPCIncoming: Hashable, Sendable {
    case call(RPCRequest)
    /// Not a call; the reply says why. Such a text is answered even without an `id` (JSON-RPC 2.0 §5).
    case refused(RPCReply)
    /// Several at once (JSON-RPC 2.0 §6), at least one; none of them is a batch.
    case batch([RPCIncoming])

    /// Calls that one batch may hold.
    package static let batchCallsMax = 100

    /// Classifies a text: never fails, whatever the bytes are.
    package static func classify(_ bytes: [UInt8], limits: JSONLimits = .default) -> RPCIncoming {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes, limits: limits)
        } catch {
            // What was not read may well be JSON.
            let kind = error.reason == .tooLong ? RPCError.invalidRequest : .parseError
            return .refused(RPCReply(error: kind.with(data: error.description), id: .null))
        }
        guard case .array(let calls) = value else { return classify(value) }
        guard !calls.isEmpty else { return refused("the batch is empty") }
        guard calls.count <= batchCallsMax else {
            return refused("the batch holds \(calls.count) calls, \(batchCallsMax) are possible")
        }
        return .batch(calls.map(classify))
    }

    private static func classify(_ value: JSONValue) -> RPCIncoming {
        guard case .object(let object) = value else { return refused("a JSON object is expected") }
        return classify(object)
    }

    private static func refused(_ reason: String) -> RPCIncoming {
        .refused(RPCReply(error: .invalidRequest.with(data: reason), id: .null))
    }

    private static func classify(_ object: JSONObject) -> RPCIncoming {
        let id = object["id"]
        switch id {
        case nil, .null, .string, .integer, .double: break
        default: return .refused(RPCReply(error: .invalidRequest, id: .null))
        }
        guard object["jsonrpc"] == "2.0", case .string(let method)? = object["method"], !object.hasDuplicateKeys,
            let parameters = RPCParameters(object["params"])
        else { return .refused(RPCReply(error: .invalidRequest, id: id ?? .null)) }
        return .call(RPCRequest(method: method, parameters: parameters, id: id))
    }
}
