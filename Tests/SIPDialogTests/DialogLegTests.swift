import Bytes
import SIPDialog
import SIPMessage
import Testing

/// Route sets, targets, numbers: RFC 3261 §12.1 and §12.2 in rows.
@Suite struct DialogLegTests {
    private static func reply(_ recordRoutes: [String], contact: String = "<sip:bob@10.2.2.2:5080>") throws -> Message {
        let lines = recordRoutes.map { "Record-Route: \($0)\r\n" }.joined()
        return try Message.parse(
            Array(
                """
                SIP/2.0 200 OK\r
                Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r
                \(lines)From: <sip:alice@x>;tag=a\r
                To: <sip:bob@x>;tag=b\r
                Call-ID: 1\r
                CSeq: 1 INVITE\r
                Contact: \(contact)\r
                Content-Length: 0\r
                \r

                """.utf8))
    }

    struct Recorded: Sendable {
        let values: [String]
        let before: Int
        let routes: [String]
    }

    /// Ours is 127.0.0.1.
    @Test(arguments: [
        Recorded(values: [], before: 0, routes: []),
        Recorded(values: ["<sip:127.0.0.1;lr>"], before: 0, routes: []),
        // Two proxies behind us, one before.
        Recorded(
            values: ["<sip:p3;lr>", "<sip:p2;lr>", "<sip:127.0.0.1;lr;did=1>", "<sip:p1;lr>"], before: 1,
            routes: ["<sip:p2;lr>", "<sip:p3;lr>"]),
        // Between two networks we stand twice.
        Recorded(
            values: ["<sip:p2;lr>", "<sip:127.0.0.1;r2=on;lr>, <sip:127.0.0.1:5062;r2=on;lr>"], before: 0,
            routes: ["<sip:p2;lr>"]),
        // A spiral: the first passing is part of what stood there before.
        Recorded(
            values: ["<sip:127.0.0.1;lr;did=2>", "<sip:127.0.0.1;lr;did=1>"], before: 1, routes: []),
        Recorded(
            values: ["<sip:127.0.0.1;lr;did=2>", "<sip:127.0.0.1;lr;did=1>"], before: 0,
            routes: ["<sip:127.0.0.1;lr;did=2>"]),
        // We did not record.
        Recorded(values: ["<sip:p2;lr>", "<sip:p1;lr>"], before: 1, routes: ["<sip:p2;lr>"]),
        // Somebody took values away.
        Recorded(values: ["<sip:p1;lr>"], before: 3, routes: []),
    ])
    func routesToTheCallee(row: Recorded) throws {
        let set = RouteSet(recordedBy: try Self.reply(row.values), before: row.before) { $0.host == "127.0.0.1" }
        #expect(set.values.map(\.string) == row.routes)
    }

    @Test func strictRoutersComeIntoTheRequestURI() {
        let loose = DialogTarget(
            remoteTarget: "sip:bob@h", routes: RouteSet(["<sip:p1;lr>", "<sip:p2;lr>"]))
        #expect(loose.requestURI == "sip:bob@h" && loose.nextHop == "sip:p1;lr")
        #expect(loose.routeLines == "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n")
        let strict = DialogTarget(remoteTarget: "sip:bob@h", routes: RouteSet(["<sip:p1>", "<sip:p2;lr>"]))
        #expect(strict.requestURI == "sip:p1" && strict.nextHop == nil)
        #expect(strict.routes == ["<sip:p2;lr>", "<sip:bob@h>"])
        #expect(DialogTarget(remoteTarget: "sip:bob@h", routes: RouteSet()).routeLines.isEmpty)
    }

    @Test func aContactRefreshesTheTarget() throws {
        var leg = DialogLeg(tag: "b")
        leg.refreshTarget(from: try Self.reply([]))
        #expect(leg.remoteTarget == "sip:bob@10.2.2.2:5080")
        leg.refreshTarget(from: try Self.reply([], contact: "*"))
        leg.refreshTarget(from: try Self.reply([], contact: "<>"))
        #expect(leg.remoteTarget == "sip:bob@10.2.2.2:5080", "what can't be read changes nothing")
        leg.refreshTarget(from: try Self.reply([], contact: "\"B\" <sip:bob@10.9.9.9>;q=1"))
        #expect(leg.remoteTarget == "sip:bob@10.9.9.9")
    }

    @Test func ownRequestsMoveTheNumbersOfThoseThatFollow() {
        var shift = CSeqShift()
        #expect(shift.outgoing(1, method: .invite) == 1)
        #expect(shift.outgoing(1, method: .ack) == 1)
        #expect(shift.takeOwn() == 2, "a ping")
        #expect(shift.outgoing(2, method: .invite) == 3)
        #expect(shift.takeOwn() == 4, "a ping while the re-INVITE is answered")
        #expect(shift.outgoing(2, method: .ack) == 3, "the ACK follows its INVITE")
        #expect(shift.offsetOfInvite(2) == 1)
        #expect(shift.outgoing(3, method: .bye) == 5)
        shift.move(by: 2)
        #expect(shift.outgoing(4, method: .info) == 8)
        shift.move(by: -100)
        #expect(shift.offset == 0)
    }

    struct Claim: Sendable {
        let method: Method
        let number: UInt32?
        let uri: String
        let routes: [String]
        let fault: RequestFault?
    }

    /// The callee is `sip:bob@h` behind p1 and p2; the caller's last request was number 5.
    @Test(arguments: [
        Claim(method: .bye, number: 6, uri: "sip:bob@h", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], fault: nil),
        Claim(method: .bye, number: 6, uri: "sip:bob@H:5060;x=1", routes: ["<sip:p1;lr>", "<sip:p2>"], fault: nil),
        Claim(method: .info, number: 5, uri: "sip:bob@h", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], fault: nil),
        Claim(method: .ack, number: 1, uri: "sip:bob@h", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], fault: nil),
        Claim(method: .bye, number: 4, uri: "sip:bob@h", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], fault: .number),
        Claim(method: .bye, number: 6, uri: "sip:eve@h", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], fault: .remoteTarget),
        Claim(method: .bye, number: 6, uri: "sip:bob@h:5061", routes: [], fault: .remoteTarget),
        Claim(method: .bye, number: 6, uri: "tel:1", routes: [], fault: .remoteTarget),
        Claim(method: .bye, number: 6, uri: "sip:bob@h", routes: [], fault: .routeSet),
        Claim(method: .bye, number: 6, uri: "sip:bob@h", routes: ["<sip:p2;lr>", "<sip:p1;lr>"], fault: .routeSet),
        Claim(method: .bye, number: nil, uri: "sip:bob@h", routes: [], fault: .unusable),
    ])
    func validation(claim: Claim) throws {
        var callee = DialogLeg(tag: "b")
        callee.refreshTarget(from: try Self.reply([], contact: "<sip:bob@h>"))
        callee.routes = RouteSet(["<sip:p1;lr>", "<sip:p2;lr>"])
        var numbers = RequestNumbers()
        for number: UInt32 in [1, 5, 3] { numbers.note(number, method: .invite) }
        numbers.note(9, method: .ack)
        let claims = RequestClaims(
            method: claim.method, number: claim.number, requestURI: ByteString(claim.uri),
            routes: claim.routes.map { ByteString($0) })
        #expect(claims.fault(from: numbers, to: callee) == claim.fault)
    }

    @Test func aStrictRouterStandsInTheRequestURI() throws {
        var callee = DialogLeg(tag: "b")
        callee.refreshTarget(from: try Self.reply([], contact: "<sip:bob@h>"))
        callee.routes = RouteSet(["<sip:p1>"])
        let claims = RequestClaims(method: .bye, number: 2, requestURI: "sip:p1", routes: ["<sip:bob@h>"])
        #expect(claims.fault(from: RequestNumbers(last: 1), to: callee) == nil)
    }

    /// `uac_auth()` had the INVITE leave as number 8 in the place of 7; then comes a request of our own.
    @Test func anInviteThatLeftWithAnotherNumberMovesAllThatFollows() {
        var shift = CSeqShift(invite: 7, leftAs: 8)
        #expect(shift.outgoing(7, method: .ack) == 8 && shift.outgoing(7, method: .cancel) == 8)
        #expect(shift.outgoing(8, method: .prack) == 9 && shift.offsetOfInvite(7) == 1)
        #expect(shift.takeOwn() == 10)
        #expect(shift.outgoing(9, method: .invite) == 11 && shift.outgoing(9, method: .ack) == 11)
        #expect(CSeqShift(invite: 1, leftAs: 1).offset == 0)
    }

    @Test func bodiesKeepTheirTypes() {
        var leg = DialogLeg(tag: "b")
        #expect(leg.bodySent.isEmpty && leg.bodyReceived.isEmpty)
        leg.note(sent: DialogBody("one", type: "multipart/mixed;boundary=x"))
        leg.note(received: DialogBody("two", type: nil))
        #expect(DialogBody("", type: "a/b") == nil)
        leg.note(sent: nil)
        leg.note(received: nil)
        #expect(leg.bodySent.text == "one" && leg.bodySent.type == "multipart/mixed;boundary=x")
        #expect(leg.bodyReceived.text == "two" && leg.bodyReceived.type == "application/sdp")
        // One that is too long takes the place of the last all the same: that one is nobody's session any more.
        let long = DialogBody(ByteString(Array(repeating: 65, count: DialogBody.bytesMax + 1)), type: nil)
        #expect(long?.isEmpty == true)
        leg.note(received: long)
        #expect(leg.bodyReceived.isEmpty && leg.bodySent.text == "one")
    }

    @Test func pendingInvitesAreCounted() {
        var leg = DialogLeg(tag: "b")
        leg.noteInvite(isPending: false)
        #expect(leg.invitesPending == 0)
        leg.noteInvite(isPending: true)
        leg.noteInvite(isPending: true)
        leg.noteInvite(isPending: false)
        #expect(leg.invitesPending == 1)
    }

    @Test func nobodyIsInvitedBeforeTheAckOfTheLastInvite() {
        var leg = DialogLeg(tag: "b")
        #expect(leg.mayBeInvited(at: 0))
        leg.noteInvite(isPending: true)
        #expect(!leg.mayBeInvited(at: 0))
        leg.awaitAck(of: 7, until: 100)
        leg.noteInvite(isPending: false)
        leg.noteAck(of: 6)
        #expect(!leg.mayBeInvited(at: 99) && leg.mayBeInvited(at: 100))
        leg.noteAck(of: 7)
        #expect(leg.mayBeInvited(at: 0))
    }
}
