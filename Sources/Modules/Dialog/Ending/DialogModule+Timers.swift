import Bytes
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
        let (state, lifetime, route) = dialog.update { values -> (DialogState, Int, RouteHandle?) in
            defer { values.onTimeout = nil }
            return (values.machine.state, values.lifetimeSeconds, values.onTimeout)
        }
        guard state != .deleted else { return forget(dialog, worker) }
        // Nobody follows its INVITE any more, and no process took the job that drops it (`abandon`).
        guard state.isConfirmed else { return _ = step(dialog, .failed, in: .init(worker: worker)) }
        if lifetime == 0, dialog.options.contains(.endOnRace) {
            step(dialog, .end(.race), in: .init(worker: worker))
            return
        }
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

    /// Gives the dialog so many seconds from now on; before it is confirmed, from then on.
    func setLifetime(_ seconds: Int, of dialog: Dialog) {
        let isRunning = dialog.update { values -> Bool in
            values.lifetimeSeconds = seconds
            return values.machine.state.isConfirmed
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
            guard !wanted.isDisjoint(with: flag) else { continue }
            var request = OwnRequest(method: method, headers: settings.extraHeaders)
            if isInvite, let leg = dialog.read({ $0.leg(side) }) {
                request.body = leg.bodyReceived.text
                request.contentType = leg.bodyReceived.type
            }
            send(request, to: side, of: dialog, worker) { [self] reply, status, _, worker in
                // No reply: in time, or the side can't be reached. 503 stands for this server's having too much to do.
                guard reply == nil ? status != 503 : status == 408 || status == 481 else { return }
                step(dialog, .end(isInvite ? .reinvitePing : .optionsPing), in: .init(worker: worker))
            }
        }
    }
}
