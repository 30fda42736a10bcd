import SIPTransaction
import Testing

/// One line of a server table: an event and what must come of it.
struct ServerRow {
    enum Event {
        case start(TryingRule)
        case again
        case respond(Int)
        case acknowledge
        case timer(TransactionTimer)
        case abandon
    }

    var event: Event
    var expected: ServerStep

    init(
        _ event: Event, _ actions: ServerActions = [], _ retransmission: TimerChange = .keep,
        _ lifetime: TimerChange = .keep
    ) {
        self.event = event
        expected = ServerStep(actions, retransmission: retransmission, lifetime: lifetime)
    }
}

func play(_ rows: [ServerRow], isInvite: Bool, isReliable: Bool = false) -> ServerMachine {
    let settings = TransactionSettings()
    var machine = ServerMachine(isInvite: isInvite, isReliable: isReliable)
    for (line, row) in rows.enumerated() {
        let step =
            switch row.event {
            case .start(let rule): machine.start(trying: rule, settings)
            case .again: machine.receiveAgain()
            case .respond(let status): machine.respond(status: status, settings)
            case .acknowledge: machine.acknowledge(settings)
            case .timer(let timer): machine.fire(timer, settings)
            case .abandon: machine.abandon()
            }
        #expect(step == row.expected, "row \(line): \(row.event)")
    }
    return machine
}

@Suite struct InviteServerTests {
    @Test func saysTryingAfterSilence() {
        _ = play(
            [
                ServerRow(.start(.delayed), [], .keep, .start(.trying, 200)),
                ServerRow(.timer(.trying), .trying),
                ServerRow(.respond(100), .send, .keep, .stop),
                ServerRow(.again, .sendAgain),
            ], isInvite: true)
    }

    @Test(arguments: [(TryingRule.immediately, ServerActions.trying), (TryingRule.never, ServerActions())])
    func saysTryingAsTheRuleSays(rule: TryingRule, actions: ServerActions) {
        _ = play([ServerRow(.start(rule), actions)], isInvite: true)
    }

    @Test func acceptedAbsorbsInvitesAndPasses2xx() {
        let machine = play(
            [
                ServerRow(.start(.never)),
                ServerRow(.respond(180), .send, .keep, .stop),
                ServerRow(.respond(200), .send, .stop, .start(.l, 32_000)),
                ServerRow(.again),
                ServerRow(.respond(200), .sendOnce),
                ServerRow(.respond(486), .refused),
                ServerRow(.respond(180), .refused),
                ServerRow(.acknowledge, .deliver),
                ServerRow(.timer(.l), .terminated, .stop, .stop),
            ], isInvite: true)
        #expect(machine.isTerminated)
    }

    @Test func refusalIsRepeatedUntilAcknowledged() {
        _ = play(
            [
                ServerRow(.respond(486), .send, .start(.g, 500), .start(.h, 32_000)),
                ServerRow(.timer(.g), .sendAgain, .start(.g, 1_000)),
                ServerRow(.again, .sendAgain),
                ServerRow(.timer(.g), .sendAgain, .start(.g, 2_000)),
                ServerRow(.timer(.g), .sendAgain, .start(.g, 4_000)),
                ServerRow(.timer(.g), .sendAgain, .start(.g, 4_000)),
                ServerRow(.respond(200), .sendOnce),
                ServerRow(.acknowledge, [], .stop, .start(.i, 5_000)),
                ServerRow(.acknowledge),
                ServerRow(.timer(.g)),
                ServerRow(.again),
                ServerRow(.timer(.i), .terminated, .stop, .stop),
            ], isInvite: true)
    }

    @Test func missingAckEndsTheTransaction() {
        _ = play(
            [
                ServerRow(.respond(500), .send, .start(.g, 500), .start(.h, 32_000)),
                ServerRow(.timer(.h), [.timedOut, .terminated], .stop, .stop),
                ServerRow(.acknowledge),
            ], isInvite: true)
    }

    @Test func reliableTransportDoesNotRepeat() {
        _ = play(
            [
                ServerRow(.respond(500), .send, .keep, .start(.h, 32_000)),
                ServerRow(.acknowledge, .terminated, .stop, .stop),
            ], isInvite: true, isReliable: true)
    }
}

@Suite struct NonInviteServerTests {
    @Test func repeatsTheFinalAnswer() {
        _ = play(
            [
                ServerRow(.again),
                ServerRow(.respond(200), .send, .keep, .start(.j, 32_000)),
                ServerRow(.again, .sendAgain),
                ServerRow(.respond(404), .refused),
                ServerRow(.timer(.j), .terminated, .keep, .stop),
                ServerRow(.again),
            ], isInvite: false)
    }

    @Test func provisionalOtherThan100IsRefused() {
        _ = play(
            [
                ServerRow(.respond(183), .refused),
                ServerRow(.respond(100), .send),
                ServerRow(.again, .sendAgain),
                ServerRow(.respond(200), .send, .keep, .start(.j, 32_000)),
            ], isInvite: false)
    }

    @Test func abandonEndsWithoutAnAnswer() {
        let machine = play(
            [
                ServerRow(.abandon, .terminated, .keep, .stop),
                ServerRow(.abandon),
            ], isInvite: false)
        #expect(machine.isTerminated)
    }

    @Test func reliableTransportEndsWithTheAnswer() {
        _ = play([ServerRow(.respond(200), [.send, .terminated], .keep, .stop)], isInvite: false, isReliable: true)
    }
}
