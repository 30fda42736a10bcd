package import Bytes
import Profiling
import Reactor
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// What management commands do with dialogs. Any thread may call; what sends runs on a SIP process.
extension DialogModule {
    /// The dialogs that are not over, and those that `delete_delay` keeps.
    package var listed: [Dialog] {
        table.all.filter { dialog in
            dialog.read { values in
                values.machine.state != .deleted || values.machine.endReason != nil && values.deleteDelaySeconds > 0
            }
        }
    }

    /// By id or Call-ID.
    package func named(_ name: ByteString) -> Dialog? {
        if let parts = Dialog.parts(of: name), let dialog = table.find(chain: parts.chain, number: parts.number) {
            return dialog.state == .deleted ? nil : dialog
        }
        return live(callID: name)
    }

    /// By Call-ID and, if given, the caller's tag.
    package func listed(callID: ByteString, fromTag: ByteString?) -> [Dialog] {
        listed.filter { dialog in
            dialog.callID == callID && (fromTag == nil || dialog.read { $0.caller.tag } == fromTag)
        }
    }

    package var profileList: [(name: ByteString, hasValues: Bool)] {
        profiles.profiles.map { ($0.name, $0.hasValues) }
    }

    package func profile(_ name: ByteString) -> Int? { profiles.index(name) }
    package func profileSize(_ index: Int, _ value: ByteString?) -> Int { profiles.size(index, value) }
    package func profileValues(_ index: Int) -> [(value: ByteString, count: Int)] { profiles.values(index) }

    /// Ends dialogs, on a SIP process. False when it takes no more jobs.
    package func end(_ dialogs: [Dialog], extraHeaders: ByteString = .empty) -> Bool {
        onProcess { [self] worker in
            for dialog in dialogs { end(dialog, extraHeaders: extraHeaders, worker) }
        }
    }

    /// Sends a request to a side, and if `challenges` what it answers with to the other. The completion gets status and reason of
    /// the last reply, or why nothing was sent.
    package func sendSequential(
        _ dialog: Dialog, method: ByteString, toCaller: Bool, challenges: Bool, body: ByteString,
        contentType: ByteString, headers: ByteString,
        completion: @escaping @Sendable (OwnSending, (status: Int, reason: ByteString)) -> Void
    ) -> Bool {
        var request = OwnRequest(method: method, headers: headers.asHeaderLines)
        request.body = body
        request.contentType = contentType
        let ready = request
        return onProcess { [self] worker in
            let finished: OwnCompletion = { reply, status, _, _ in
                completion(.sent, (status, reply?.reasonPhrase ?? ByteString(StatusCode.reason(status))))
            }
            let side: DialogSide = toCaller ? .caller : .callee
            let outcome =
                challenges
                ? challenge(ready, first: side, of: dialog, worker, completion: finished)
                : send(ready, to: side, of: dialog, worker, completion: finished)
            if outcome != .sent { completion(outcome, (0, .empty)) }
        }
    }

    /// The last body that a side sent, or was sent, with its type.
    package func lastBody(_ dialog: Dialog, ofCaller: Bool, sentByIt: Bool) -> (body: ByteString, type: ByteString)? {
        dialog.read { values in
            values.leg(ofCaller ? .caller : .callee).map { leg in
                let body = sentByIt ? leg.bodySent : leg.bodyReceived
                return (body.text, body.type)
            }
        }
    }

    /// Runs a job on a process that serves SIP. False when it takes no more.
    func onProcess(_ job: Site = DialogSites.managementJob, _ body: @escaping @Sendable (StackWorker) -> Void) -> Bool {
        guard let (worker, script) = host.anyProcess else { return false }
        return script.process.reactor.submit(job) { body(worker) }
    }
}
