import Bytes
import Profiling
import Reactor
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// Lifetimes and pings: seen to once a second. A tick with nothing due leaves no record.
extension DialogModule {
    /// On the timer process: hands what is due to a process that serves SIP.
    func submitDue(_ timer: DialogTimer) {
        let due = timers.takeDue(timer, at: Self.milliseconds(), count: DialogSettings.dueMax)
        guard !due.isEmpty, let (worker, script) = host.anyProcess else { return }
        let isTaken = script.process.reactor.submit(DialogSites.dueJob) { [self] in
            for dialog in due { fire(timer, dialog, worker) }
        }
        // Its queue is full: once more in a second.
        if !isTaken { for dialog in due { timers.set(timer, of: dialog, to: Self.milliseconds() + 1000) } }
    }

    func fire(_ timer: DialogTimer, _ dialog: Dialog, _ worker: StackWorker) {
        switch timer {
        case .life: fireLife(dialog, worker)
        case .optionsPing: ping(dialog, worker, .optionsPing, "OPTIONS")
        case .reinvitePing: ping(dialog, worker, .reinvitePing, "INVITE")
        }
    }

    private func fireLife(_ dialog: Dialog, _ worker: StackWorker) {
        // Between its being due and this moment somebody may have given it another deadline: more time, or the last seconds of one
        // that is over.
        guard timers.deadline(.life, of: dialog) == nil else { return }
        let (state, pending, route) = dialog.update { values -> (DialogState, DialogEndReason?, RouteHandle?) in
            guard values.pendingEnd == nil else { return (values.machine.state, values.pendingEnd, nil) }
            defer { values.onTimeout = nil }
            return (values.machine.state, nil, values.onTimeout)
        }
        guard state != .deleted else { return forget(dialog, worker) }
        // Nobody follows its INVITE any more, and no process took the job that drops it (`abandon`).
        guard state.isConfirmed else { return _ = step(dialog, .failed, in: .init(worker: worker)) }
        if let pending { return _ = step(dialog, .end(pending), in: .init(worker: worker)) }
        guard let route else {
            step(dialog, .lifetimeOver, in: .init(worker: worker))
            return
        }
        run(route, dialog, worker) { [self] _ in
            // The route may have given it more time.
            if let deadline = timers.deadline(.life, of: dialog), deadline > Self.milliseconds() { return }
            step(dialog, .lifetimeOver, in: .init(worker: worker))
        }
    }

    /// Gives the dialog a few seconds more, whatever its lifetime says.
    func endSoon(_ dialog: Dialog, _ reason: DialogEndReason, milliseconds: Int) {
        dialog.update { $0.pendingEnd = $0.pendingEnd ?? reason }
        timers.set(.life, of: dialog, to: Self.milliseconds() + milliseconds)
        settleTimers(dialog)
    }

    /// Ends a dialog that was wanted to end before it was answered: behind the ACK that is being handled, on this process.
    func endBehindAck(_ dialog: Dialog, _ worker: StackWorker) {
        guard let reason = dialog.read({ $0.pendingEnd }) else { return }
        let isTaken = later(DialogSites.endingJob, worker) { [self] in
            step(dialog, .end(reason), in: .init(worker: worker))
        }
        if !isTaken { endSoon(dialog, reason, milliseconds: 0) }
    }

    /// Runs a job on this process when it is done with what it has in hand. False when it takes no more.
    func later(_ site: Site, _ worker: StackWorker, _ body: @escaping @Sendable () -> Void) -> Bool {
        host.script(worker)?.process.reactor.submit(site, body) ?? false
    }

    /// Gives the dialog so many seconds from now on; before it is confirmed, from then on. One that is to end soon does all the
    /// same.
    func setLifetime(_ seconds: Int, of dialog: Dialog) {
        let isRunning = dialog.update { values -> Bool in
            values.lifetimeSeconds = seconds
            return values.machine.state.isConfirmed && values.pendingEnd == nil
        }
        guard isRunning else { return }
        timers.set(.life, of: dialog, to: Self.milliseconds() + seconds * 1000)
        settleTimers(dialog)
    }

    /// Seconds until the dialog expires; before it is confirmed, those that it will have.
    func secondsLeft(_ dialog: Dialog) -> Int {
        let (state, seconds) = dialog.read { ($0.machine.state, $0.lifetimeSeconds) }
        guard state.isConfirmed, let deadline = timers.deadline(.life, of: dialog) else {
            return state == .deleted ? 0 : seconds
        }
        return max(0, (deadline - Self.milliseconds() + 999) / 1000)
    }

    // MARK: pings

    /// Asks the sides whether they are still there. One that did not answer, or does not know the dialog, ends it.
    private func ping(_ dialog: Dialog, _ worker: StackWorker, _ kind: DialogOptions, _ method: ByteString) {
        guard dialog.state.isConfirmed else { return }
        let isInvite = kind == .reinvitePing
        let wanted = dialog.options.intersection(kind)
        let interval = isInvite ? settings.reinvitePingMilliseconds : settings.optionsPingMilliseconds
        timers.set(isInvite ? .reinvitePing : .optionsPing, of: dialog, to: Self.milliseconds() + interval)
        settleTimers(dialog)
        for side in [DialogSide.caller, .callee] {
            let flag: DialogOptions =
                side == .caller
                ? [.optionsPingCaller, .reinvitePingCaller] : [.optionsPingCallee, .reinvitePingCallee]
            guard !wanted.isDisjoint(with: flag), let leg = dialog.read({ $0.leg(side) }) else { continue }
            var request = OwnRequest(method: method, headers: settings.extraHeaders)
            if isInvite {
                // One INVITE at a time (RFC 3261 §14.1): the next tick asks again.
                guard leg.mayBeInvited(at: Self.milliseconds()) else { continue }
                if leg.bodyReceived.isEmpty {
                    // Its session is not known here: an INVITE without one would ask for an offer that nobody answers.
                    request.method = "OPTIONS"
                } else {
                    request.body = leg.bodyReceived.text
                    request.contentType = leg.bodyReceived.type
                }
            }
            send(request, to: side, of: dialog, worker) { [self] reply, status, _, worker in
                // No reply: in time, or the side can't be reached. 503 stands for this server's having too much to do.
                guard reply == nil ? status != 503 : status == 408 || status == 481 else { return }
                step(dialog, .end(isInvite ? .reinvitePing : .optionsPing), in: .init(worker: worker))
            }
        }
    }
}
