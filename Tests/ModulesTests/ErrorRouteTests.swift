import Bytes
import SIPMessage
import Testing

@testable import Modules

/// Requests that cannot be read: `error_route`, or the answer that the stack gives without one.
@Suite struct ErrorRouteTests {
    private static let script = """
        route { send_reply(200, "OK"); }
        error_route {
            xlog("class=$err.class level=$err.level rcode=$err.rcode reason=$err.rreason from $si:$sp $rm\\n");
            xlog("info=$(err.info)\\n");
            if ($err.rcode != 505) sl_send_reply($err.rcode, "$err.rreason");
        }
        """

    private func message(_ firstLine: String, drop: String? = nil, replace: (String, String)? = nil) -> [UInt8] {
        var lines = [
            firstLine, "Via: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bK1", "Max-Forwards: 70",
            "From: <sip:alice@127.0.0.1>;tag=a", "To: <sip:bob@127.0.0.1>", "Call-ID: call-1", "CSeq: 1 OPTIONS",
            "Content-Length: 0", "", "",
        ]
        lines.removeAll { drop != nil && $0.hasPrefix(drop ?? "") }
        if let replace { lines = lines.map { $0.hasPrefix(replace.0) ? replace.1 : $0 } }
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    @Test func theRouteSeesWhatIsWrongAndAnswers() throws {
        let harness = try TMHarness(Self.script)
        harness.receive(message("OPTIONS sip:bob@127.0.0.1 SIP/2.0", drop: "Call-ID"), from: TMHarness.caller)
        #expect(harness.takeSent() == ["caller: SIP/2.0 400 Missing Call-ID Header Field"], "once, by the route")
        #expect(
            harness.logs.first
                == "class=1 level=1 rcode=400 reason=Missing Call-ID Header Field from 10.1.1.1:5060 OPTIONS")
        #expect(harness.logs.last?.contains("missing") == true)
    }

    @Test func withoutTheRouteTheStackAnswers() throws {
        let harness = try TMHarness("route { send_reply(200, \"OK\"); }")
        harness.receive(message("OPTIONS sip:bob@127.0.0.1 SIP/2.0", drop: "Call-ID"), from: TMHarness.caller)
        #expect(harness.takeSent() == ["caller: SIP/2.0 400 Missing Call-ID Header Field"])
    }

    @Test func theRouteMayDiscard() throws {
        let harness = try TMHarness("route { exit; }\nerror_route { xlog(\"bad\\n\"); }")
        harness.receive(
            message("OPTIONS sip:bob@127.0.0.1 SIP/2.0", replace: ("CSeq", "CSeq: x OPTIONS")), from: TMHarness.caller)
        #expect(harness.takeSent() == [])
        #expect(harness.logs == ["bad"])
    }

    @Test(arguments: ["OPTIONS sip:bob@127.0.0.1 SIP/3.0", "OPTIONS  SIP/2.0", "nonsense", "SIP/2.0 2xx OK"])
    func aBadFirstLineDoesNotTriggerIt(line: String) throws {
        let harness = try TMHarness(Self.script)
        harness.receive(message(line), from: TMHarness.caller)
        #expect(harness.logs == [])
    }

    @Test func aBadReplyDoesNotTriggerIt() throws {
        let harness = try TMHarness(Self.script)
        harness.receive(
            message("SIP/2.0 200 OK", replace: ("Content-Length", "Content-Length: -5")), from: TMHarness.caller)
        #expect(harness.logs == [])
        #expect(harness.takeSent() == [])
    }

    @Test func ackIsSeenButNeverAnswered() throws {
        let harness = try TMHarness(Self.script)
        harness.receive(message("ACK sip:bob@127.0.0.1 SIP/2.0", drop: "To"), from: TMHarness.caller)
        #expect(harness.takeSent() == [])
        #expect(harness.logs.first?.hasPrefix("class=1") == true)
    }
}
