import Bytes
import Profiling
import Reactor
import RouteLanguage
package import RouteRuntime
import SIPMessage
package import SIPStack
import SIPTransaction
package import SIPTransport

/// Where stack and script meet: turns what the stack receives into runs of routes, and gives the functions of a script the
/// worker of their process.
///
/// Order at start: make it, bind modules, make the engine and the stack (with `makeHooks`), `prepare`, open the listeners and
/// set `sockets`, then `attach` each process before it runs. Constant from then on.
package final class ScriptHost: @unchecked Sendable {
    // @unchecked: everything is set before the first process runs and only read afterwards; what a process counts is its
    // worker's.

    /// All listeners; a listener's place is its `id`.
    package var sockets: [ListenSocket] = []
    package let scriptSockets: [ScriptSocket]
    package let flags: FlagNames
    package var parameters = TMParameters()
    /// Flags that keep requests and replies from opening connections.
    package var connectionFlags = ConnectionFlags()
    /// The script's blacklists.
    package var filter = DestinationFilter()
    /// `propagate` of opentelemetry; nil: off.
    package var propagation: TracePropagation?
    /// Whether a process's session is what a request of the server's own is made for, where no script's is: not while spans are
    /// made of scripts only.
    package var namesProcesses = true
    private(set) var engine: ScriptEngine?
    private var requestRoute: RouteHandle?
    private var replyRoute: RouteHandle?
    private var localRoute: RouteHandle?
    /// Whether the script looks at requests of the server's own.
    var hasLocalRoute: Bool { localRoute != nil }
    private var errorRoute: RouteHandle?
    private var workers: [StackWorker?] = []
    private var processes: [ScriptProcess?] = []

    /// - Parameter scriptSockets: all listeners as scripts see them, by number; they need not be open yet.
    package init(scriptSockets: [ScriptSocket], flags: FlagNames) {
        self.scriptSockets = scriptSockets
        self.flags = flags
    }

    /// Takes the routes that the stack's hooks run.
    package func prepare(_ engine: ScriptEngine) {
        self.engine = engine
        requestRoute = engine.route(.request)
        replyRoute = engine.route(.onreply)
        localRoute = engine.route(.local)
        errorRoute = engine.route(.error)
    }

    /// Makes a process's worker and script known. Before any process runs.
    package func attach(_ worker: StackWorker, _ script: ScriptProcess) {
        let id = script.process.id
        while workers.count <= id {
            workers.append(nil)
            processes.append(nil)
        }
        workers[id] = worker
        processes[id] = script
    }

    /// The worker of the process that runs a script. Nil on a process without SIP.
    package func worker(_ process: ScriptProcess) -> StackWorker? {
        let id = process.process.id
        return workers.indices.contains(id) ? workers[id] : nil
    }

    func script(_ worker: StackWorker) -> ScriptProcess? {
        processes.indices.contains(worker.id) ? processes[worker.id] : nil
    }

    /// A process that serves SIP, for what comes from outside of SIP (management, timers).
    package var anyProcess: (StackWorker, ScriptProcess)? {
        for (worker, process) in zip(workers, processes) {
            if let worker, let process { return (worker, process) }
        }
        return nil
    }

    /// The masks of `tcp_no_new_conn_bflag` and `tcp_no_new_conn_rplflag`; 0 when the script names none.
    package struct ConnectionFlags: Sendable {
        package var branchMask: UInt32 = 0
        package var replyMask: UInt32 = 0

        package init(branchMask: UInt32 = 0, replyMask: UInt32 = 0) {
            self.branchMask = branchMask
            self.replyMask = replyMask
        }
    }

    /// The listener that a script's socket stands for.
    package func socket(_ socket: ScriptSocket?) -> ListenSocket? {
        guard let socket, sockets.indices.contains(socket.id) else { return nil }
        return sockets[socket.id]
    }

    /// A listener as scripts see it.
    package func scriptSocket(_ listener: ListenSocket?) -> ScriptSocket? {
        guard let listener, scriptSockets.indices.contains(listener.id) else { return nil }
        return scriptSockets[listener.id]
    }

    /// The script has an unnamed `onreply_route`.
    var showsAllReplies: Bool { replyRoute != nil }

    // MARK: hooks

    /// The stack's hooks. `showsAllReplies` is set when the script has an unnamed `onreply_route`, `hasLocalRoute` when it
    /// has a `local_route`: known from the checked script.
    package func makeHooks(hasReplyRoute: Bool, hasLocalRoute: Bool) -> StackHooks {
        var hooks = StackHooks { [self] request, worker in run(request, worker) }
        hooks.reply = { [self] reply, worker, next in run(reply, worker, next) }
        hooks.failure = { [self] transaction, best, worker, next in
            runFailure(transaction, best.branch, worker, next)
        }
        hooks.badRequest = { [self] error, request, worker in runError(error, request, worker) }
        hooks.showsAllReplies = hasReplyRoute
        hooks.cause = { [self] worker in cause(worker) }
        if hasLocalRoute {
            hooks.localRequest = { [self] message, transaction, worker, next in
                runLocal(message, transaction, worker, next)
            }
        }
        return hooks
    }

    /// The context of a request as it came in.
    package func context(of request: InboundRequest, _ worker: StackWorker) -> MessageContext {
        let context = MessageContext(
            message: request.message, number: worker.nextMessageNumber(), source: request.source,
            sourceTransport: scriptSockets.indices.contains(request.socket.id)
                ? scriptSockets[request.socket.id].transport : "udp",
            socketIn: scriptSockets.indices.contains(request.socket.id) ? scriptSockets[request.socket.id] : nil)
        context.connection = request.connection.number
        return context
    }

    /// The request of a context as the stack wants it; nil for a reply, or one that came by no listener.
    package func inbound(_ context: MessageContext) -> InboundRequest? {
        guard context.message.isRequest, let socket = socket(context.socketIn) else { return nil }
        var request = InboundRequest(
            message: context.message, source: context.source, socket: socket,
            connection: ConnectionID(context.connection))
        request.repliesReuseOnly = context.messageFlags & connectionFlags.replyMask != 0
        return request
    }

    private func run(_ request: InboundRequest, _ worker: StackWorker) {
        guard let requestRoute, let script = script(worker) else { return }
        _ = script.run(TopRoute(requestRoute, as: .request, on: context(of: request, worker)))
    }

    private func run(_ reply: InboundReply, _ worker: StackWorker, _ next: @escaping (ReplyVerdict) -> Void) {
        guard let script = script(worker) else { return next(.pass) }
        let state = reply.transaction?.user as? TMState
        let branch = reply.transaction?.branch(reply.branch)?.user as? TMBranch
        var routes: [RouteHandle] = []
        if let replyRoute { routes.append(replyRoute) }
        let values = state?.values
        if let route = branch?.values.replyRoute { routes.append(route) }
        if let route = values?.replyRoute { routes.append(route) }
        guard !routes.isEmpty else { return next(.pass) }
        let socket = scriptSockets.indices.contains(reply.socket.id) ? scriptSockets[reply.socket.id] : nil
        let context = MessageContext(
            message: reply.message, number: worker.nextMessageNumber(), source: reply.source,
            sourceTransport: socket?.transport ?? "udp", socketIn: socket,
            avps: parameters.sharesAVPsWithReplies ? state?.avps ?? AVPStore() : AVPStore())
        context.transaction = state
        context.branchIndex = reply.branch
        context.reply = reply.message
        context.request = values?.request
        context.messageFlags = values?.messageFlags ?? 0
        context.branchFlags = branch?.values.flags ?? 0
        runReply(routes[...], context, script, reply.transaction?.records ?? .none) { isDropped in
            state?.update { $0.messageFlags = context.messageFlags }
            branch?.update { $0.flags = context.branchFlags }
            next(ReplyVerdict(isDropped: isDropped, edits: context.edits))
        }
    }

    /// Runs onreply routes one after another; a drop ends the row.
    private func runReply(
        _ routes: ArraySlice<RouteHandle>, _ context: MessageContext, _ script: ScriptProcess,
        _ records: SessionLink, _ next: @escaping (Bool) -> Void
    ) {
        guard let route = routes.first else { return next(false) }
        script.run(TopRoute(route, as: .onreply, on: context, continuing: records)) { [self] result in
            if result.isDropped { return next(true) }
            runReply(routes.dropFirst(), context, script, records, next)
        }
    }

    private func runFailure(
        _ transaction: Transaction, _ winner: Int?, _ worker: StackWorker, _ next: @escaping () -> Void
    ) {
        guard let script = script(worker), let state = transaction.user as? TMState else { return next() }
        let values = state.values
        guard let route = values.failureRoute, let request = values.request else { return next() }
        // A failure route is for one failure: it arms the next itself.
        state.update { $0.failureRoute = nil }
        transaction.showsFailure = false
        let view = winner.flatMap { transaction.branch($0) }
        let branch = view?.user as? TMBranch
        var target = branch?.branch ?? ScriptBranch(uri: request.requestURI)
        target.uri = view?.requestURI ?? request.requestURI
        target.flags = branch?.values.flags ?? 0
        target.attributes = branch?.values.attributes ?? []
        // Where the branch went is not where the next one goes.
        target.destinationURI = nil
        target.path = nil
        let context = request.copyForBranch(target, index: winner ?? 0)
        context.moduleState[ObjectIdentifier(FailureTarget.self)] = FailureTarget(target.uri)
        context.messageFlags = values.messageFlags
        context.reply = view?.response
        context.transaction = state
        script.run(TopRoute(route, as: .failure, on: context, continuing: transaction.records)) { _ in
            state.update { $0.messageFlags = context.messageFlags }
            next()
        }
    }

    /// The script's `error_route` for a request that could not be read; false when there is none, so that the stack answers.
    private func runError(_ error: MessageError, _ request: InboundRequest, _ worker: StackWorker) -> Bool {
        guard let errorRoute, let script = script(worker) else { return false }
        let context = context(of: request, worker)
        let reply = error.reply
        context.error = ScriptError(
            errorClass: 1, level: 1, info: ByteString(error.description), replyCode: reply?.status ?? 400,
            replyReason: ByteString(reply?.reason ?? "Bad Request"))
        script.run(TopRoute(errorRoute, as: .error, on: context)) { _ in }
        return true
    }

    private func runLocal(
        _ message: Message, _ transaction: Transaction, _ worker: StackWorker,
        _ next: @escaping (MessageEdits?) -> Void
    ) {
        guard let localRoute, let script = script(worker) else { return next(MessageEdits()) }
        let state = transaction.user as? TMState ?? TMState(avps: AVPStore())
        state.update { $0.transaction = transaction }
        transaction.user = state
        let context = MessageContext(
            message: message, number: worker.nextMessageNumber(), source: transaction.source,
            socketIn: scriptSockets.first,
            avps: state.avps)
        context.transaction = state
        let top = TopRoute(
            localRoute, as: .local, on: context, continuing: transaction.records, isLinkCause: true)
        script.run(top) { result in
            if context.records != .none { transaction.records = context.records }
            self.propagate(context.records, message, &context.edits)
            next(result.isDropped ? nil : context.edits)
        }
    }
}

/// The request URI that a failure route began with: that of the branch that failed.
final class FailureTarget {
    let uri: ByteString
    init(_ uri: ByteString) { self.uri = uri }
}

extension MessageContext {
    /// What `t_relay()` sends to. In a failure route that added branches but left the request URI, which is that of the branch
    /// that has just failed, these branches alone.
    var relayBranches: [ScriptBranch] {
        if !branches.isEmpty, let failed = moduleState[ObjectIdentifier(FailureTarget.self)] as? FailureTarget,
            failed.uri == requestURI, destinationURI == nil
        {
            return branches
        }
        return allBranches
    }
}

extension ScriptSocket {
    /// A listener as scripts see it.
    package init(_ socket: ListenSocket) {
        self.init(
            id: socket.id, transport: ByteString(socket.transport.name), address: ByteString(socket.address.host),
            port: Int(socket.address.port), isIPv6: socket.address.isIPv6,
            advertisedAddress: socket.isAdvertised ? socket.advertisedHost : nil,
            advertisedPort: socket.isAdvertised ? Int(socket.advertisedPort) : nil,
            tag: socket.tag.map { ByteString($0) })
    }
}
