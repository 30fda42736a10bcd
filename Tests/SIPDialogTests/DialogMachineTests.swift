import SIPDialog
import Testing

/// The life of a dialog in rows: what happened so far, what happens now, where it stands then, what is to be done.
@Suite struct DialogMachineTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let before: [DialogEvent]
        let event: DialogEvent
        let state: DialogState
        let actions: DialogActions
        var testDescription: String { "\(before) \(event)" }

        init(_ before: [DialogEvent], _ event: DialogEvent, _ state: DialogState, _ actions: DialogActions) {
            (self.before, self.event, self.state, self.actions) = (before, event, state, actions)
        }
    }

    static let early: [DialogEvent] = [.provisional]
    static let answered: [DialogEvent] = [.provisional, .answered]
    static let talking: [DialogEvent] = [.provisional, .answered, .acknowledged]
    static let over: [DialogEvent] = talking + [.bye(.caller)]

    static let rows: [Row] = [
        // Ringing.
        Row([], .provisional, .early, .changed),
        Row(early, .provisional, .early, []),
        Row([], .answered, .confirmedWithoutAck, [.changed, .startLifetime]),
        Row(early, .answered, .confirmedWithoutAck, [.changed, .startLifetime]),
        Row([], .failed, .deleted, [.changed, .failed]),
        Row(early, .failed, .deleted, [.changed, .failed]),
        Row(early, .acknowledged, .early, []),
        Row(early, .lifetimeOver, .early, []),
        // Ended from here while it rings: the INVITE is cancelled, its answer ends the dialog.
        Row([], .end(.management), .unconfirmed, .cancelInvite),
        Row(early, .end(.management), .early, .cancelInvite),
        Row(early + [.end(.management)], .failed, .deleted, [.changed, .failed]),
        // The CANCEL crossed a 2xx: it ends behind its ACK, or, where none comes, when somebody has waited long enough.
        Row(
            early + [.end(.management)], .answered, .confirmedWithoutAck,
            [.changed, .startLifetime, .endWhenAcknowledged]),
        Row(
            early + [.end(.management), .cancelled], .answered, .confirmedWithoutAck,
            [.changed, .startLifetime, .endWhenAcknowledged]),
        Row(early + [.end(.management), .answered], .acknowledged, .confirmed, [.changed, .endNow]),
        Row(early + [.end(.management), .answered, .acknowledged], .acknowledged, .confirmed, []),
        Row(
            early + [.end(.management), .answered], .end(.management), .deleted, [.changed, .terminated, .sendByes]),
        // A second 2xx, from another branch, and a 180 that was overtaken.
        Row(answered, .answered, .confirmedWithoutAck, []),
        Row(talking, .answered, .confirmed, []),
        Row(answered, .provisional, .confirmedWithoutAck, []),
        Row(answered, .failed, .confirmedWithoutAck, []),
        // Talking.
        Row(answered, .acknowledged, .confirmed, .changed),
        Row(talking, .acknowledged, .confirmed, []),
        Row(talking, .bye(.caller), .deleted, [.changed, .terminated]),
        Row(talking, .bye(.callee), .deleted, [.changed, .terminated]),
        Row(answered, .bye(.caller), .deleted, [.changed, .terminated]),
        Row(talking, .lifetimeOver, .deleted, [.changed, .terminated, .expired]),
        Row(answered, .lifetimeOver, .deleted, [.changed, .terminated, .expired]),
        Row(talking, .end(.optionsPing), .deleted, [.changed, .terminated, .sendByes]),
        // Races: the first ends it, the second finds nothing to end.
        Row(over, .lifetimeOver, .deleted, []),
        Row(over, .bye(.callee), .deleted, []),
        Row(over, .end(.management), .deleted, []),
        Row(over, .answered, .deleted, []),
        Row(talking + [.lifetimeOver], .bye(.caller), .deleted, []),
        // RFC 5407: BYE of an early dialog, or CANCEL, crosses the 200.
        Row(early, .bye(.caller), .early, []),
        Row(early + [.bye(.caller)], .answeredAfterBye, .confirmedWithoutAck, [.changed, .startLifetime, .race]),
        Row(early + [.bye(.caller)], .answered, .confirmedWithoutAck, [.changed, .startLifetime]),
        Row(answered, .answeredAfterBye, .confirmedWithoutAck, []),
        Row(early + [.bye(.caller)], .failed, .deleted, [.changed, .failed]),
        Row(early, .cancelled, .early, []),
        Row(early + [.cancelled], .answered, .confirmedWithoutAck, [.changed, .startLifetime, .race]),
        Row(answered, .cancelled, .confirmedWithoutAck, .race),
        Row(early + [.cancelled], .failed, .deleted, [.changed, .failed]),
    ]

    @Test(arguments: rows) func step(row: Row) {
        var machine = DialogMachine()
        for event in row.before { _ = machine.step(event) }
        #expect(machine.step(row.event) == row.actions)
        #expect(machine.state == row.state)
    }

    @Test(arguments: [
        (DialogEvent.bye(.caller), DialogEndReason.downstreamBye), (.bye(.callee), .upstreamBye),
        (.lifetimeOver, .lifetimeTimeout), (.end(.reinvitePing), .reinvitePing), (.end(.race), .race),
    ])
    func theFirstToEndItIsTheReason(event: DialogEvent, reason: DialogEndReason) {
        var machine = DialogMachine()
        for event in Self.talking { _ = machine.step(event) }
        #expect(machine.endReason == nil)
        _ = machine.step(event)
        for late in [DialogEvent.bye(.callee), .lifetimeOver, .end(.management)] { _ = machine.step(late) }
        #expect(machine.endReason == reason)
    }

    @Test func bothSidesAreToldOfATimeoutWhenAskedFor() {
        var machine = DialogMachine(byesOnTimeout: true)
        for event in Self.talking { _ = machine.step(event) }
        #expect(machine.step(.lifetimeOver) == [.changed, .terminated, .expired, .sendByes])
    }
}
