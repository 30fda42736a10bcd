import Bytes
import SIPMessage
import Testing

@Suite struct BuilderTests {
    @Test func replyCopiesWhatItMust() throws {
        let invite = try Message.parse(Samples.invite)
        var builder = ReplyBuilder(to: invite, status: 180)
        builder.toTag = "t1"
        builder.extraLines = "Server: x\r\n"
        let reply = try Message.parse(builder.build())
        try reply.check(.strict)
        #expect(reply.statusCode == 180 && reply.reasonPhrase == "Ringing" && reply.toTag == "t1")
        #expect((0..<3).map { reply.via($0)?.text } == (0..<3).map { invite.via($0)?.text })
        #expect(reply.value(.from) == invite.value(.from) && reply.callID == invite.callID)
        #expect(reply.value(.cseq) == "2 INVITE" && reply.contains(.recordRoute) && !reply.contains(.route))
        #expect(reply.value(.server) == "x" && reply.contentLength == 0)
    }

    @Test func onlyDialogMakingRepliesCopyRecordRoute() throws {
        let invite = try Message.parse(Samples.invite)
        for (status, copies) in [(100, false), (183, true), (200, true), (302, false), (486, false)] {
            let reply = try Message.parse(ReplyBuilder(to: invite, status: status).build())
            #expect(reply.contains(.recordRoute) == copies, "status \(status)")
        }
    }

    @Test func aTagThatIsThereStays() throws {
        let bye = try Message.parse(Samples.request("").map { $0 })
        var builder = ReplyBuilder(to: bye, status: 200)
        builder.toTag = "new"
        let once = try Message.parse(builder.build())
        #expect(once.toTag == "new")
        let tagged = try Message.parse(
            Samples.text(
                "BYE sip:x SIP/2.0\nVia: SIP/2.0/UDP a\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=old\nCall-ID: 1\nCSeq: 1 BYE\n\n"
            ))
        var second = ReplyBuilder(to: tagged, status: 200)
        second.toTag = "new"
        #expect(try Message.parse(second.build()).toTag == "old")
    }

    /// Via as sent, source, what becomes of it (RFC 3261 §18.2.1, RFC 3581 §4).
    static let vias: [(String, String, Bool, String)] = [
        ("192.0.2.1:5060;branch=z1", "192.0.2.1", false, "192.0.2.1:5060;branch=z1"),
        ("pc.example.com;branch=z1", "192.0.2.1", false, "pc.example.com;branch=z1;received=192.0.2.1"),
        ("10.0.0.1;rport;branch=z1", "192.0.2.1", false, "10.0.0.1;branch=z1;received=192.0.2.1;rport=1024"),
        ("192.0.2.1;branch=z1;rport", "192.0.2.1", false, "192.0.2.1;branch=z1;received=192.0.2.1;rport=1024"),
        (
            "192.0.2.1;rport=9;received=6.6.6.6;branch=z1", "192.0.2.1", false,
            "192.0.2.1;branch=z1;received=192.0.2.1;rport=1024"
        ),
        ("192.0.2.1;branch=z1", "192.0.2.1", true, "192.0.2.1;branch=z1;received=192.0.2.1;rport=1024"),
        ("192.0.2.1;branch=z1;received=6.6.6.6", "192.0.2.1", false, "192.0.2.1;branch=z1"),
        ("[2001:db8::1];branch=z1", "2001:db8::1", false, "[2001:db8::1];branch=z1"),
        ("[2001:db8::1];rport", "2001:db8::2", false, "[2001:db8::1];received=2001:db8::2;rport=1024"),
    ]

    @Test(arguments: vias)
    func topViaIsFilled(_ sent: String, _ address: String, _ forces: Bool, _ expected: String) throws {
        let request = try Message.parse(
            Samples.text(
                "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP \(sent), SIP/2.0/UDP next;rport\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: 1\nCSeq: 1 OPTIONS\n\n"
            ))
        var builder = ReplyBuilder(to: request, status: 200)
        builder.source = ViaSource(address: ByteString(address), port: 1024, forcesRport: forces)
        let reply = try Message.parse(builder.build())
        #expect(reply.topVia?.text.string == "SIP/2.0/UDP " + expected)
        #expect(reply.secondVia?.text == "SIP/2.0/UDP next;rport")
        try reply.check(.strict)
    }

    @Test func ackForANegativeReply() throws {
        let invite = try Message.parse(Samples.invite)
        let ack = try Message.parse(HopRequest.ack(invite: invite, response: try Message.parse(Samples.busy)))
        try ack.check(.strict)
        #expect(ack.method == .ack && ack.requestURI == invite.requestURI && ack.cseq?.number == 2)
        #expect(ack.count(of: .via) == 1 && ack.topVia?.branch == invite.topVia?.branch)
        #expect(ack.toTag == "314159" && ack.fromTag == invite.fromTag && ack.callID == invite.callID)
        #expect(ack.routes.map(\.uriText.string) == invite.routes.map(\.uriText.string))
    }

    @Test func cancelOfAnInvite() throws {
        let invite = try Message.parse(Samples.invite)
        let cancel = try Message.parse(
            HopRequest.cancel(invite: invite, extraLines: "Reason: SIP;cause=200;text=\"elsewhere\"\r\n"))
        try cancel.check(.strict)
        #expect(cancel.method == .cancel && cancel.cseq?.method == .cancel && cancel.cseq?.number == 2)
        #expect(cancel.value(.to) == invite.value(.to) && cancel.topVia?.text == invite.topVia?.text)
        #expect(cancel.parameterized(.reason)?.parameters.value("cause") == "200")
    }

    @Test func requestOfOurOwn() throws {
        var builder = RequestBuilder(
            method: "OPTIONS", requestURI: "sip:peer.example.com", from: "<sip:me@example.com>;tag=1",
            to: "<sip:peer.example.com>",
            callID: "abc@here", cseq: 7)
        builder.via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx"
        builder.extraLines = "Content-Type: text/plain\r\n"
        builder.body = "hi"
        let message = try Message.parse(builder.build())
        try message.check(.strict)
        #expect(
            message.method == .options && message.cseq?.number == 7 && message.body == "hi" && message.maxForwards == 70
        )
    }

    @Test func everyStatusHasAReason() {
        for code in 100..<700 { #expect(StatusCode.reason(code).utf8CodeUnitCount > 0, "\(code)") }
        #expect(
            ByteString(StatusCode.reason(404)) == "Not Found"
                && ByteString(StatusCode.reason(488)) == "Not Acceptable Here")
    }
}
