import Bytes
import SIPDialog
import SIPMessage
import Testing

/// RFC 3261 §12 as rows: what came in, what the next request must carry.
@Suite struct AgentDialogTests {
    static func message(_ first: String, _ lines: [String]) throws -> Message {
        try Message.parse(Array((([first] + lines).joined(separator: "\r\n") + "\r\nContent-Length: 0\r\n\r\n").utf8))
    }

    static func invite(routes: [String] = [], cseq: Int = 7) throws -> Message {
        try message(
            "INVITE sip:bob@server SIP/2.0",
            [
                "Via: SIP/2.0/UDP a;branch=z9hG4bK1", "From: \"A\" <sip:a@x>;tag=fa;x=1", "To: <sip:bob@server>",
                "Call-ID: c1", "CSeq: \(cseq) INVITE", "Contact: <sip:a@10.0.0.1:5070>",
            ] + routes.map { "Record-Route: " + $0 })
    }

    struct Way: Sendable {
        var routes: [String]
        var requestURI: String
        var lines: String
        var nextHop: String?
    }

    @Test(arguments: [
        Way(routes: [], requestURI: "sip:a@10.0.0.1:5070", lines: "", nextHop: nil),
        Way(
            routes: ["<sip:p1;lr>", "<sip:p2;lr>"], requestURI: "sip:a@10.0.0.1:5070",
            lines: "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n", nextHop: "sip:p1;lr"),
        Way(
            routes: ["<sip:strict>", "<sip:p2;lr>"], requestURI: "sip:strict",
            lines: "Route: <sip:p2;lr>\r\nRoute: <sip:a@10.0.0.1:5070>\r\n", nextHop: "sip:strict"),
    ])
    func theAnsweringSideAsks(_ way: Way) throws {
        var dialog = try #require(AgentDialog(request: Self.invite(routes: way.routes), localTag: "lt"))
        let outline = dialog.outline()
        #expect(outline.requestURI.string == way.requestURI)
        #expect(outline.routeLines.string == way.lines)
        #expect(outline.nextHop?.string == way.nextHop)
        #expect(outline.from == "<sip:bob@server>;tag=lt")
        #expect(outline.to == "\"A\" <sip:a@x>;x=1;tag=fa")
        #expect(outline.callID == "c1")
        #expect(outline.cseq == 1)
        #expect(dialog.outline().cseq == 2)
        #expect(dialog.outline(sequence: 1).cseq == 1)
    }

    @Test func theAskingSideLearnsFromTheAnswer() throws {
        var dialog = AgentDialog(
            callID: "c2", localAddress: "<sip:me@x>", localTag: "lt", remoteAddress: "<sip:bob@y>",
            target: "sip:bob@y", sequence: 0)
        #expect(dialog.outline().to == "<sip:bob@y>")
        let ok = try Self.message(
            "SIP/2.0 200 OK",
            [
                "Via: SIP/2.0/UDP a;branch=z9hG4bK1", "From: <sip:me@x>;tag=lt", "To: <sip:bob@y>;tag=rt",
                "Call-ID: c2", "CSeq: 1 INVITE", "Contact: <sip:bob@10.0.0.2>", "Record-Route: <sip:p2;lr>",
                "Record-Route: <sip:p1;lr>",
            ])
        dialog.receive(ok)
        #expect(dialog.isConfirmed)
        let outline = dialog.outline()
        #expect(outline.requestURI == "sip:bob@10.0.0.2")
        #expect(outline.to == "<sip:bob@y>;tag=rt")
        #expect(outline.routeLines == "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n")
        #expect(dialog.matches(callID: "c2", remoteTag: "rt"))
        #expect(!dialog.matches(callID: "c2", remoteTag: "other"))
    }

    @Test(arguments: [(6, false), (7, false), (8, true), (20, true)])
    func requestsAreInOrderOrNot(_ number: Int, _ isInOrder: Bool) throws {
        var dialog = try #require(AgentDialog(request: Self.invite(cseq: 7), localTag: "lt"))
        #expect((dialog.receive(request: try Self.invite(cseq: number)) == .inOrder) == isInOrder)
    }
}
