/// The published events by name and by number. Grows only; numbers are given in order of publishing.
struct EventCatalogue: Sendable {
    private(set) var names: [String] = []
    private var indexByName: [String: Int] = [:]
    let eventsMax: Int

    init(eventsMax: Int) { self.eventsMax = eventsMax }

    /// Adds an event or finds the one of that name; `nil` when the catalogue is full or the name is empty.
    mutating func publish(_ name: String) -> EventID? {
        if let known = indexByName[name] { return EventID(index: known) }
        guard names.count < eventsMax, !name.isEmpty else { return nil }
        indexByName[name] = names.count
        names.append(name)
        return EventID(index: names.count - 1)
    }

    func find(_ name: String) -> EventID? { indexByName[name].map { EventID(index: $0) } }

    func name(of event: EventID) -> String { names[event.index] }
}
