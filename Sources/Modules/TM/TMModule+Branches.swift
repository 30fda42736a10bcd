import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransaction
import SIPTransport

/// `t_inject_branches()` and `t_replicate()`: requests that leave beside the usual way.
extension TMModule {
    func inject(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process), let state = call.context.tmState,
            let transaction = state.transaction
        else { return .no }
        guard call.string(0)?.equalsIgnoringCase("msg") ?? false else {
            call.log(.error, "t_inject_branches: SIPRay takes branches from \"msg\" only; it has no event_routing")
            return .no
        }
        var cancels = false
        var isLast = false
        for word in (call.string(1) ?? .empty).split(at: ASCII.comma).map({ $0.trimmed() }) where !word.isEmpty {
            switch word.string {
            case "c", "cancel": cancels = true
            case "l", "last": isLast = true
            case "cl", "lc":
                cancels = true
                isLast = true
            default:
                call.log(.error, "t_inject_branches: \"\(word)\" is no flag of it; it has \"cancel\" and \"last\"")
                return .no
            }
        }
        if cancels { worker.cancel(transaction, branches: BranchSet(rawValue: .max)) }
        let job = RelayJob(
            host: host, worker: worker, run: call.run, state: state, transaction: transaction, answersFailure: false,
            proxy: nil, branches: call.context.relayBranches)
        job.injection = .init(isLast: isLast)
        return job.start()
    }

    /// Sends copies to a URI and to the branches that the script added. Does not wait for names that have to be asked for.
    func replicate(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process), let request = host.inbound(call.context),
            let uri = call.string(0), call.context.message.method != .ack, call.context.message.method != .cancel
        else { return .no }
        guard let flags = RelayFlags(call.value(1)) else {
            call.log(.error, "t_replicate: \"\(call.string(1) ?? "")\" is no flag of it")
            return .no
        }
        var first = ScriptBranch(uri: uri)
        first.socket = call.context.socketOut
        var sent = false
        for (index, branch) in ([first] + call.context.branches).enumerated() {
            guard let query = StackWorker.query(for: branch.destinationURI ?? branch.uri) else {
                call.log(.error, "t_replicate: \(branch.uri) is no URI that can be sent to")
                continue
            }
            // What the script does to the request afterwards does not concern the copy.
            let context = call.context.copyForBranch(branch, index: index)
            var isSent: Bool?
            worker.locate(query) { [host] result in
                isSent = host.replicate(request, context, result, worker, usesFailover: !flags.contains(.noFailover))
            }
            sent = sent || isSent ?? true
        }
        return Outcome(sent)
    }
}

extension ScriptHost {
    fileprivate func replicate(
        _ request: InboundRequest, _ context: MessageContext, _ result: Result<[Destination], NextHopError>,
        _ worker: StackWorker, usesFailover: Bool
    ) -> Bool {
        guard case .success(let found) = result else { return false }
        let destinations = found.filter { !isBlocked($0, context) }
        guard let first = destinations.first,
            let listener = worker.listener(
                for: first, chosen: socket(context.socketOut), inbound: request.socket),
            let scriptSocket = scriptSocket(listener)
        else { return false }
        var branch = OutgoingBranch(
            requestURI: context.requestURI, destinations: destinations, edits: context.edits(for: scriptSocket))
        branch.socket = socket(context.socketOut)
        return worker.replicate(request, branch, usesFailover: usesFailover)
    }

    /// A blacklist in use keeps the message from there.
    func isBlocked(_ destination: Destination, _ context: MessageContext) -> Bool {
        !filter.isEmpty
            && filter.blocks(destination.address, transport: ByteString(destination.transport.name), for: context)
    }
}

extension Message {
    /// The caller wants an answered call to leave its other branches ringing. RFC 3841 puts `no-cancel` into
    /// Request-Disposition; scripts of the peer's look for it in Content-Disposition too.
    var asksForNoCancel: Bool {
        for id in [HeaderID.requestDisposition, .contentDisposition] {
            for field in all(id) {
                let words = text(field.value).split(at: ASCII.comma)
                if words.contains(where: { $0.trimmed().equalsIgnoringCase("no-cancel") }) { return true }
            }
        }
        return false
    }
}
