package import Bytes

extension Message {
    /// The header fields in the order received.
    package struct Headers: RandomAccessCollection, Sendable {
        let storage: MessageStorage

        package var startIndex: Int { 0 }
        package var endIndex: Int { storage.head.count }
        package subscript(index: Int) -> HeaderField {
            precondition(index >= 0 && index < storage.head.count, "Message.Headers: index out of range")
            return storage.head[index]
        }
    }

    /// The fields with one id in the order received.
    package struct HeaderMatches: Sequence, IteratorProtocol, Sendable {
        let storage: MessageStorage
        let id: HeaderID
        var index: Int?

        package mutating func next() -> HeaderField? {
            guard let found = index else { return nil }
            index = storage.head.nextIndex(id, from: found + 1)
            return storage.head[found]
        }
    }

    /// All header fields.
    package var headers: Headers { Headers(storage: storage) }

    /// Whether there is a field with `id`: one test of a bit.
    package func contains(_ id: HeaderID) -> Bool { storage.head.contains(id) }

    /// The first field with `id`; nil when there is none.
    package func first(_ id: HeaderID) -> HeaderField? {
        guard let index = storage.head.firstIndex(id) else { return nil }
        return storage.head[index]
    }

    /// The last field with `id`; nil when there is none.
    package func last(_ id: HeaderID) -> HeaderField? {
        guard contains(id) else { return nil }
        return headers.last { $0.id == id }
    }

    /// All fields with `id`. For `.other` these are all fields whose name is not known.
    package func all(_ id: HeaderID) -> HeaderMatches {
        HeaderMatches(storage: storage, id: id, index: storage.head.firstIndex(id))
    }

    /// The first field with this name, in any case or compact form; nil when there is none.
    package func first(named name: ByteString) -> HeaderField? {
        let id = HeaderID(name: name)
        if id != .other { return first(id) }
        return all(.other).first { text($0.name).equalsIgnoringCase(name) }
    }

    /// All fields with this name, in any case or compact form. Allocates an array.
    package func all(named name: ByteString) -> [HeaderField] {
        let id = HeaderID(name: name)
        return all(id).filter { id != .other || text($0.name).equalsIgnoringCase(name) }
    }

    /// How many fields have `id`.
    package func count(of id: HeaderID) -> Int {
        var count = 0
        for _ in all(id) { count += 1 }
        return count
    }

    /// The value of `field`, trimmed, folding left in.
    package func value(of field: HeaderField) -> ByteString { text(field.value) }

    /// The value of the first field with `id`; nil when there is none.
    package func value(_ id: HeaderID) -> ByteString? {
        guard let field = first(id) else { return nil }
        return text(field.value)
    }

    /// The value of `field` with each fold replaced by one space; allocates only when it is folded.
    package func unfoldedValue(of field: HeaderField) -> ByteString {
        let value = text(field.value)
        return field.isFolded ? value.unfolded() : value
    }
}

extension ByteString {
    /// With each line fold and the white space around it replaced by one space (RFC 3261 §7.3.1). Allocates when
    /// there is a fold.
    package func unfolded() -> ByteString {
        guard contains(ASCII.lineFeed) || contains(ASCII.carriageReturn) else { return self }
        var writer = ByteWriter(reserving: count)
        var index = 0
        while index < count {
            guard ASCII.isWhitespace(self[index]) else {
                writer.append(self[index])
                index += 1
                continue
            }
            let start = index
            var isFold = false
            while index < count, ASCII.isWhitespace(self[index]) {
                isFold = isFold || self[index] == ASCII.lineFeed || self[index] == ASCII.carriageReturn
                index += 1
            }
            if isFold { writer.append(ASCII.space) } else { writer.append(slice(start..<index)) }
        }
        return writer.finishText()
    }
}
