import SIPTransaction
import Testing

/// One line of a client table: an event and what must come of it.
struct ClientRow {
    enum Event {
        case start
        case response(Int)
        case timer(TransactionTimer)
        case transportFailed
        case cancelSent
    }

    var event: Event
    var expected: ClientStep

    init(
        _ event: Event, _ actions: ClientActions = [], _ retransmission: TimerChange = .keep,
        _ lifetime: TimerChange = .keep
    ) {
        self.event = event
        expected = ClientStep(actions, retransmission: retransmission, lifetime: lifetime)
    }
}

/// Plays a table on a machine; the table's line number is in the failure.
func play(
    _ rows: [ClientRow], isInvite: Bool, isReliable: Bool = false, settings: TransactionSettings = .init()
) -> ClientMachine {
    var machine = ClientMachine(isInvite: isInvite, isReliable: isReliable)
    for (line, row) in rows.enumerated() {
        let step =
            switch row.event {
            case .start: machine.start(settings)
            case .response(let status): machine.receive(status: status, settings)
            case .timer(let timer): machine.fire(timer, settings)
            case .transportFailed: machine.transportFailed()
            case .cancelSent: machine.cancelSent(settings)
            }
        #expect(step == row.expected, "row \(line): \(row.event)")
    }
    return machine
}

@Suite struct InviteClientTests {
    @Test func retransmitsWithDoublingIntervalUntilTimerB() {
        let machine = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.timer(.a), .send, .start(.a, 1_000)),
                ClientRow(.timer(.a), .send, .start(.a, 2_000)),
                ClientRow(.timer(.a), .send, .start(.a, 4_000)),
                ClientRow(.timer(.a), .send, .start(.a, 8_000)),
                ClientRow(.timer(.b), [.timedOut, .terminated], .stop, .stop),
                ClientRow(.timer(.a)),
                ClientRow(.timer(.b)),
            ], isInvite: true)
        #expect(machine.isTerminated)
    }

    @Test func reliableTransportNeverRetransmits() {
        _ = play(
            [
                ClientRow(.start, .send, .keep, .start(.b, 32_000)),
                ClientRow(.response(486), [.acknowledge, .deliver, .terminated], .stop, .stop),
            ], isInvite: true, isReliable: true)
    }

    @Test func answeredCallPassesEvery2xx() {
        let machine = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.response(100), .deliver, .stop, .start(.c, 181_000)),
                ClientRow(.timer(.a)),
                ClientRow(.response(180), .deliver, .keep, .start(.c, 181_000)),
                ClientRow(.response(200), .deliver, .stop, .start(.m, 32_000)),
                ClientRow(.response(200), .deliver),
                ClientRow(.response(180)),
                ClientRow(.response(486)),
                ClientRow(.timer(.c)),
                ClientRow(.timer(.m), .terminated, .stop, .stop),
                ClientRow(.response(200), .deliver),
            ], isInvite: true)
        #expect(machine.isTerminated)
    }

    @Test func refusedCallIsAcknowledgedEachTime() {
        _ = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.response(486), [.acknowledge, .deliver], .stop, .start(.d, 32_000)),
                ClientRow(.response(486), .acknowledge),
                ClientRow(.response(180)),
                ClientRow(.timer(.d), .terminated, .stop, .stop),
                ClientRow(.response(486), .acknowledge),
            ], isInvite: true)
    }

    @Test func timerCCancelsAndStillAbsorbsTheAnswer() {
        _ = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.response(180), .deliver, .stop, .start(.c, 181_000)),
                ClientRow(.timer(.c), [.cancel, .timedOut], .stop, .start(.d, 32_000)),
                ClientRow(.response(487), .acknowledge),
                ClientRow(.response(200), .deliver),
                ClientRow(.timer(.d), .terminated, .stop, .stop),
            ], isInvite: true)
    }

    @Test func cancelledBranchIsWaitedForOnlySoLong() {
        _ = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.response(180), .deliver, .stop, .start(.c, 181_000)),
                ClientRow(.cancelSent, [], .keep, .start(.cancelWait, 32_000)),
                ClientRow(.cancelSent),
                ClientRow(.response(180), .deliver),
                ClientRow(.timer(.cancelWait), [.timedOut, .terminated], .stop, .stop),
                ClientRow(.response(487), .acknowledge),
            ], isInvite: true)
    }

    @Test func provisionalRestartsTimerCOnlyIfAsked() {
        var settings = TransactionSettings()
        settings.restartsOnEachReply = false
        _ = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.response(100), .deliver, .stop, .start(.c, 181_000)),
                ClientRow(.response(180), .deliver),
            ], isInvite: true, settings: settings)
    }

    @Test func transportErrorEndsTheBranch() {
        _ = play(
            [
                ClientRow(.start, .send, .start(.a, 500), .start(.b, 32_000)),
                ClientRow(.transportFailed, [.transportFailed, .terminated], .stop, .stop),
                ClientRow(.transportFailed),
            ], isInvite: true)
    }
}

@Suite struct NonInviteClientTests {
    @Test func retransmissionIntervalIsCappedAtT2() {
        _ = play(
            [
                ClientRow(.start, .send, .start(.e, 500), .start(.f, 32_000)),
                ClientRow(.timer(.e), .send, .start(.e, 1_000)),
                ClientRow(.timer(.e), .send, .start(.e, 2_000)),
                ClientRow(.timer(.e), .send, .start(.e, 4_000)),
                ClientRow(.timer(.e), .send, .start(.e, 4_000)),
                ClientRow(.timer(.f), [.timedOut, .terminated], .stop, .stop),
                ClientRow(.response(200)),
            ], isInvite: false)
    }

    @Test func provisionalSlowsRetransmissionToT2() {
        let machine = play(
            [
                ClientRow(.start, .send, .start(.e, 500), .start(.f, 32_000)),
                ClientRow(.response(100), .deliver),
                ClientRow(.timer(.e), .send, .start(.e, 4_000)),
                ClientRow(.response(200), .deliver, .stop, .start(.k, 5_000)),
                ClientRow(.response(200)),
                ClientRow(.timer(.k), .terminated, .stop, .stop),
            ], isInvite: false)
        #expect(machine.isTerminated)
    }

    @Test func reliableTransportEndsWithTheAnswer() {
        _ = play(
            [
                ClientRow(.start, .send, .keep, .start(.f, 32_000)),
                ClientRow(.response(404), [.deliver, .terminated], .stop, .stop),
            ], isInvite: false, isReliable: true)
    }
}
