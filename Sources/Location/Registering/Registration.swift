import Bytes

/// RFC 3261 §10.3 on the bindings of one address: all updates of a REGISTER are made, or none.
///
/// A value without lock, clock or store: `LocationDomain` takes a record out, applies, and puts it back.
struct Registration {
    let request: RegistrationRequest
    let now: Int
    let order: BindingOrder
    /// The store's own bound on the bindings of an address.
    let bindingsMax: Int

    /// What the check of a request against the stored bindings found.
    enum Verdict: Equatable {
        case apply, retransmission
        case reject(RegistrationRejection)
    }

    /// Checks the order of Call-ID and CSeq (§10.3, steps 6 and 7) for every binding that the request touches.
    func verdict(on record: AddressRecord, _ matcher: inout ContactMatcher) -> Verdict {
        var verdict = Verdict.apply
        if request.isWildcard {
            for binding in record.bindings where binding.isValid(at: now) {
                verdict = merge(verdict, check(binding))
            }
            return verdict
        }
        for contact in request.contacts {
            guard let index = matcher.index(of: contact.uri, in: record.bindings) else { continue }
            verdict = merge(verdict, check(record.bindings[index]))
        }
        return verdict
    }

    /// Makes the updates. When it answers with a rejection, `record` is as it was but for bindings that had ended.
    func apply(
        to record: inout AddressRecord, _ matcher: inout ContactMatcher, changes: inout BindingChanges,
        nextID: () -> UInt64
    ) -> RegistrationRejection? {
        sweep(&record, changes: &changes)
        if request.isWildcard {
            for binding in record.bindings { changes.deleted(binding) }
            record.bindings = []
            return nil
        }
        let limit = request.rules.contactsMax > 0 ? min(request.rules.contactsMax, bindingsMax) : bindingsMax
        let before = record.bindings.count + request.contacts.count > limit ? record.bindings : nil
        for contact in request.contacts {
            let found = matcher.index(of: contact.uri, in: record.bindings)
            switch (found, contact.isRemoval) {
            case (let index?, true):
                changes.deleted(record.bindings.remove(at: index))
            case (let index?, false):
                record.bindings[index].refresh(from: contact, of: request, now: now)
                changes.updated(record.bindings[index])
                matcher.note(record.bindings[index])
                record.reorder(at: index, order: order)
            case (nil, true):
                break
            case (nil, false):
                let binding = Binding(id: nextID(), contact: contact, request: request, now: now)
                record.insert(binding, order: order)
                matcher.note(binding)
                changes.inserted(binding)
            }
        }
        guard record.bindings.count > limit else { return nil }
        if request.rules.replacesOldest, request.contacts.count <= limit {
            evictOldest(of: &record, to: limit, changes: &changes)
            return nil
        }
        record.bindings = before ?? record.bindings
        changes.forget()
        return .tooManyContacts(limit: limit)
    }

    /// Takes out what has ended.
    private func sweep(_ record: inout AddressRecord, changes: inout BindingChanges) {
        guard record.bindings.contains(where: { !$0.isValid(at: now) }) else { return }
        for binding in record.bindings where !binding.isValid(at: now) { changes.expired(binding) }
        record.bindings.removeAll { !$0.isValid(at: now) }
        changes.seal()
    }

    private func evictOldest(of record: inout AddressRecord, to limit: Int, changes: inout BindingChanges) {
        while record.bindings.count > limit {
            // The bindings of this very request carry `now` and the highest ids: they go last.
            var oldest = 0
            for index in record.bindings.indices {
                let (a, b) = (record.bindings[index], record.bindings[oldest])
                if (a.lastModified, a.id) < (b.lastModified, b.id) { oldest = index }
            }
            changes.deleted(record.bindings.remove(at: oldest))
        }
    }

    private func check(_ binding: Binding) -> Verdict {
        guard binding.callID == request.callID else { return .apply }
        if request.cseq > binding.cseq { return .apply }
        guard request.cseq == binding.cseq else { return .reject(.outOfOrder) }
        if now - binding.lastModified < request.rules.retransmissionSeconds { return .retransmission }
        return request.rules.acceptsDuplicateCSeq ? .apply : .reject(.outOfOrder)
    }

    private func merge(_ a: Verdict, _ b: Verdict) -> Verdict {
        switch (a, b) {
        case (.reject, _), (_, .apply): a
        case (_, .reject), (_, .retransmission): b
        }
    }
}

/// What a registration did to the bindings, in order: the source of events and statistics.
struct BindingChanges {
    enum Kind: Equatable { case inserted, updated, deleted, expired }

    private(set) var list: [(kind: Kind, binding: Binding)] = []
    private(set) var countDelta = 0
    private(set) var expiredCount = 0
    private var sealedLength = 0
    private var sealedDelta = 0
    /// Whether somebody wants the bindings themselves; counting goes on without.
    let isRecording: Bool

    init(isRecording: Bool) { self.isRecording = isRecording }

    mutating func inserted(_ binding: Binding) { note(.inserted, binding, delta: 1) }
    mutating func updated(_ binding: Binding) { note(.updated, binding, delta: 0) }
    mutating func deleted(_ binding: Binding) { note(.deleted, binding, delta: -1) }
    mutating func expired(_ binding: Binding) {
        expiredCount += 1
        note(.expired, binding, delta: -1)
    }

    /// What was noted so far stays, whatever comes.
    mutating func seal() {
        sealedLength = list.count
        sealedDelta = countDelta
    }

    /// Takes back what was noted since `seal`.
    mutating func forget() {
        list.removeSubrange(sealedLength...)
        countDelta = sealedDelta
    }

    private mutating func note(_ kind: Kind, _ binding: Binding, delta: Int) {
        countDelta += delta
        if isRecording { list.append((kind, binding)) }
    }
}
