import Bytes

/// The fields that a script adds to accounting records: `extra_fields` and `leg_fields`.
struct AccFields: Sendable {
    /// A backend of records.
    enum Backend: Sendable, Equatable {
        case log, event
        /// Of the peer, not here: the script may set the values, nothing writes them.
        case missing
    }

    struct Field: Sendable {
        let backend: Backend
        /// Index of the tag.
        let tag: Int
        /// Name in the record.
        let name: ByteString
    }

    /// What scripts call the values.
    private(set) var tags: [ByteString] = []
    private(set) var fields: [Field] = []
    /// Backends that the definitions name and SIPRay does not have.
    private(set) var missing: [String] = []

    /// Reads definitions such as `log: a -> name; b`. One without a backend is for events.
    init(_ definitions: [ByteString], parameter: String) throws(ModuleError) {
        for definition in definitions {
            var backend = Backend.event
            var rest = definition
            if let colon = definition.first(of: ASCII.colon) {
                let word = definition.prefix(colon).trimmed()
                if word.equalsIgnoringCase("log") {
                    backend = .log
                } else if word.equalsIgnoringCase("db") || word.equalsIgnoringCase("aaa") {
                    backend = .missing
                    missing.append("\(word)")
                } else if !word.equalsIgnoringCase("evi") {
                    throw ModuleError(
                        "acc", parameter, definition, "SIPRay has no backend \"\(word)\"; use log or evi")
                }
                rest = definition.dropFirst(colon + 1)
            }
            for part in rest.split(at: ASCII.semicolon).map({ $0.trimmed() }) where !part.isEmpty {
                let arrow = part.first(of: "->")
                let tag = arrow.map { part.prefix($0).trimmed() } ?? part
                let name = arrow.map { part.dropFirst($0 + 2).trimmed() } ?? part
                guard !tag.isEmpty, !name.isEmpty else { throw ModuleError.value("acc", parameter, definition) }
                fields.append(Field(backend: backend, tag: index(of: tag), name: name.compacted()))
            }
        }
    }

    func tag(_ name: ByteString) -> Int? { tags.firstIndex(of: name) }

    func fields(of backend: Backend) -> [Field] { fields.filter { $0.backend == backend } }

    private mutating func index(of tag: ByteString) -> Int {
        if let known = tags.firstIndex(of: tag) { return known }
        tags.append(tag.compacted())
        return tags.count - 1
    }
}
