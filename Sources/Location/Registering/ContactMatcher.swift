import Bytes
import SIPMessage

/// Finds the bindings that the Contacts of one REGISTER mean.
///
/// Runs under the lock of a shard. A Contact that a binding has byte for byte, as a refresh does, costs a walk over the bindings
/// and no allocation. The first one that none has makes an index of all bindings, each URI read once; from then on a Contact is
/// compared with those few that it may be equivalent to.
struct ContactMatcher {
    let matching: ContactMatching
    let callID: ByteString
    /// Bindings that ended before no longer count.
    let now: Int

    /// Bindings of one host, port and user that a Contact is compared with; those beyond are others. Equivalence asks for each
    /// parameter of each, so that without a bound a client could keep the lock for seconds.
    static let comparedMax = 16

    private var index: Index?

    /// Ids of bindings, in their order, by what they can be found by.
    private struct Index {
        private(set) var identities: [UInt64: ContactIdentity] = [:]
        private(set) var byKey: [UInt64: [UInt64]] = [:]
        private(set) var byParameter: [ByteString: [UInt64]] = [:]

        mutating func note(_ binding: Binding, _ matching: ContactMatching) {
            let identity = ContactIdentity(binding.contact)
            identities[binding.id] = identity
            Self.add(binding.id, to: &byKey[identity.key, default: []])
            guard case .parameter(let name) = matching, let value = identity.uri?.parameters.value(name) else { return }
            Self.add(binding.id, to: &byParameter[value, default: []])
        }

        private static func add(_ id: UInt64, to ids: inout [UInt64]) {
            if !ids.contains(id) { ids.append(id) }
        }
    }

    init(matching: ContactMatching, callID: ByteString, now: Int) {
        self.matching = matching
        self.callID = callID
        self.now = now
    }

    /// Index of the binding of `bindings` that `uri` means; nil when there is none. One that has it byte for byte goes before one
    /// that is equivalent.
    mutating func index(of uri: ByteString, in bindings: [Binding]) -> Int? {
        guard !bindings.isEmpty else { return nil }
        if let same = bindings.firstIndex(where: { counts($0) && $0.contact == uri }) { return same }
        let index = index ?? makeIndex(bindings)
        self.index = index
        let wanted = ContactIdentity(uri)
        let ids: [UInt64]
        if case .parameter(let name) = matching, let value = wanted.uri?.parameters.value(name) {
            ids = index.byParameter[value] ?? []
        } else {
            ids = (index.byKey[wanted.key] ?? []).prefix(Self.comparedMax).filter { id in
                index.identities[id].map { $0.isSame(as: wanted) } ?? false
            }
        }
        guard !ids.isEmpty else { return nil }
        return bindings.firstIndex { counts($0) && ids.contains($0.id) }
    }

    /// Takes note of a binding that was made or changed since.
    mutating func note(_ binding: Binding) { index?.note(binding, matching) }

    private func makeIndex(_ bindings: [Binding]) -> Index {
        var index = Index()
        for binding in bindings { index.note(binding, matching) }
        return index
    }

    private func counts(_ binding: Binding) -> Bool {
        binding.isValid(at: now) && (matching != .contactAndCallID || binding.callID == callID)
    }
}
