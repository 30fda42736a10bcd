package import Bytes

/// An address of record with its bindings, in the order in which `lookup()` offers them, and its key-value store.
package struct AddressRecord: Sendable {
    /// `user@domain`, or `user` when the domain is not used. Owns its bytes.
    package let aor: ByteString
    /// Ordered as `BindingOrder` says. May hold bindings that ended and were not swept yet.
    package internal(set) var bindings: [Binding] = []
    /// Values that the script attached to the address (`ul_add_key`).
    package internal(set) var values: [ByteString: ByteString] = [:]

    init(aor: ByteString) { self.aor = aor }

    /// The bindings in force at `now`, in order.
    package func validBindings(at now: Int) -> [Binding] {
        if bindings.allSatisfy({ $0.isValid(at: now) }) { return bindings }
        return bindings.filter { $0.isValid(at: now) }
    }

    /// Puts `binding` where `order` wants it. Bindings that are equal in rank keep the order in which they came.
    mutating func insert(_ binding: Binding, order: BindingOrder) {
        let place = bindings.firstIndex { order.precedes(binding, $0) } ?? bindings.endIndex
        bindings.insert(binding, at: place)
    }

    /// Moves the binding at `index` to its place after its rank changed.
    mutating func reorder(at index: Int, order: BindingOrder) {
        let binding = bindings[index]
        let isBehindPrevious = index == 0 || !order.precedes(binding, bindings[index - 1])
        let isBeforeNext = index + 1 == bindings.count || !order.precedes(bindings[index + 1], binding)
        if isBehindPrevious && isBeforeNext { return }
        bindings.remove(at: index)
        insert(binding, order: order)
    }
}

/// The order of the bindings of one address.
package enum BindingOrder: Sendable, Equatable {
    /// Highest q first; a contact without q is last.
    case quality
    /// Last written first (`desc_time_order` of usrloc).
    case newestFirst

    func precedes(_ a: Binding, _ b: Binding) -> Bool {
        switch self {
        case .quality: a.q > b.q
        case .newestFirst: a.lastModified > b.lastModified
        }
    }
}
