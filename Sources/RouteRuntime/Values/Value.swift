package import Bytes

/// What a script expression or variable yields: nothing, an integer, text, or something that is both at once.
///
/// The distinction matters to scripts: integers compare with integers and text with text, and a value of both kinds
/// (`$rp`, `$rs`, a number in an AVP) compares with either. 25 bytes, no allocation of its own.
package enum Value: Sendable {
    case null
    /// An integer only, such as `$var(n)` after `$var(n) = 5`.
    case integer(Int)
    case string(ByteString)
    /// An integer that also answers as its decimal text. The text is made when somebody asks for it.
    case decimal(Int)
    /// Text that also has an integer value, such as a flag: `"true"` and 1.
    case both(ByteString, Int)
}

extension Value {
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The integer, when the value has one. Text that merely looks like a number has none.
    package var integer: Int? {
        switch self {
        case .integer(let number), .decimal(let number), .both(_, let number): number
        case .null, .string: nil
        }
    }

    /// True when the value answers as text in a comparison.
    package var isText: Bool {
        switch self {
        case .string, .decimal, .both: true
        case .null, .integer: false
        }
    }

    /// True when `+` treats the value as a number.
    package var isNumber: Bool {
        switch self {
        case .integer, .decimal, .both: true
        case .null, .string: false
        }
    }

    /// The value as text, integers in decimal. `nil` for NULL. Allocates for integers.
    package var text: ByteString? {
        switch self {
        case .null: nil
        case .string(let text), .both(let text, _): text
        case .integer(let number), .decimal(let number): ByteString(decimal: number)
        }
    }

    /// What the value prints as in a format string: its text, or `<null>`.
    package var printed: ByteString { text ?? "<null>" }

    package init(_ text: ByteString?) {
        self = text.map(Value.string) ?? .null
    }

    /// A truth value as flags and `$msg.is_request` show it: 1/"true" or 0/"false".
    package init(flag: Bool) {
        self = flag ? .both("true", 1) : .both("false", 0)
    }
}

extension Value: Equatable {
    package static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.null, _), (_, .null): false
        default: left.integer == right.integer && left.isText == right.isText && left.text == right.text
        }
    }
}
