import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

/// `b2b_logic` at work.
package struct B2BLogicModule: Sendable {
    let logic: B2BLogic
    let tm: TMModule

    var functions: [String: HostFunction] {
        [
            "b2b_init_request": { call in initRequest(call) },
            "b2b_server_new": { call in serverNew(call) },
            "b2b_client_new": { call in clientNew(call) },
            "b2b_pass_request": { call in passRequest(call) },
            "b2b_handle_reply": { call in handleReply(call) },
            "b2b_send_reply": { call in sendReply(call) },
            "b2b_delete_entity": { call in deleteEntity(call) },
            "b2b_end_dlg_leg": { call in endLeg(call) },
            "b2b_bridge": { call in bridge(call) },
            "b2b_bridge_retry": { call in bridgeRetry(call) },
            "b2b_bridge_request": { call in bridgeRequest(call) },
            "b2b_trigger_scenario": { call in triggerScenario(call) },
        ]
    }

    func worker(_ call: borrowing Call) -> StackWorker? { logic.host.worker(call.process) }

    /// The message of a b2b route; nil elsewhere, which is logged.
    func current(_ call: borrowing Call) -> B2BCurrent? {
        if let current = call.context.state(B2BTurnState.self)?.current {
            if call.context.records != .none { current.session.records = call.context.records }
            return current
        }
        call.log(.error, "\(call.name): only in the routes of b2b sessions")
        return nil
    }

    // MARK: functions of b2b routes

    private func passRequest(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), let request = current.request, let worker = worker(call), !current.isHandled
        else { return .no }
        current.isHandled = true
        current.isPassed = true
        current.session.pass(request, current.transaction, current.entity, worker)
        return .yes
    }

    private func handleReply(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), current.response != nil, let worker = worker(call) else { return .no }
        let flags = call.string(0)?.split(at: ASCII.comma).map { $0.trimmed() } ?? []
        current.session.handle(current, passes3xxContact: flags.contains { $0 == "pass-3xx-contact" }, worker)
        return .yes
    }

    private func sendReply(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), let transaction = current.transaction, let worker = worker(call),
            let code = call.integer(0), (100...699).contains(code)
        else { return .no }
        var lines = call.string(2) ?? .empty
        if !lines.isEmpty, !lines.hasSuffix("\r\n") { lines = lines + "\r\n" }
        let body = call.string(3) ?? .empty
        let isTyped = lines.first(of: "content-type:", ignoringCase: true) != nil
        if code >= 200 { current.isHandled = true }
        return Outcome(
            current.entity.reply(
                transaction, code, call.string(1) ?? .empty, lines: lines, body: body,
                contentType: body.isEmpty || isTyped ? .empty : "application/sdp", site: B2BSites.ownReply, worker))
    }

    private func deleteEntity(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), let worker = worker(call) else { return .no }
        current.isHandled = true
        current.entity.delete(worker)
        return .yes
    }

    private func endLeg(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), let worker = worker(call) else { return .no }
        guard current.entity.state != .terminated else { return .no }
        current.isHandled = true
        current.entity.hangUp(worker)
        return .yes
    }
}
