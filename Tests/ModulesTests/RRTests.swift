import Bytes
import Foundation
import RouteRuntime
import Testing

@testable import Modules

@Suite("rr")
struct RRTests {
    @Test func recordRouteGoesBeforeOthersAndNamesTheListener() throws {
        let text = try ModuleHarness.sent("record_route();")
        #expect(
            text.contains(
                "branch=z9hG4bK1\r\nRecord-Route: <sip:127.0.0.1:5060;lr;ftag=ft>\r\nMax-Forwards: 70\r\n"))
        let second = ModuleHarness.sample(
            ModuleHarness.invite.replacing("Max-Forwards", with: "Record-Route: <sip:p1;lr>\nMax-Forwards"))
        let behind = try ModuleHarness.sent("record_route();", on: second)
        #expect(behind.contains("Record-Route: <sip:127.0.0.1:5060;lr;ftag=ft>\r\nRecord-Route: <sip:p1;lr>\r\n"))
    }

    @Test func twoListenersMakeTwoHeaders() throws {
        let text = try ModuleHarness.sent("record_route();", by: ModuleHarness.sockets[1])
        #expect(
            text.contains(
                "Record-Route: <sip:192.0.2.1:5070;r2=on;lr;ftag=ft>\r\n"
                    + "Record-Route: <sip:127.0.0.1:5060;r2=on;lr;ftag=ft>\r\n"))
        let single = try ModuleHarness.sent(
            "record_route();", head: "modparam(\"rr\", \"enable_double_rr\", 0)", by: ModuleHarness.sockets[1])
        #expect(single.contains("Record-Route: <sip:192.0.2.1:5070;lr;ftag=ft>\r\nMax-Forwards"))
    }

    @Test(arguments: [
        ("record_route(\";a=1\"); add_rr_param(\";b=2\");", "", "<sip:127.0.0.1:5060;lr;ftag=ft;a=1;b=2>"),
        ("add_rr_param(\";b=2\"); record_route();", "", "<sip:127.0.0.1:5060;lr;ftag=ft;b=2>"),
        ("record_route(); record_route();", "", "<sip:127.0.0.1:5060;lr;ftag=ft>"),
        ("record_route();", "modparam(\"rr\", \"append_fromtag\", 0)", "<sip:127.0.0.1:5060;lr>"),
        ("record_route();", "modparam(\"rr\", \"add_username\", 1)", "<sip:bob@127.0.0.1:5060;lr;ftag=ft>"),
        ("record_route_preset(\"1.2.3.4:5090\");", "", "<sip:1.2.3.4:5090;lr;ftag=ft>"),
    ])
    func recordRouteParameters(script: String, head: String, expected: String) throws {
        let text = try ModuleHarness.sent(script, head: head)
        #expect(text.components(separatedBy: "Record-Route: ").count == 2)
        #expect(text.contains("Record-Route: \(expected)\r\n"))
    }

    @Test func branchesRecordForThemselves() throws {
        let harness = try ModuleHarness(
            "route { record_route(); }\nbranch_route[b] { add_rr_param(\";branch=yes\"); }")
        let request = ModuleHarness.sample()
        try harness.run(request)
        let first = request.copyForBranch(ScriptBranch(uri: "sip:bob@10.0.0.1"), index: 0)
        let second = request.copyForBranch(ScriptBranch(uri: "sip:bob@10.0.0.2"), index: 1)
        try harness.run(first, .branch, "b")
        #expect(ModuleHarness.sent(first).contains("ftag=ft;branch=yes>"))
        #expect(ModuleHarness.sent(second).contains("ftag=ft>"))
        #expect(ModuleHarness.sent(request).contains("ftag=ft>"))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var uri = "sip:bob@10.9.9.9"
        let routes: [String]
        var hasToTag = true
        let result: String
        var newURI: String?
        var destination = "<null>"
        var kept: [String] = []
        var parameters = "<null>"
        var socket: String?
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "no Route", routes: [], result: "-1"),
        Case(
            name: "only ours", routes: ["<sip:127.0.0.1:5060;lr;ftag=ft>"], result: "1",
            parameters: ";lr;ftag=ft"),
        Case(
            name: "ours, then a loose router", routes: ["<sip:127.0.0.1;lr>", "<sip:p2.example.org;lr>"], result: "1",
            destination: "sip:p2.example.org;lr", kept: ["<sip:p2.example.org;lr>"], parameters: ";lr"),
        Case(
            name: "both in one field", routes: ["<sip:127.0.0.1;lr>, <sip:p2;lr>, <sip:p3;lr>"], result: "1",
            destination: "sip:p2;lr", kept: ["<sip:p2;lr>, <sip:p3;lr>"], parameters: ";lr"),
        Case(
            name: "ours, then a strict router", routes: ["<sip:127.0.0.1;lr>", "<sip:strict.example.org>"], result: "1",
            newURI: "sip:strict.example.org", kept: ["<sip:bob@10.9.9.9>"], parameters: ";lr"),
        Case(
            name: "from a strict router", uri: "sip:127.0.0.1:5060;lr;ftag=x",
            routes: ["<sip:p2;lr>", "<sip:bob@10.9.9.9>"], result: "1", newURI: "sip:bob@10.9.9.9",
            destination: "sip:p2;lr", kept: ["<sip:p2;lr>"], parameters: ";lr;ftag=x"),
        Case(
            name: "from a strict router to the target", uri: "sip:127.0.0.1:5060;lr",
            routes: ["<sip:bob@10.9.9.9>"], result: "1", newURI: "sip:bob@10.9.9.9", parameters: ";lr"),
        Case(
            name: "two of ours", routes: ["<sip:127.0.0.1;r2=on;lr>", "<sip:192.0.2.1:5070;r2=on;lr>", "<sip:p2;lr>"],
            result: "1", destination: "sip:p2;lr", kept: ["<sip:p2;lr>"], parameters: ";r2=on;lr",
            socket: "udp:192.0.2.1:5070"),
        Case(
            name: "somebody else's on top", routes: ["<sip:p2.example.org;lr>"], result: "1",
            destination: "sip:p2.example.org;lr", kept: ["<sip:p2.example.org;lr>"], parameters: ""),
        Case(
            name: "preloaded with ours only", routes: ["<sip:127.0.0.1;lr>"], hasToTag: false, result: "-1",
            parameters: ";lr"),
        Case(
            name: "preloaded", routes: ["<sip:127.0.0.1;lr>", "<sip:p2;lr>"], hasToTag: false, result: "1",
            destination: "sip:p2;lr", kept: ["<sip:p2;lr>"], parameters: ";lr"),
        Case(
            name: "another port is not us", routes: ["<sip:127.0.0.1:5099;lr>"], result: "1",
            destination: "sip:127.0.0.1:5099;lr", kept: ["<sip:127.0.0.1:5099;lr>"], parameters: ""),
        Case(name: "unreadable", routes: ["<sip:"], result: "-1", kept: ["<sip:"]),
    ]

    @Test(arguments: cases)
    func looseRoute(_ test: Case) throws {
        let lines = test.routes.map { "Route: \($0)" }.joined(separator: "\n")
        var text = ModuleHarness.inDialog(uri: test.uri, lines: lines)
        if !test.hasToTag { text = text.replacing(";tag=tt", with: "") }
        let context = ModuleHarness.sample(text)
        let harness = try ModuleHarness("loose_route(); note(\"$rc $du $rr_params\");")
        try harness.run(context)
        #expect(harness.notes == ["\(test.result) \(test.destination) \(test.parameters)"])
        let sent = ModuleHarness.sent(context)
        #expect(sent.hasPrefix("BYE \(test.newURI ?? test.uri) SIP/2.0\r\n"))
        let kept = sent.components(separatedBy: "\r\n").filter { $0.hasPrefix("Route: ") }.map { $0.dropFirst(7) }
        #expect(kept.map(String.init) == test.kept)
        #expect(context.socketOut?.description.string == test.socket)
    }

    @Test func directionAndParameters() throws {
        let script = """
            loose_route();
            if (is_direction("downstream")) note("down"); else note("up");
            if (is_direction("upstream")) note("up");
            if (check_route_param("nat=yes")) note("nat");
            if (check_route_param("other")) note("other");
            """
        let down = ModuleHarness.sample(ModuleHarness.inDialog(lines: "Route: <sip:127.0.0.1;lr;ftag=ft;nat=yes>"))
        #expect(try ModuleHarness.notes(script, on: down) == ["down", "nat"])
        let up = ModuleHarness.sample(ModuleHarness.inDialog(lines: "Route: <sip:127.0.0.1;lr;ftag=zz>"))
        #expect(try ModuleHarness.notes(script, on: up) == ["up", "up"])
    }

    @Test func aliasesAreOurs() throws {
        let context = ModuleHarness.sample(ModuleHarness.inDialog(lines: "Route: <sip:sip.example.org:5060;lr>"))
        let notes = try ModuleHarness.notes(
            "loose_route(); note(\"$rc $du\");", head: "alias=udp:sip.example.org:5060", on: context)
        #expect(notes == ["1 <null>"])
    }
}
