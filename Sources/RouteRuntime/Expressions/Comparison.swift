import Bytes
import Reactor
import RouteLanguage

/// Truth as the interpreter's condition register holds it.
enum Truth {
    static let yes: Int32 = 1
    static let no: Int32 = 0
    static let error: Int32 = -1

    static func of(_ truth: Bool) -> Int32 { truth ? yes : no }
}

/// The comparisons of the language: integers with integers, text with text (case aside), NULL by rule.
enum Comparison {
    /// `left op right`. NULL equals only NULL. `Truth.error` when the sides have no kind in common.
    static func compare(_ left: Value, _ right: Value, _ code: Int32) -> Int32 {
        if left.isNull || right.isNull { return null(left.isNull && right.isNull, code) }
        if let a = left.integer, let b = right.integer { return integers(a, b, code) }
        guard left.isText, right.isText, let a = left.text, let b = right.text else { return Truth.error }
        return texts(a, b, code)
    }

    /// When a side is NULL: unequal unless both are.
    static func null(_ bothNull: Bool, _ code: Int32) -> Int32 {
        switch ComparisonOperator(code: code) {
        case .equal, .matches: Truth.of(bothNull)
        case .notEqual, .matchesNot: Truth.of(!bothNull)
        default: Truth.no
        }
    }

    @inline(__always)
    static func integers(_ left: Int, _ right: Int, _ code: Int32) -> Int32 {
        switch code {
        case 0: Truth.of(left == right)
        case 1: Truth.of(left != right)
        case 2: Truth.of(left < right)
        case 3: Truth.of(left > right)
        case 4: Truth.of(left <= right)
        case 5: Truth.of(left >= right)
        default: Truth.error
        }
    }

    static func texts(_ left: ByteString, _ right: ByteString, _ code: Int32) -> Int32 {
        switch code {
        case 0: Truth.of(left.equalsIgnoringCase(right))
        case 1: Truth.of(!left.equalsIgnoringCase(right))
        default: integers(order(left, right), 0, code)
        }
    }

    /// Below 0, 0 or above 0, case aside.
    static func order(_ left: ByteString, _ right: ByteString) -> Int {
        for index in 0..<min(left.count, right.count) {
            let difference = Int(ASCII.lowercased(left[index])) - Int(ASCII.lowercased(right[index]))
            if difference != 0 { return difference }
        }
        return left.count - right.count
    }

    /// A value in a test of its own: NULL, empty text and 0 are false.
    static func test(_ value: Value) -> Int32 {
        switch value {
        case .null: Truth.no
        case .integer(let number), .decimal(let number), .both(_, let number): Truth.of(number != 0)
        case .string(let text): Truth.of(!text.isEmpty)
        }
    }

    /// `value == net` or `!=`. Text that is no address lies in no net.
    static func network(_ value: Value, _ network: BoundNetwork, _ code: Int32) -> Int32 {
        guard let text = value.text, let address = IPText.address(text) else { return null(false, code) }
        return self.network(address, network, code)
    }

    static func network(_ address: SocketAddress, _ network: BoundNetwork, _ code: Int32) -> Int32 {
        Truth.of(network.contains(address) == (code == ComparisonOperator.equal.code))
    }

    /// `value =~ pattern` or `!~`.
    static func match(_ value: Value, _ pattern: RegularExpression, _ code: Int32) -> Int32 {
        if value.isNull { return null(false, code) }
        guard value.isText, let text = value.text else { return Truth.error }
        let isMatch = pattern.matches(text)
        return Truth.of(code == ComparisonOperator.matches.code ? isMatch : !isMatch)
    }

    /// What a log line calls the kind of a value.
    static func kindName(_ value: Value) -> String {
        switch value {
        case .null: "NULL"
        case .integer: "an integer"
        case .string: "a string"
        case .decimal, .both: "an integer and a string"
        }
    }
}
