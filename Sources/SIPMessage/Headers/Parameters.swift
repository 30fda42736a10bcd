package import Bytes

/// One `name=value` or `name`, as ranges into the storage that it was read from.
package struct Parameter: BitwiseCopyable, Hashable, Sendable {
    /// The name, as written.
    package let name: ByteRange
    /// The value, quotes included; empty when there is none.
    package let value: ByteRange
    /// Whether there is a `=`.
    package let hasValue: Bool

    /// From the first byte of the name to the last of the value.
    package var whole: ByteRange {
        ByteRange(lower: name.lower, upper: hasValue ? value.upper : name.upper)
    }
}

/// The parameters of a header value or URI, read when they are walked over. Names are compared without case.
///
/// A look-up walks from the start: linear, no allocation.
package struct Parameters: Sequence, Sendable {
    let storage: [UInt8]
    /// From the first separator to the end; empty when there are no parameters.
    package let range: ByteRange
    let separator: UInt8

    /// The parameters in `text`, which are separated by `separator` and may start with one.
    package init(_ text: ByteString, separator: UInt8 = ASCII.semicolon) {
        self.init(storage: text.storage, range: text.range, separator: separator)
    }

    init(storage: [UInt8], range: ByteRange, separator: UInt8 = ASCII.semicolon) {
        self.storage = storage
        self.range = range
        self.separator = separator
    }

    /// Whether there is nothing to walk over.
    package var isEmpty: Bool { range.isEmpty }
    /// The parameters as written, with the first separator.
    package var text: ByteString { ByteString(storage: storage, range: range) }

    package struct Iterator: IteratorProtocol {
        let parameters: Parameters
        var index: Int

        package mutating func next() -> Parameter? {
            var position = index
            defer { index = position }
            return parameters.storage.span.nextParameter(
                &position, parameters.range.end, separator: parameters.separator)
        }
    }

    package func makeIterator() -> Iterator { Iterator(parameters: self, index: range.start) }

    /// The first parameter with this name; nil when there is none.
    package func first(_ name: StaticString) -> Parameter? {
        let bytes = storage.span
        var index = range.start
        while let parameter = bytes.nextParameter(&index, range.end, separator: separator) {
            if bytes.equalsIgnoringCase(name, at: parameter.name.start, parameter.name.end) { return parameter }
        }
        return nil
    }

    /// The first parameter with this name; nil when there is none.
    @_disfavoredOverload
    package func first(_ name: ByteString) -> Parameter? {
        first { ByteString(storage: storage, range: $0.name).equalsIgnoringCase(name) }
    }

    /// Whether there is a parameter with this name.
    package func contains(_ name: StaticString) -> Bool { first(name) != nil }

    /// The value of the first parameter with this name, quotes included, empty when it has none; nil when there is no
    /// such parameter.
    package func value(_ name: StaticString) -> ByteString? {
        first(name).map { ByteString(storage: storage, range: $0.value) }
    }

    /// The value of the first parameter with this name, quotes included, empty when it has none; nil when there is no
    /// such parameter.
    @_disfavoredOverload
    package func value(_ name: ByteString) -> ByteString? {
        first(name).map { ByteString(storage: storage, range: $0.value) }
    }

    /// The name of `parameter`, which must be one of these.
    package func name(of parameter: Parameter) -> ByteString { ByteString(storage: storage, range: parameter.name) }

    /// The value of `parameter`, which must be one of these; quotes included.
    package func value(of parameter: Parameter) -> ByteString { ByteString(storage: storage, range: parameter.value) }
}

extension Span where Element == UInt8 {
    /// Reads the next parameter at or after `index` and moves `index` behind it; nil at the end. Empty parameters are
    /// stepped over.
    ///
    /// A quoted value without an end reaches the end.
    @inline(__always)
    func nextParameter(_ index: inout Int, _ end: Int, separator: UInt8) -> Parameter? {
        var position = index
        while position < end, self[position] == separator || ASCII.isWhitespace(self[position]) { position &+= 1 }
        guard position < end else {
            index = end
            return nil
        }
        let nameStart = position
        while position < end, self[position] != ASCII.equal, self[position] != separator { position &+= 1 }
        let name = ByteRange(nameStart, trimEnd(nameStart, position))
        guard position < end, self[position] == ASCII.equal else {
            index = position
            return Parameter(name: name, value: .empty, hasValue: false)
        }
        position = skipWhitespace(position &+ 1, end)
        let valueStart = position
        while position < end, self[position] != separator {
            if self[position] == ASCII.quote {
                position = skipQuoted(position, end) ?? end
            } else {
                position &+= 1
            }
        }
        index = position
        return Parameter(name: name, value: ByteRange(valueStart, trimEnd(valueStart, position)), hasValue: true)
    }
}

extension ByteString {
    /// The text of a quoted string without its quotes and backslashes; any other text unchanged. Allocates when there
    /// is a backslash.
    package func unquoted() -> ByteString {
        guard count >= 2, first == ASCII.quote, last == ASCII.quote else { return self }
        let inner = slice(1..<(count - 1))
        guard inner.contains(ASCII.backslash) else { return inner }
        var writer = ByteWriter(reserving: inner.count)
        var index = 0
        while index < inner.count {
            if inner[index] == ASCII.backslash, index + 1 < inner.count { index += 1 }
            writer.append(inner[index])
            index += 1
        }
        return writer.finishText()
    }

    /// As a quoted string: in quotes, with a backslash before each quote and backslash.
    package func quoted() -> ByteString {
        var writer = ByteWriter(reserving: count + 2)
        writer.append(ASCII.quote)
        for byte in elements {
            if byte == ASCII.quote || byte == ASCII.backslash { writer.append(ASCII.backslash) }
            writer.append(byte)
        }
        writer.append(ASCII.quote)
        return writer.finishText()
    }
}
