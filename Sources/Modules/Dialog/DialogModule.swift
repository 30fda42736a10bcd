import Bytes
import Glibc
import Profiling
import Reactor
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import Synchronization

/// `dialog` at work: creates dialogs, follows their INVITEs and requests, ends them.
///
/// One per server, used by all processes. Budget of a call: the dialog's object and legs, one observer and one look-up of its INVITE,
/// six lock sections of the dialog, three of the table; a call without a dialog pays nothing.
package final class DialogModule: Sendable {
    let settings: DialogSettings
    let table: DialogTable
    let timers = DialogTimers()
    let profiles: DialogProfiles
    let flagNames = DialogFlagNames()
    let host: ScriptHost
    let addresses: LocalAddresses
    let events: EventOutlet
    let statistics: DialogStatistics
    /// Seconds since 1970.
    let now: @Sendable () -> Int
    let log: @Sendable (ScriptLogLevel, String) -> Void

    /// - Throws: the first parameter that it cannot work with.
    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        let parameters = environment.parameters
        settings = try DialogSettings(parameters)
        table = DialogTable(chainsCount: settings.chainsCount, dialogsMax: settings.dialogsMax)
        profiles = try DialogProfiles(
            withValue: parameters.texts("dialog", "profiles_with_value"),
            withoutValue: parameters.texts("dialog", "profiles_no_value"))
        let host = environment.host
        self.host = host
        addresses = environment.addresses
        events = environment.events
        statistics = DialogStatistics(environment.statistics, isOn: parameters.isOn("dialog", "enable_stats"))
        now = environment.now
        log = environment.log
        environment.inDialog.append { [self] context, process, parameters in
            if let worker = host.worker(process) { route(context, parameters, worker) }
        }
        for timer in DialogTimer.allCases {
            environment.every(milliseconds: 1000, timer.jobName) { [self] in submitDue(timer) }
        }
    }

    /// Milliseconds of a clock that nobody sets.
    static func milliseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    /// Dialogs that are not over.
    var activeCount: Int { statistics.active.load(ordering: .relaxed) }

    // MARK: steps

    /// Where a step happens: the worker of the process, for what has to be sent.
    struct Surroundings {
        let worker: StackWorker
        /// For the BYEs that the step brings, with their line ends.
        var extraHeaders = ByteString.empty
    }

    /// Steps the dialog under its lock, then does what is due. To be called without any lock.
    @discardableResult
    func step(_ dialog: Dialog, _ event: DialogEvent, in surroundings: Surroundings) -> DialogActions {
        let now = now()
        let (actions, old, new, wasRelayed) = dialog.update { values in
            let old = values.machine.state
            let wasRelayed = values.invite != nil
            let actions = values.machine.step(event)
            if actions.contains(.startLifetime) {
                values.confirmedAt = now
                values.pendingEnd =
                    actions.contains(.endWhenAcknowledged) ? values.machine.endWanted : values.pendingEnd
            }
            if actions.contains(.terminated) || actions.contains(.failed) {
                values.endedAt = now
                values.invite = nil
            }
            return (actions, old, values.machine.state, wasRelayed)
        }
        if !actions.isEmpty { perform(actions, dialog, from: old, to: new, wasRelayed: wasRelayed, surroundings) }
        return actions
    }

    private func perform(
        _ actions: DialogActions, _ dialog: Dialog, from old: DialogState, to new: DialogState, wasRelayed: Bool,
        _ surroundings: Surroundings
    ) {
        let worker = surroundings.worker
        if actions.contains(.changed) {
            statistics.note(old, new)
            raise(dialog, from: old, to: new)
        }
        if new == .early, actions.contains(.changed) { callback(DialogSites.early, worker) }
        if actions.contains(.startLifetime) {
            callback(DialogSites.confirmed, worker) { begin(dialog, worker) }
        }
        if actions.contains(.failed) {
            callback(DialogSites.failed, worker) { statistics.count(statistics.failed) }
            leave(dialog)
            runHangup(dialog, worker)
            // A late 2xx may still cross its failure, and has to be acknowledged and ended within it.
            if wasRelayed { linger(dialog) } else { forget(dialog, worker) }
        }
        if actions.contains(.race), dialog.options.contains(.endOnRace) {
            endSoon(dialog, .race, milliseconds: settings.raceSeconds * 1000)
        }
        if actions.contains(.endNow) { endBehindAck(dialog, worker) }
        if actions.contains(.terminated) {
            let site = actions.contains(.expired) ? DialogSites.expired : DialogSites.terminated
            dialog.accounting?.ending(dialog)
            callback(site, worker) {
                if actions.contains(.expired) { statistics.count(statistics.expired) }
                timers.clear(dialog)
                leave(dialog)
            }
            if actions.contains(.sendByes) { sendByes(dialog, surroundings) }
            // What a BYE of a side ended is settled when that is answered (`SequentialFollower`).
            if dialog.accounting == nil || dialog.read({ $0.machine.endReason?.isBye ?? false }) {
                runHangup(dialog, worker)
            } else {
                runHangup(dialog, worker) { [self] _ in settleAccounting(dialog) }
            }
            linger(dialog)
        }
        if actions.contains(.cancelInvite), let invite = dialog.read({ $0.invite }) { worker.cancelAll(invite) }
    }

    /// The dialog is confirmed: its lifetime and its pings begin.
    private func begin(_ dialog: Dialog, _ worker: StackWorker) {
        let now = Self.milliseconds()
        let (lifetime, isToEnd) = dialog.read { ($0.lifetimeSeconds * 1000, $0.pendingEnd != nil) }
        timers.set(.life, of: dialog, to: now + (isToEnd ? DialogSettings.ackMilliseconds : lifetime))
        if !dialog.options.isDisjoint(with: .optionsPing) {
            timers.set(.optionsPing, of: dialog, to: now + settings.optionsPingMilliseconds)
        }
        if !dialog.options.isDisjoint(with: .reinvitePing) {
            timers.set(.reinvitePing, of: dialog, to: now + settings.reinvitePingMilliseconds)
        }
        settleTimers(dialog)
        if let route = dialog.read({ $0.onAnswer }) { run(route, dialog, worker) }
    }

    /// Out of all profiles: what is over counts nowhere.
    private func leave(_ dialog: Dialog) {
        let links = dialog.read { $0.profiles }
        for link in links { profiles.count(link, by: -1) }
    }

    /// Kept for messages that come again or late, then forgotten. `delete_delay` is for those that began.
    func linger(_ dialog: Dialog) {
        let delay = dialog.read { $0.machine.endReason == nil ? 0 : $0.deleteDelaySeconds } * 1000
        timers.set(.life, of: dialog, to: Self.milliseconds() + max(delay, settings.lingerMilliseconds))
    }

    /// Stands behind whatever sets timers of a dialog that was not over a moment before: who ended it since may have cleared them
    /// too early.
    func settleTimers(_ dialog: Dialog) {
        guard dialog.state == .deleted else { return }
        timers.clear(dialog)
        linger(dialog)
    }

    func forget(_ dialog: Dialog, _ worker: StackWorker) {
        timers.clear(dialog)
        guard table.remove(dialog) else { return }
        dialog.accounting?.forgotten()
        callback(DialogSites.destroy, worker)
    }

    private func runHangup(
        _ dialog: Dialog, _ worker: StackWorker, completion: @escaping (ScriptResult) -> Void = { _ in }
    ) {
        guard let route = dialog.read({ $0.onHangup }) else { return completion(ScriptResult(code: 1)) }
        run(route, dialog, worker, completion: completion)
    }

    /// Runs a route of the script about the dialog, without a message.
    func run(
        _ route: RouteHandle, _ dialog: Dialog, _ worker: StackWorker,
        completion: @escaping (ScriptResult) -> Void = { _ in }
    ) {
        guard let script = host.script(worker) else { return completion(ScriptResult(code: -1)) }
        let context = host.emptyContext()
        context.updateState(LoadedDialog()) { $0.own = dialog }
        script.run(TopRoute(route, as: .request, on: context), completion: completion)
    }

    /// Records a callback of the dialog by the peer's name.
    ///
    /// - Parameter status: of the reply that it is about.
    func callback(_ site: Site, _ worker: StackWorker, status: Int = 0, _ body: () -> Void = {}) {
        worker.probe.enter(site)
        body()
        worker.probe.exit(site, status: Int32(status))
    }

    private func raise(_ dialog: Dialog, from old: DialogState, to new: DialogState) {
        guard events.isWanted(Self.stateChanged) else { return }
        let (from, to) = dialog.read { ($0.caller.tag, $0.callee?.tag ?? .empty) }
        events.raise(
            Self.stateChanged,
            [
                ("id", .string(dialog.id)), ("db_id", .integer(dialog.databaseID)), ("callid", .string(dialog.callID)),
                ("from_tag", .string(from)), ("to_tag", .string(to)), ("old_state", .integer(old.rawValue)),
                ("new_state", .integer(new.rawValue)),
            ])
    }

    package static let stateChanged: StaticString = "E_DLG_STATE_CHANGED"
}

/// Dialogs of a context that no message brings.
struct LoadedDialog {
    /// That of a route that runs without a message.
    var own: Dialog?
    /// That of `load_dialog_ctx()`: before all others.
    var loaded: Dialog?
}

/// The names of dialog flags and the bits they stand for. A name gets its bit when it is used first, while there is one.
final class DialogFlagNames: Sendable {
    static let countMax = 32
    private let names = Mutex<[ByteString]>([])

    /// 0 when all bits are taken by others.
    func mask(_ name: ByteString) -> UInt32 {
        names.withLock { names in
            if let known = names.firstIndex(of: name) { return 1 << UInt32(known) }
            guard names.count < Self.countMax else { return 0 }
            names.append(name.compacted())
            return 1 << UInt32(names.count - 1)
        }
    }

    func names(of bits: UInt32) -> [ByteString] {
        names.withLock { names in names.indices.filter { bits & (1 << UInt32($0)) != 0 }.map { names[$0] } }
    }
}

extension DialogTimer {
    /// As the peer calls its jobs.
    var jobName: String {
        switch self {
        case .life: "dlg-timer"
        case .optionsPing: "dlg-options-pinger"
        case .reinvitePing: "dlg-reinvite-pinger"
        }
    }
}
