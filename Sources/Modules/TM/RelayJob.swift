import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

/// One `t_relay()`: branch by branch its route and its destination, then everything is sent.
///
/// Lives until the function has its result; may wait for branch routes that suspend and for DNS.
final class RelayJob {
    private let host: ScriptHost
    private let worker: StackWorker
    private let run: ScriptRun
    private let context: MessageContext
    private let state: TMState
    private let transaction: Transaction
    /// `t_relay()` made the transaction, so it answers when nothing can be sent.
    private let answersFailure: Bool
    private let proxy: ResolveQuery?
    private let branches: [ScriptBranch]
    private let firstIndex: Int
    private var next = 0
    private var outgoing: [OutgoingBranch] = []
    private var failure: Int32 = RelayCode.noDestination
    /// The branches come from outside of the transaction's own routes (`t_inject_branches`).
    var injection: Injection?

    struct Injection {
        /// No others will follow.
        let isLast: Bool
    }

    init(
        host: ScriptHost, worker: StackWorker, run: ScriptRun, state: TMState, transaction: Transaction,
        answersFailure: Bool, proxy: ResolveQuery?, branches: [ScriptBranch]
    ) {
        self.host = host
        self.worker = worker
        self.run = run
        context = run.context
        self.state = state
        self.transaction = transaction
        self.answersFailure = answersFailure
        self.proxy = proxy
        self.branches = branches
        firstIndex = transaction.branchCount
    }

    /// Goes on with the next branch; all are sent when none is left. A branch has the number that it will have in the transaction:
    /// none is lost on one that its route dropped, or that leads nowhere.
    func start() -> Outcome {
        let route = state.values.branchRoute
        while next < branches.count {
            let branch = context.copyForBranch(branches[next], index: firstIndex + outgoing.count)
            next += 1
            guard let route else {
                if let waiting = locate(branch) { return waiting }
                continue
            }
            return .run(TopRoute(route, as: .branch, on: branch)) { [self] _, result in
                if !result.isDropped, let waiting = locate(branch) { return waiting }
                return start()
            }
        }
        return send()
    }

    /// Finds where a branch goes. nil: that is settled; else the script waits for DNS.
    private func locate(_ branch: MessageContext) -> Outcome? {
        guard let query = query(branch) else {
            failure = RelayCode.badDestination
            return nil
        }
        if let destination = worker.locateNow(query) {
            take(.success([destination]), branch)
            return nil
        }
        var answer: Result<[Destination], NextHopError>?
        var resumption: Resumption?
        worker.locate(query) { [self] result in
            guard let resumption else {
                answer = result
                return
            }
            guard resumption.isWanted else { return }
            take(result, branch)
            let outcome = start()
            // The script waits on: for the name of another branch now.
            if case .suspended = outcome { return }
            resumption.resume(outcome)
        }
        guard let answer else {
            resumption = run.wait { [self] in giveUp() }
            return .suspended
        }
        take(answer, branch)
        return nil
    }

    /// Nobody waits for the destinations any more, or too many scripts wait: nothing is sent.
    private func giveUp() {
        if let injection { worker.noteInjected(transaction, count: 0, isLast: injection.isLast) }
        guard answersFailure else { return }
        worker.reply(transaction, status: 503, reason: "Service Unavailable")
    }

    private func query(_ branch: MessageContext) -> ResolveQuery? {
        if let uri = branch.destinationURI, !uri.isEmpty { return StackWorker.query(for: uri) }
        if let proxy { return proxy }
        if let path = branch.path, let first = path.firstListElement.flatMap({ NameAddress($0) }) {
            return StackWorker.query(for: first.uriText)
        }
        return StackWorker.query(for: branch.requestURI)
    }

    private func take(_ result: Result<[Destination], NextHopError>, _ branch: MessageContext) {
        guard case .success(let found) = result, !found.isEmpty else {
            failure = RelayCode.badDestination
            return
        }
        let isFiltered = found.contains { host.isBlocked($0, branch) }
        var destinations = isFiltered ? found.filter { !host.isBlocked($0, branch) } : found
        guard !destinations.isEmpty else {
            failure = RelayCode.filtered
            return
        }
        // Known only now: what modules add when a request leaves, such as Record-Route, names the listener.
        let (chosen, inbound) = (host.socket(branch.socketOut), host.socket(branch.socketIn))
        var listener = worker.listener(for: destinations[0], chosen: chosen, inbound: inbound)
        if listener == nil, destinations.count > 1 {
            // An address of a family or transport without a listener is no hindrance if another has one.
            let usable = destinations.filter { worker.listener(for: $0, chosen: chosen, inbound: inbound) != nil }
            if let first = usable.first {
                destinations = usable
                listener = worker.listener(for: first, chosen: chosen, inbound: inbound)
            }
        }
        if branch.branchFlags & host.connectionFlags.branchMask != 0 {
            for index in destinations.indices { destinations[index].reusesOnly = true }
        }
        let edits = host.scriptSocket(listener).map { branch.edits(for: $0) } ?? branch.edits
        var out = OutgoingBranch(requestURI: branch.requestURI, destinations: destinations, edits: edits)
        if let path = branch.path, !path.isEmpty { out.edits.addRoute(path, to: branch.message) }
        host.propagate(context.records, branch.message, &out.edits)
        out.socket = chosen
        out.isMinor = branch.branchFlags & host.parameters.minorBranchMask != 0
        out.asksForRport = branch.addLocalRport
        out.viaHost = branch.advertisedAddress
        out.viaPort = branch.advertisedPort
        let scriptBranch = ScriptBranch(
            uri: branch.requestURI, destinationURI: branch.destinationURI, path: branch.path, q: branch.q,
            flags: branch.branchFlags, socket: branch.socketOut)
        out.user = TMBranch(
            scriptBranch, flags: branch.branchFlags, attributes: branch.branchAttributes,
            from: branch.existingBranchNotes)
        outgoing.append(out)
    }

    private func send() -> Outcome {
        guard !outgoing.isEmpty else {
            if let injection { worker.noteInjected(transaction, count: 0, isLast: injection.isLast) }
            return fail(failure)
        }
        let values = state.values
        let showsBranch = outgoing.contains { ($0.user as? TMBranch)?.values.replyRoute != nil }
        let showsReplies = values.replyRoute != nil || showsBranch
        // Only routes that run later look at the request as it was relayed: by the request route last, whatever was kept before
        // (`t_on_failure()` behind `t_newtran()`).
        let isLookedAt = showsReplies || values.failureRoute != nil || host.showsAllReplies
        if isLookedAt, run.kind == .request || values.request == nil { state.keep(snapshot()) }
        state.update { $0.messageFlags = context.messageFlags }
        transaction.showRoutes(replies: showsReplies, failure: values.failureRoute != nil)
        if let seconds = values.finalTimeout { transaction.finalResponseTimeout = UInt32(clamping: seconds * 1_000) }
        if let seconds = values.finalInviteTimeout {
            transaction.finalInviteResponseTimeout = UInt32(clamping: seconds * 1_000)
        }
        if let count = values.awaitedBranches, injection == nil { transaction.waitForBranches(count: count) }
        context.branches.removeAll()
        let outcome = worker.relay(transaction, outgoing)
        if let injection {
            worker.noteInjected(transaction, count: outgoing.count, isLast: injection.isLast)
        }
        switch outcome {
        case .sent: return .yes
        case .loop:
            if answersFailure { worker.reply(transaction, status: 482, reason: "Loop Detected") }
            return .done(RelayCode.error)
        case .noBranch: return fail(RelayCode.noDestination)
        case .failed: return fail(RelayCode.sendFailed)
        }
    }

    /// The request as it was relayed: what failure routes and later branches start from.
    private func snapshot() -> MessageContext {
        let copy = context.copyForBranch(
            ScriptBranch(
                uri: context.requestURI, destinationURI: nil, path: nil, q: context.q, flags: context.branchFlags,
                socket: context.socketOut), index: 0)
        copy.transaction = state
        return copy
    }

    private func fail(_ code: Int32) -> Outcome {
        if answersFailure {
            let isUnresolvable = code == RelayCode.badDestination
            worker.reply(
                transaction, status: isUnresolvable ? 478 : 477,
                reason: isUnresolvable ? "Unresolvable destination (478/TM)" : "Send failed (477/TM)")
        }
        return .done(code)
    }
}

/// What a branch route leaves for its branch, which is not of the transaction yet. Made when the route has something to leave.
final class BranchNotes {
    /// The onreply route that it armed.
    var replyRoute: RouteHandle?
    /// Its `$bavp`.
    let avps = AVPStore()
}

extension MessageContext {
    var existingBranchNotes: BranchNotes? { moduleState[ObjectIdentifier(BranchNotes.self)] as? BranchNotes }

    var branchNotes: BranchNotes {
        if let notes = existingBranchNotes { return notes }
        let notes = BranchNotes()
        moduleState[ObjectIdentifier(BranchNotes.self)] = notes
        return notes
    }
}

extension MessageEdits {
    /// Puts a path in front of the routes that the message has (RFC 3327 §5.3).
    mutating func addRoute(_ path: ByteString, to message: Message) {
        var writer = ByteWriter(reserving: path.count + 16)
        writer.append("Route: ")
        writer.append(path)
        writer.append("\r\n")
        if let field = message.first(.route) {
            insert(line: writer.finishText(), before: field)
        } else if let field = message.all(.via).reduce(nil as HeaderField?, { $1 }) {
            insert(line: writer.finishText(), after: field)
        } else {
            append(line: writer.finishText(), to: message)
        }
    }
}
