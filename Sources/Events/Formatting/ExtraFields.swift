/// Fields of profiling events that the peer does not send: subscribers get those that they or a module parameter ask for.
package struct ExtraFields: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// At `start`: the session around this one.
    package static let parent = ExtraFields(rawValue: 1)
    /// At `start`: the session that this one goes on with.
    package static let link = ExtraFields(rawValue: 2)
    /// The Call-ID, from where it is known to the end of the session.
    package static let call = ExtraFields(rawValue: 4)
    /// Nanoseconds within the second, beside `usec`.
    package static let nsec = ExtraFields(rawValue: 8)
    package static let all: ExtraFields = [.parent, .link, .call, .nsec]

    private static let names: [(String, ExtraFields)] = [
        ("parent", .parent), ("link", .link), ("call", .call), ("nsec", .nsec), ("all", .all),
    ]

    /// What a list may hold, for messages.
    package static let allowed = "parent, link, call, nsec, or all"

    /// Reads names with commas or spaces between them; nothing is none. `nil`: a name that there is not.
    package init?(names text: String) {
        self = []
        for word in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let field = Self.names.first(where: { $0.0 == word }) else { return nil }
            formUnion(field.1)
        }
    }
}

/// How the events of a subscriber are written. Those who want the same share one text.
struct EventFormat: Hashable, Sendable {
    var fields: ExtraFields = []
    /// Stands in the place of the event's name.
    var method: String?
    /// The name of the parameter that holds the event's name; none without.
    var eventParameter: String?
}
