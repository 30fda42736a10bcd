package import JSONRPC

/// The parameters of one call, already matched against a recipe of its command: what the recipe names is there.
package struct CommandCall: Sendable {
    /// The command's name as the caller wrote it.
    package let method: String
    /// The commands of the server that the call is for.
    package let registry: CommandRegistry
    private let values: JSONObject

    package init(method: String, values: JSONObject, registry: CommandRegistry = CommandRegistry()) {
        self.method = method
        self.values = values
        self.registry = registry
    }

    package func has(_ name: String) -> Bool { values[name] != nil }

    /// The value as given.
    package func value(_ name: String) -> JSONValue? { values[name] }

    /// Text; a number is taken as its digits, because many clients turn `1001` into a number.
    package func string(_ name: String) throws(RPCError) -> String {
        guard let text = try optionalString(name) else { throw Self.badType(name) }
        return text
    }

    package func optionalString(_ name: String) throws(RPCError) -> String? {
        switch values[name] {
        case nil: return nil
        case .string(let text)?: return text
        case .integer(let number)?: return String(number)
        default: throw Self.badType(name)
        }
    }

    /// A whole number; a string of digits is one too. `allowed` ends the error text, for example "0 to 3".
    package func integer(_ name: String, allowed: String? = nil) throws(RPCError) -> Int {
        guard let number = try optionalInteger(name, allowed: allowed) else {
            throw Self.badType(name, allowed: allowed)
        }
        return number
    }

    package func optionalInteger(_ name: String, allowed: String? = nil) throws(RPCError) -> Int? {
        switch values[name] {
        case nil: return nil
        case .integer(let number)?: return number
        case .string(let text)?:
            guard let number = Int(text) else { throw Self.badType(name, allowed: allowed) }
            return number
        default: throw Self.badType(name, allowed: allowed)
        }
    }

    /// A list of texts; a single text is a list of one.
    package func strings(_ name: String) throws(RPCError) -> [String] {
        guard case .array(let elements)? = values[name] else { return [try string(name)] }
        var texts: [String] = []
        for element in elements {
            switch element {
            case .string(let text): texts.append(text)
            case .integer(let number): texts.append(String(number))
            default: throw Self.badType(name)
            }
        }
        return texts
    }

    /// The error for a value of the wrong type, in the peer's words, and what is allowed.
    package static func badType(_ name: String, allowed: String? = nil) -> RPCError {
        .invalidParameters("Bad type for parameter '\(name)'" + (allowed.map { ": allowed is \($0)" } ?? ""))
    }
}

extension CommandCall {
    /// Matches what a caller gave against the recipes of a command: the parameters by name.
    ///
    /// Named parameters must be exactly the names of one recipe; parameters by position are told apart by their
    /// number alone, so that two recipes of the same length make such a call ambiguous.
    static func match(_ parameters: RPCParameters, recipes: [[String]]) throws(RPCError) -> JSONObject {
        switch parameters {
        case .none: try matchPositional([], recipes: recipes)
        case .positional(let values): try matchPositional(values, recipes: recipes)
        case .named(let object): try matchNamed(object, recipes: recipes)
        }
    }

    private static let wrongCount = RPCError.invalidParameters("Too few or too many parameters")

    private static func matchPositional(_ values: [JSONValue], recipes: [[String]]) throws(RPCError) -> JSONObject {
        let fitting = recipes.filter { $0.count == values.count }
        guard let recipe = fitting.first else { throw wrongCount }
        guard fitting.count == 1 else {
            throw RPCError.invalidParameters("Ambiguous call, use named parameters instead")
        }
        return JSONObject(zip(recipe, values).map { JSONObject.Member(key: $0, value: $1) })
    }

    private static func matchNamed(_ object: JSONObject, recipes: [[String]]) throws(RPCError) -> JSONObject {
        let fitting = recipes.filter { $0.count == object.count }
        guard !fitting.isEmpty else { throw wrongCount }
        let names = Set(object.members.map(\.key))
        guard fitting.contains(where: { Set($0) == names }) else {
            throw RPCError.invalidParameters("Named parameters do not match")
        }
        return object
    }
}
