package import JSONRPC

/// The words that a person types after a command's name, as parameters: all `name=value`, or all by position.
///
/// A value that is a whole number becomes one; one that is JSON text of an array, an object or a quoted string becomes
/// that (`"1001"` in quotes stays text); anything else is text.
package enum ManagementArguments {
    package struct Mixed: Error, Hashable, Sendable, CustomStringConvertible {
        package let word: String
        package var description: String {
            "'\(word)' does not go with the others: give all parameters as name=value, or all by position"
        }
    }

    package static func parameters(command: String, _ words: [String]) throws(Mixed) -> RPCParameters {
        guard !words.isEmpty else { return .none }
        var object = JSONObject()
        var values: [JSONValue] = []
        for word in words {
            if let (name, text) = split(word) {
                object.append(name, value(text))
            } else {
                values.append(value(word))
            }
            if !object.isEmpty, !values.isEmpty { throw Mixed(word: word) }
        }
        return object.isEmpty
            ? .positional(gathered(command, values)) : .named(gathered(command, object))
    }

    /// `name=value`, when what stands before the sign can be a parameter's name.
    private static func split(_ word: String) -> (String, String)? {
        guard let sign = word.firstIndex(of: "="), sign > word.startIndex else { return nil }
        let name = word[..<sign]
        guard name.utf8.allSatisfy({ FIFOFramer.isNameByte($0) && $0 != UInt8(ascii: ".") }) else { return nil }
        return (String(name), String(word[word.index(after: sign)...]))
    }

    private static func value(_ text: String) -> JSONValue {
        if let number = Int(text), String(number) == text { return .integer(number) }
        if let first = text.first, "[{\"".contains(first), let parsed = try? JSONParser.parse(text) { return parsed }
        return .string(text)
    }

    /// Commands whose last parameter is a list, and how many parameters stand before it.
    private static let lists: [String: Int] = [
        "statistics:get": 0, "get_statistics": 0, "statistics:list": 0, "list_statistics": 0, "statistics:reset": 0,
        "reset_statistics": 0, "evi:raise": 1, "raise_event": 1,
    ]

    /// `statistics:get tm: core:` gives one list of two.
    private static func gathered(_ command: String, _ values: [JSONValue]) -> [JSONValue] {
        guard let before = lists[command], values.count > before else { return values }
        if values.count == before + 1 {
            switch values[before] {
            case .array, .object: return values
            default: break
            }
        }
        return values.prefix(before) + [.array(Array(values.dropFirst(before)))]
    }

    /// The peer takes a list only, also of one.
    private static func gathered(_ command: String, _ object: JSONObject) -> JSONObject {
        guard lists[command] != nil, case .string(let text)? = object["statistics"] else { return object }
        var object = object
        object["statistics"] = [.string(text)]
        return object
    }
}
