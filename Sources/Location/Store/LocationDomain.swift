package import Bytes
import Synchronization

/// One table of addresses of record, `location` as a rule, in memory.
///
/// Sharded by the hash of the address; one short lock per operation, none held while an observer runs. Budget of a
/// refresh that changes no text: one lock, no allocation beyond the list of bindings that is answered.
package final class LocationDomain: Sendable {
    package let name: ByteString
    package let order: BindingOrder
    package let limits: LocationLimits
    private let observer: LocationObserver
    private let shards: [Shard]
    private let addressCounter = Atomic<Int>(0)
    private let bindingCounter = Atomic<Int>(0)
    private let expiredCounter = Atomic<Int>(0)
    private let lastID = Atomic<UInt64>(0)

    /// Number of independently locked parts. A power of two.
    package static let shardCount = 64

    /// A part of the table. A class, because a `Mutex` cannot be an element of an array.
    private final class Shard: Sendable {
        let records = Mutex<[ByteString: AddressRecord]>([:])
    }

    init(name: ByteString, order: BindingOrder, limits: LocationLimits, observer: LocationObserver) {
        self.name = name
        self.order = order
        self.limits = limits
        self.observer = observer
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    // MARK: Figures

    /// Addresses in memory (`usrloc:users`).
    package var addressCount: Int { addressCounter.load(ordering: .relaxed) }
    /// Bindings in memory, the ended but unswept included (`usrloc:contacts`).
    package var bindingCount: Int { bindingCounter.load(ordering: .relaxed) }
    /// Bindings that ended without being refreshed (`usrloc:expires`).
    package var expiredCount: Int { expiredCounter.load(ordering: .relaxed) }
    /// Sets `expiredCount` to zero.
    package func resetExpiredCount() { expiredCounter.store(0, ordering: .relaxed) }

    // MARK: Registering

    /// Does what a REGISTER asks: all of it or nothing (RFC 3261 §10.3).
    package func register(_ request: RegistrationRequest, now: Int) -> RegistrationResult {
        guard request.contacts.count <= limits.contactsPerRequestMax else {
            return .rejected(.tooManyContacts(limit: limits.contactsPerRequestMax))
        }
        var matcher = ContactMatcher(matching: request.rules.matching, callID: request.callID, now: now)
        var changes = BindingChanges(isRecording: observer.isInterested())
        let registration = Registration(
            request: request, now: now, order: order, bindingsMax: limits.bindingsPerAddressMax)
        var created = false
        var emptied = false
        let result = shard(of: request.aor).records.withLock { records -> RegistrationResult in
            guard let slot = records.index(forKey: request.aor) else {
                return insertAddress(
                    for: registration, into: &records, &matcher, changes: &changes, created: &created)
            }
            switch registration.verdict(on: records.values[slot], &matcher) {
            case .reject(let reason): return .rejected(reason)
            case .retransmission: return .retransmission(bindings: records.values[slot].validBindings(at: now))
            case .apply: break
            }
            let reason = registration.apply(
                to: &records.values[slot], &matcher, changes: &changes, nextID: nextID)
            let bindings = records.values[slot].bindings
            // A request that is refused too may have found nothing but what had ended.
            if bindings.isEmpty {
                records.remove(at: slot)
                emptied = true
            }
            return reason.map { .rejected($0) } ?? .accepted(bindings: bindings)
        }
        settle(changes, aor: request.aor, created: created, emptied: emptied)
        return result
    }

    private func insertAddress(
        for registration: Registration, into records: inout [ByteString: AddressRecord],
        _ matcher: inout ContactMatcher,
        changes: inout BindingChanges, created: inout Bool
    ) -> RegistrationResult {
        let request = registration.request
        guard request.contacts.contains(where: { !$0.isRemoval }) else { return .accepted(bindings: []) }
        guard addressCount < limits.addressesMax else { return .rejected(.storeFull(limit: limits.addressesMax)) }
        var record = AddressRecord(aor: request.aor.compacted())
        if let reason = registration.apply(to: &record, &matcher, changes: &changes, nextID: nextID) {
            return .rejected(reason)
        }
        // Added and removed in one request: nothing stays.
        if record.bindings.isEmpty { return .accepted(bindings: []) }
        created = true
        records[record.aor] = record
        return .accepted(bindings: record.bindings)
    }

    // MARK: Reading

    /// The bindings of `aor` in force at `now`, in order; empty when there is none.
    package func bindings(of aor: ByteString, now: Int) -> [Binding] {
        shard(of: aor).records.withLock { $0[aor]?.validBindings(at: now) ?? [] }
    }

    /// Whether `aor` has a binding in force at `now`.
    package func isRegistered(_ aor: ByteString, now: Int) -> Bool {
        shard(of: aor).records.withLock { records in
            records[aor]?.bindings.contains { $0.isValid(at: now) } ?? false
        }
    }

    /// The whole record of `aor`, ended bindings included.
    package func record(of aor: ByteString) -> AddressRecord? {
        shard(of: aor).records.withLock { $0[aor] }
    }

    /// Calls `body` with the records of one shard after the other. A shard is copied, not locked, while `body` runs.
    package func forEachRecord(_ body: (AddressRecord) -> Void) {
        for shard in shards {
            let records = shard.records.withLock { Array($0.values) }
            for record in records { body(record) }
        }
    }

    // MARK: Removing

    /// Removes `aor` with all its bindings. False when it is not there.
    @discardableResult
    package func remove(_ aor: ByteString) -> Bool {
        removeBindings(of: aor) { _ in true } != nil
    }

    /// Removes the bindings of `aor` that `isWanted` picks. The number removed; nil when the address is not there.
    @discardableResult
    package func removeBindings(of aor: ByteString, where isWanted: (Binding) -> Bool) -> Int? {
        var changes = BindingChanges(isRecording: observer.isInterested())
        var emptied = false
        let count = shard(of: aor).records.withLock { records -> Int? in
            guard let slot = records.index(forKey: aor) else { return nil }
            let removed = Self.remove(from: &records.values[slot], where: isWanted) { changes.deleted($0) }
            if records.values[slot].bindings.isEmpty {
                records.remove(at: slot)
                emptied = true
            }
            return removed
        }
        settle(changes, aor: aor, created: false, emptied: emptied)
        return count
    }

    /// Removes the bindings of every address that `isWanted` picks. Walks the whole domain.
    @discardableResult
    package func removeBindings(where isWanted: (Binding) -> Bool) -> Int {
        var total = 0
        for index in shards.indices {
            total += sweep(shard: index, kind: { $0.deleted($1) }, where: isWanted)
        }
        return total
    }

    /// Takes the bindings that have ended at `now` out of one shard: the work of one tick of the usrloc timer.
    /// - Returns: how many were taken out.
    @discardableResult
    package func expire(shard index: Int, now: Int) -> Int {
        sweep(shard: index, kind: { $0.expired($1) }, where: { !$0.isValid(at: now) })
    }

    private func sweep(
        shard index: Int, kind note: (inout BindingChanges, Binding) -> Void, where isWanted: (Binding) -> Bool
    ) -> Int {
        let isRecording = observer.isInterested()
        var settled: [(BindingChanges, ByteString, Bool)] = []
        let total = shards[index].records.withLock { records -> Int in
            var total = 0
            let touched = records.values.filter { $0.bindings.contains(where: isWanted) }.map(\.aor)
            for aor in touched {
                guard let slot = records.index(forKey: aor) else { continue }
                var changes = BindingChanges(isRecording: isRecording)
                total += Self.remove(from: &records.values[slot], where: isWanted) { note(&changes, $0) }
                let emptied = records.values[slot].bindings.isEmpty
                if emptied { records.remove(at: slot) }
                settled.append((changes, aor, emptied))
            }
            return total
        }
        for (changes, aor, emptied) in settled { settle(changes, aor: aor, created: false, emptied: emptied) }
        return total
    }

    private static func remove(
        from record: inout AddressRecord, where isWanted: (Binding) -> Bool, note: (Binding) -> Void
    ) -> Int {
        var removed = 0
        record.bindings.removeAll { binding in
            guard isWanted(binding) else { return false }
            note(binding)
            removed += 1
            return true
        }
        return removed
    }

    // MARK: Values of an address

    /// Attaches `value` to `aor` under `key`; an empty value takes it away. False when the address is not there or holds
    /// as many values as it may.
    package func setValue(_ value: ByteString, forKey key: ByteString, of aor: ByteString) -> Bool {
        shard(of: aor).records.withLock { records in
            guard let slot = records.index(forKey: aor) else { return false }
            if value.isEmpty {
                records.values[slot].values[key] = nil
                return true
            }
            let isNew = records.values[slot].values[key] == nil
            guard !isNew || records.values[slot].values.count < limits.valuesPerAddressMax else { return false }
            records.values[slot].values[key.compacted()] = value.compacted()
            return true
        }
    }

    /// The value of `aor` under `key`.
    package func value(forKey key: ByteString, of aor: ByteString) -> ByteString? {
        shard(of: aor).records.withLock { $0[aor]?.values[key] }
    }

    // MARK: Inside

    private func shard(of aor: ByteString) -> Shard {
        // The dictionary of the shard hashes again with a seed, so chosen addresses cannot pile up in one bucket.
        shards[Int(truncatingIfNeeded: aor.stableHash() & UInt64(Self.shardCount - 1))]
    }

    private func nextID() -> UInt64 { lastID.wrappingAdd(1, ordering: .relaxed).newValue }

    private func settle(_ changes: BindingChanges, aor: ByteString, created: Bool, emptied: Bool) {
        if changes.countDelta != 0 { bindingCounter.wrappingAdd(changes.countDelta, ordering: .relaxed) }
        if changes.expiredCount != 0 { expiredCounter.wrappingAdd(changes.expiredCount, ordering: .relaxed) }
        if created { addressCounter.wrappingAdd(1, ordering: .relaxed) }
        if emptied { addressCounter.wrappingSubtract(1, ordering: .relaxed) }
        guard changes.isRecording else { return }
        let address = aor.compacted()
        if created { notify(.aorInsert, address, nil) }
        for (kind, binding) in changes.list {
            switch kind {
            case .inserted: notify(.contactInsert, address, binding)
            case .updated: notify(.contactUpdate, address, binding)
            case .deleted, .expired: notify(.contactDelete, address, binding)
            }
        }
        if emptied { notify(.aorDelete, address, nil) }
    }

    private func notify(_ kind: LocationEvent.Kind, _ aor: ByteString, _ binding: Binding?) {
        observer.notify(LocationEvent(kind: kind, domain: name, aor: aor, binding: binding))
    }
}
