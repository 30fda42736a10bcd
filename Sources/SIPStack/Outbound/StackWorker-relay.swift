import Bytes
import SIPMessage
import SIPTransaction
import SIPTransport

extension StackWorker {
    /// Adds branches to a transaction and sends the first group of them.
    ///
    /// Places are taken under the lock, the requests written without it, then all is started under it again.
    package func relay(_ transaction: Transaction, _ outgoing: [OutgoingBranch]) -> RelayOutcome {
        guard let request = transaction.originalRequest else { return .noBranch }
        var loop: UInt64?
        if outgoing.count > 1, transaction.isServer {
            let mark = loopMark(of: request)
            if wasForkedHere(request, mark: mark) { return .loop }
            loop = mark
        }
        let (indexes, headers) = reserve(transaction, outgoing, loop: loop)
        let observers = transaction.currentObservers
        guard !indexes.isEmpty else { return .noBranch }
        // What can't be written has no listener to leave from.
        var refused: BranchSet = []
        for (index, branch) in zip(indexes, outgoing) {
            guard
                let written = write(
                    request, transaction, branch, index: index, headers: headers, loop: loop, observers: observers)
            else {
                refused.insert(BranchSet(index))
                continue
            }
            // Nobody looks at a branch that was not started.
            transaction.lock.withLock {
                transaction.branches[index].request = written.bytes
                transaction.branches[index].destination = written.destination
            }
        }
        var effects = Effects()
        transaction.lock.lock()
        refused.forEach { index in
            _ = transaction.branches[index].machine.transportFailed()
            transaction.branches[index].sendFailed = true
        }
        let step = transaction.fork.start(without: refused)
        if step.actions.contains(.complete) { transaction.isCompletionDue = true }
        effects.cancelled = step.cancelled
        start(step.started, transaction, &effects)
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction)
        return finishRelay(transaction, from: indexes.lowerBound)
    }

    /// How it went: failed if every branch from the first on was refused by the network or the system at once.
    private func finishRelay(_ transaction: Transaction, from first: Int) -> RelayOutcome {
        var outcome = RelayOutcome.sent
        var completes = false
        step(transaction) { transaction, _ in
            transaction.relaysUnderWay -= 1
            let isRefused = transaction.branches[first...].allSatisfy(\.sendFailed)
            if isRefused { outcome = .failed }
            completes = transaction.isCompletionDue && !isRefused
            // The caller learns it, and answers or gives up: if it was asked what to do, it still is.
            if transaction.isCompletionDue, isRefused { transaction.fork.withdrawDecision() }
            transaction.isCompletionDue = false
        }
        if completes { complete(transaction) }
        return outcome
    }

    private func reserve(
        _ transaction: Transaction, _ outgoing: [OutgoingBranch], loop: UInt64?
    ) -> (Range<Int>, ByteString) {
        transaction.lock.lock()
        defer { transaction.lock.unlock() }
        guard !transaction.isOver else { return (0..<0, .empty) }
        let first = transaction.branches.count
        transaction.branches.reserveCapacity(transaction.branches.count + outgoing.count)
        for branch in outgoing {
            guard transaction.branches.count < configuration.branchesMax, let first = branch.destinations.first,
                transaction.fork.add(group: branch.group, isMinor: branch.isMinor) != nil
            else { break }
            transaction.branches.append(
                Branch(
                    machine: ClientMachine(isInvite: transaction.isInvite, isReliable: first.transport.isReliable),
                    request: [], destination: first, failover: Failover(branch, loop: loop),
                    requestURI: branch.requestURI, user: branch.user))
        }
        let indexes = first..<transaction.branches.count
        // Until `finishRelay` the transaction does not end, so the places stay.
        if !indexes.isEmpty { transaction.relaysUnderWay += 1 }
        return (indexes, transaction.extraHeaders)
    }

    private func write(
        _ request: Message, _ transaction: Transaction, _ branch: OutgoingBranch, index: Int, headers: ByteString,
        loop: UInt64?, observers: [any TransactionObserver]
    ) -> (bytes: [UInt8], destination: Destination)? {
        var destination = branch.destinations[0]
        guard
            let socket = listener(
                for: destination, chosen: branch.socket, inbound: transaction.replyDestination.socket)
        else { return nil }
        destination.socket = socket
        let id = branchID(transaction, index, loop: loop)
        var edits = branch.edits
        if !observers.isEmpty {
            let relayed = RelayedBranch(
                transaction: transaction, request: request, index: index, branch: branch, socket: socket)
            for observer in observers { observer.relaying(relayed, &edits, self) }
        }
        let bytes = makeRequest(
            request, edits: edits, requestURI: branch.requestURI,
            source: transaction.isServer ? transaction.source : nil, forcesRport: transaction.forcesRport,
            onStream: socket.transport.isReliable,
            via: { writer in
                Self.writeVia(
                    &writer, socket: socket, host: branch.viaHost, port: branch.viaPort,
                    asksForRport: branch.asksForRport
                ) { id.write(to: &$0) }
            }, extraHeaders: headers)
        return (bytes, destination)
    }

    func branchID(_ transaction: Transaction, _ index: Int, loop: UInt64? = nil) -> BranchID {
        BranchID(
            boot: stack.boot, place: transaction.place, serial: transaction.serial,
            index: UInt8(truncatingIfNeeded: index), loop: loop)
    }

    /// Starts branches. With the transaction's lock held.
    func start(_ set: BranchSet, _ transaction: Transaction, _ effects: inout Effects) {
        set.forEach { index in
            let step = transaction.branches[index].machine.start(transaction.settings)
            transaction.branches[index].deadlines.apply(
                retransmission: step.retransmission, lifetime: step.lifetime, now: now)
            transaction.branches[index].sendings = 1
            effects.send(transaction.branches[index].request, transaction.branches[index].destination, branch: index)
        }
    }

    /// The network, or the system, refuses a branch's request.
    func transportFailed(_ transaction: Transaction, branch index: Int) {
        var failed = false
        step(transaction) { transaction, effects in
            guard transaction.branches.indices.contains(index) else { return }
            let step = transaction.branches[index].machine.transportFailed()
            transaction.branches[index].deadlines.apply(
                retransmission: step.retransmission, lifetime: step.lifetime, now: now)
            failed = step.actions.contains(.transportFailed)
            if failed { transaction.branches[index].sendFailed = true }
        }
        if failed { branchFailed(transaction, branch: index, status: 503) }
    }

    /// A branch ended without a response: its next address is tried, or the response context is told.
    func branchFailed(_ transaction: Transaction, branch index: Int, status: Int) {
        if failOver(transaction, branch: index, isRefused: false) { return }
        step(transaction) { transaction, effects in
            let step = transaction.fork.fail(status: status, branch: index)
            effects.fork = step.actions
            if transaction.relaysUnderWay > 0, effects.fork.contains(.complete) {
                effects.fork.remove(.complete)
                transaction.isCompletionDue = true
            }
            effects.cancelled = step.cancelled
            start(step.started, transaction, &effects)
        }
    }

    /// Sends a branch's request to its next address, as a new branch (RFC 3263 §4.3). False when there is none, when the branch is
    /// being cancelled, or when failover is switched off.
    ///
    /// - Parameter isRefused: by a 503; else the branch failed without one, and goes elsewhere only if nothing at all has come from
    ///   there: who has rung is not rung at its neighbour's.
    func failOver(_ transaction: Transaction, branch index: Int, isRefused: Bool) -> Bool {
        transaction.lock.lock()
        guard !transaction.isOver, transaction.usesFailover, transaction.fork.phase == .collecting,
            !transaction.fork.isCancelled, let failover = transaction.branches[index].failover,
            transaction.fork.status(of: index) < (isRefused ? 200 : 1), let new = transaction.fork.replace(index)
        else {
            transaction.lock.unlock()
            return false
        }
        let old = transaction.branches[index]
        var next = failover.next
        transaction.branches.append(
            Branch(
                machine: ClientMachine(isInvite: transaction.isInvite, isReliable: next.transport.isReliable),
                request: [], destination: next, failover: failover.rest, requestURI: old.requestURI, user: old.user))
        transaction.lock.unlock()

        next.socket = listener(for: next, chosen: failover.socket, inbound: transaction.replyDestination.socket)
        let id = branchID(transaction, new, loop: failover.loop)
        let bytes = next.socket.flatMap { replaceVia(in: old.request, socket: $0, failover, id) }
        let destination = next
        var isWritten = false
        step(transaction) { transaction, effects in
            guard let bytes else {
                _ = transaction.branches[new].machine.transportFailed()
                transaction.branches[new].sendFailed = true
                return
            }
            isWritten = true
            transaction.branches[new].request = bytes
            transaction.branches[new].destination = destination
            start(BranchSet(new), transaction, &effects)
        }
        if !isWritten { branchFailed(transaction, branch: new, status: 503) }
        return true
    }

    /// The request of a branch with another Via of ours on top.
    private func replaceVia(
        in request: [UInt8], socket: ListenSocket, _ failover: Failover, _ id: BranchID
    ) -> [UInt8]? {
        guard let sent = try? Message.parse(request, limits: StackConfiguration.limits),
            let field = sent.first(.via)
        else { return nil }
        let asksForRport = sent.topVia?.hasRport ?? false
        var writer = ByteWriter(reserving: 128)
        Self.writeVia(
            &writer, socket: socket, host: failover.viaHost, port: failover.viaPort, asksForRport: asksForRport
        ) { id.write(to: &$0) }
        var edits = MessageEdits()
        edits.replace(field.line, with: writer.finishText())
        return edits.apply(to: sent, onStream: socket.transport.isReliable)
    }
}
