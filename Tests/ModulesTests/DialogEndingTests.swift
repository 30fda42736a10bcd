import Bytes
import Location
import Reactor
import RouteRuntime
import SIPDialog
import SIPStack
import Synchronization
import Testing

@testable import Modules

/// What ends a dialog while something else is done with it: at the moments that only chance brings about in a running server.
@Suite struct DialogEndingTests {
    /// Whose event of a change of state does something, once.
    private final class Moment: Sendable {
        let action = Mutex<(@Sendable () -> Void)?>(nil)

        var outlet: EventOutlet {
            EventOutlet(isWanted: { _ in true }) { _, values in
                guard values.contains(where: { $0.name == "new_state" && $0.value.integer == 3 }) else { return }
                let due = self.action.withLock { action in
                    defer { action = nil }
                    return action
                }
                due?()
            }
        }
    }

    private static func module(_ harness: TMHarness, _ outlet: EventOutlet) throws -> DialogModule {
        try DialogModule(
            ModuleEnvironment(
                parameters: ModuleParameters([]), addresses: harness.environment.addresses, flags: FlagNames(),
                location: LocationStore(), statistics: Statistics(), host: harness.host, events: outlet, now: { 100 },
                log: { _, _ in }))
    }

    /// Between its confirmation and the beginning of its lifetime: it is forgotten after some seconds, not after 12 hours.
    @Test func aDialogEndedAsItIsConfirmedIsForgottenSoon() throws {
        let harness = try TMHarness("route { exit; }")
        let moment = Moment()
        let module = try Self.module(harness, moment.outlet)
        let dialog = try DialogPartsTests.dialog(module.table, "call")
        let surroundings = DialogModule.Surroundings(worker: harness.worker)
        moment.action.withLock { action in
            action = { module.step(dialog, .end(.management), in: surroundings) }
        }
        module.step(dialog, .answered, in: surroundings)
        #expect(dialog.state == .deleted && moment.action.withLock { $0 == nil })
        let deadline = try #require(module.timers.deadline(.life, of: dialog))
        #expect(deadline <= DialogModule.milliseconds() + module.settings.lingerMilliseconds)
        #expect(module.timers.deadline(.optionsPing, of: dialog) == nil)
        // A lifetime that somebody sets then changes nothing.
        module.setLifetime(3600, of: dialog)
        #expect(module.timers.deadline(.life, of: dialog) == deadline)
    }

    /// No process takes the job that drops a dialog whose INVITE nobody follows: the next tick does it.
    @Test(arguments: [false, true])
    func aDialogThatNobodyFollowsIsDroppedWithTheTick(isRinging: Bool) throws {
        let harness = try TMHarness("route { exit; }")
        let module = try Self.module(harness, .none)
        let dialog = try DialogPartsTests.dialog(module.table, "call")
        if isRinging { module.step(dialog, .provisional, in: .init(worker: harness.worker)) }
        module.timers.set(.life, of: dialog, to: DialogModule.milliseconds())
        let due = module.timers.takeDue(.life, at: DialogModule.milliseconds(), count: 1)
        for dialog in due { module.fire(.life, dialog, harness.worker) }
        #expect(dialog.state == .deleted && module.table.count == 0)
    }
}
