import Synchronization

/// A registered counter: its index in every process's cells.
package struct Counter: BitwiseCopyable, Hashable, Sendable {
    let index: Int
}

/// The server's figures by `group:name`: counters that processes add to without a lock, and gauges that are computed
/// when someone asks.
///
/// One per server. Registration and reading take a lock and may come from any thread; counting takes none. Reset never
/// writes to a process's cells: it remembers the sum as the new zero.
package final class Statistics: Sendable {
    /// Counters that may be registered; past it a registration answers with the counter `core:overflow`.
    package static let countersMax = 1024

    /// What `statistics:list` says of a figure.
    package enum Kind: String, Sendable {
        /// Only grows; `statistics:reset` puts it to 0.
        case incremental
        /// Goes up and down; a reset leaves it alone.
        case nonIncremental = "non-incremental"
    }

    package struct Value: Hashable, Sendable {
        package var group: String
        package var name: String
        package var value: Int
        package var kind: Kind
        package var fullName: String { "\(group):\(name)" }
    }

    private struct Entry {
        var group: String
        var name: String
        var kind: Kind
        var source: Source
        /// What it was at the last reset.
        var zero = 0
    }

    private enum Source {
        case counter(Counter)
        case gauge(@Sendable () -> Int)
    }

    private struct State {
        var entries: [Entry] = []
        var indexByName: [String: Int] = [:]
        var countersCount = 0
        var cells: [StatisticsCells]
    }

    private let state: Mutex<State>
    /// For threads that are not processes (collectors, signal handling); `add` is a locked addition here.
    package let shared: StatisticsCells

    package init() {
        shared = StatisticsCells(isShared: true)
        state = Mutex(State(cells: [shared]))
        _ = counter(group: "core", name: "overflow")
    }

    /// Cells for a new process. They live as long as the registry.
    package func makeCells() -> StatisticsCells {
        let cells = StatisticsCells(isShared: false)
        state.withLock { $0.cells.append(cells) }
        return cells
    }

    /// Registers a counter, or answers with the one of that name.
    package func counter(group: String, name: String, kind: Kind = .incremental) -> Counter {
        state.withLock { state in
            if let known = state.indexByName["\(group):\(name)"],
                case .counter(let counter) = state.entries[known].source
            {
                return counter
            }
            guard state.countersCount < Self.countersMax else { return Counter(index: 0) }
            let counter = Counter(index: state.countersCount)
            state.countersCount += 1
            Self.insert(Entry(group: group, name: name, kind: kind, source: .counter(counter)), into: &state)
            return counter
        }
    }

    /// Registers a figure that is computed on every read, on the reader's thread; replaces one of the same name.
    package func gauge(
        group: String, name: String, kind: Kind = .nonIncremental, _ read: @escaping @Sendable () -> Int
    ) {
        state.withLock { Self.insert(Entry(group: group, name: name, kind: kind, source: .gauge(read)), into: &$0) }
    }

    private static func insert(_ entry: Entry, into state: inout State) {
        let key = "\(entry.group):\(entry.name)"
        if let known = state.indexByName[key] {
            state.entries[known] = entry
        } else {
            state.indexByName[key] = state.entries.count
            state.entries.append(entry)
        }
    }

    /// The sum over all processes since the last reset.
    package func value(_ counter: Counter) -> Int {
        let (cells, zero) = state.withLock { state in
            let entry = state.entries.first { if case .counter(counter) = $0.source { true } else { false } }
            return (state.cells, entry?.zero ?? 0)
        }
        return cells.reduce(0) { $0 &+ $1.value(counter) } &- zero
    }

    /// What a selector names, in order of registration: `all`, `group:`, `group:name` or `name`. Unknown: nothing.
    package func select(_ selector: String) -> [Value] {
        let (entries, cells) = state.withLock { state in
            (state.entries.filter { Self.matches($0, selector) }, state.cells)
        }
        // Gauges run outside the lock: they may take their own.
        return entries.map { entry in
            Value(
                group: entry.group, name: entry.name, value: Self.read(entry, cells) &- entry.zero, kind: entry.kind)
        }
    }

    /// Puts the incremental figures that a selector names to 0: how many there were.
    @discardableResult
    package func reset(_ selector: String) -> Int {
        let (chosen, cells) = state.withLock { state in
            let chosen = state.entries.enumerated().filter {
                $0.element.kind == .incremental && Self.matches($0.element, selector)
            }
            return (chosen, state.cells)
        }
        // As in `select`: computed figures are read outside the lock. Entries never move.
        let sums = chosen.map { Self.read($0.element, cells) }
        state.withLock { state in
            for (place, sum) in zip(chosen, sums) { state.entries[place.offset].zero = sum }
        }
        return chosen.count
    }

    /// Since the start, not since the last reset.
    private static func read(_ entry: Entry, _ cells: [StatisticsCells]) -> Int {
        switch entry.source {
        case .counter(let counter): cells.reduce(0) { $0 &+ $1.value(counter) }
        case .gauge(let read): read()
        }
    }

    private static func matches(_ entry: Entry, _ selector: String) -> Bool {
        if selector == "all" { return true }
        if selector.hasSuffix(":") { return selector.dropLast() == entry.group }
        return selector == entry.name || selector == "\(entry.group):\(entry.name)"
    }
}
