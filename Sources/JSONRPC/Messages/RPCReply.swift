/// The answer to a request.
package struct RPCReply: Hashable, Sendable {
    package var outcome: Result<JSONValue, RPCError>
    /// The request's id; null when it could not be read.
    package var id: JSONValue

    package init(outcome: Result<JSONValue, RPCError>, id: JSONValue) {
        self.outcome = outcome
        self.id = id
    }

    package init(result: JSONValue, id: JSONValue) { self.init(outcome: .success(result), id: id) }
    package init(error: RPCError, id: JSONValue) { self.init(outcome: .failure(error), id: id) }

    package var json: JSONObject {
        switch outcome {
        case .success(let result): ["jsonrpc": "2.0", "result": result, "id": id]
        case .failure(let error): ["jsonrpc": "2.0", "error": .object(error.json), "id": id]
        }
    }

    package func serialized() -> [UInt8] { JSONValue.object(json).serialized() }

    /// Reads a reply; `nil` when the value has the shape of none.
    package init?(_ value: JSONValue) {
        guard case .object(let object) = value else { return nil }
        let id = object["id"] ?? .null
        if let result = object["result"], object["error"] == nil {
            self.init(result: result, id: id)
        } else if case .object(let error)? = object["error"], let code = error["code"]?.integerValue {
            let message = error["message"]?.stringValue ?? ""
            self.init(error: RPCError(code: code, message: message, data: error["data"]), id: id)
        } else {
            return nil
        }
    }
}

/// All that one request text is answered with: a reply, or those of a batch in the order of its calls.
package enum RPCAnswer: Hashable, Sendable {
    case reply(RPCReply)
    case batch([RPCReply])

    package func serialized() -> [UInt8] {
        switch self {
        case .reply(let reply): reply.serialized()
        case .batch(let replies): JSONValue.array(replies.map { .object($0.json) }).serialized()
        }
    }

    /// What is said instead when the answer itself can't be given.
    package func replaced(by error: RPCError) -> RPCAnswer {
        switch self {
        case .reply(let reply): .reply(RPCReply(error: error, id: reply.id))
        case .batch: .reply(RPCReply(error: error, id: .null))
        }
    }
}

/// An event as it goes over the wire: a call without id.
package struct RPCNotification: Hashable, Sendable {
    package var method: String
    package var parameters: RPCParameters

    package init(method: String, parameters: RPCParameters = .none) {
        self.method = method
        self.parameters = parameters
    }

    package func serialized() -> [UInt8] { RPCRequest(method: method, parameters: parameters).serialized() }

    /// Reads a notification; `nil` when the value has the shape of none. An `id` (reliable streams) is allowed.
    package init?(_ value: JSONValue) {
        guard case .object(let object) = value, case .string(let method)? = object["method"],
            let parameters = RPCParameters(object["params"])
        else { return nil }
        self.init(method: method, parameters: parameters)
    }
}
