import Bytes
import Location
import RouteRuntime
import Testing

@testable import Modules

@Suite("registrar: names, patterns and texts at the edge of the grammar")
struct RegistrarEdgeTests {
    /// An address is one, however its user is escaped (RFC 3261 §10.3 step 5): registered, asked for, and whether they meet.
    @Test(
        arguments: [
            ("sip:+4912@ex.org", "sip:%2B4912@ex.org", true), ("sip:%2b4912@ex.org", "sip:+4912@EX.org", true),
            ("sip:%61lice@ex.org", "sip:alice@ex.org", true), ("sip:a%40b@ex.org", "sip:a%40b@ex.org", true),
            ("sip:a%2Bc@ex.org", "sip:a%20c@ex.org", false), ("sip:a%0D%0Ab@ex.org", "sip:a%0D%0Ab@ex.org", true),
            ("sip:%41@ex.org", "sip:a@ex.org", false), ("sip:%2541@ex.org", "sip:A@ex.org", false),
        ], [true, false])
    func escapesOfTheUser(_ test: (String, String, Bool), usesDomain: Bool) throws {
        let (registered, asked, meet) = test
        let head = "modparam(\"usrloc\", \"use_domain\", \(usesDomain ? 1 : 0))"
        let harness = try ModuleHarness(
            """
            if (is_method("REGISTER")) { save("location"); exit; }
            lookup("location"); note("$rc");
            is_registered("location", "\(asked)"); note("$rc");
            """, head: head)
        try harness.run(ModuleHarness.sample(ModuleHarness.register("<sip:phone@10.0.0.1>", to: registered)))
        let context = ModuleHarness.sample()
        context.requestURI = ByteString(asked)
        try harness.run(context)
        #expect(harness.notes == (meet ? ["1", "1"] : ["-1", "-1"]))
        harness.environment.location.domain(named: "location").forEachRecord { record in
            #expect(record.aor.elements.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        }
    }

    /// What a Path says of the client's address goes into headers and routes: it is a URI, or it is not kept.
    @Test(
        arguments: [
            ("sip%3A10.1.1.1%3A5070", "sip:10.1.1.1:5070"),
            ("sip%3Ax%22%0D%0AX-Injected%3A%201", nil), ("sip%3Ax%40h%22%3Be%3D%22", nil), ("sip%3Ax%3Ch%3E", nil),
            ("hello", nil), ("%0D%0AX-Injected%3A%201", nil), ("http%3A%2F%2Fh", nil), ("sip%3Aa%5Cb", nil),
        ] as [(String, String?)])
    func receivedOfAPath(_ text: String, _ kept: String?) throws {
        let harness = try ModuleHarness("save(\"location\", \"path-lazy, path-received\");")
        try harness.run(
            ModuleHarness.sample(
                ModuleHarness.register(
                    "<sip:a@10.0.0.1>", lines: "Path: <sip:edge;lr;received=\(text)>\nSupported: path")))
        let reply = try #require(harness.recorder.replies.last)
        #expect(reply.status == 200)
        let contact = "Contact: <sip:a@10.0.0.1>;expires=3600" + (kept.map { ";received=\"\($0)\"" } ?? "")
        #expect(reply.lines.string.hasPrefix(contact + "\r\nPath: <sip:edge;"))
        #expect(reply.lines.string.split(separator: "\r\n").count == 2)
    }

    /// The same holds for what a script puts into `received_avp`, from whatever source.
    @Test(
        arguments: [
            ("sip:10.1.1.1:5070", true), ("sip:x\\r\\nX-Injected: 1", false), ("sip:x@h\\\";e=\\\"", false),
            ("hello", false),
            ("http://h", false), ("", false),
        ])
    func receivedOfAnAVP(_ text: String, _ isKept: Bool) throws {
        let harness = try ModuleHarness(
            "$avp(rcv) = \"\(text)\"; save(\"location\");",
            head: "modparam(\"registrar\", \"received_avp\", \"$avp(rcv)\")")
        try harness.run(ModuleHarness.sample(ModuleHarness.register("<sip:a@10.0.0.1>")))
        let reply = try #require(harness.recorder.replies.last)
        #expect(reply.status == 200)
        #expect(
            reply.lines.string
                == "Contact: <sip:a@10.0.0.1>;expires=3600" + (isKept ? ";received=\"\(text)\"" : "") + "\r\n")
        #expect(harness.recorder.logs.contains { $0.contains("is no SIP URI") } == (!isKept && !text.isEmpty))
    }

    /// `is_registered()` tells what `save()` kept, as `lookup()` does.
    @Test func attributesOfARegisteredAddress() throws {
        let harness = try ModuleHarness(
            """
            if (is_method("REGISTER")) { $avp(attr) = "floor 3"; save("location"); exit; }
            is_registered("location", "sip:alice@example.net"); note("$rc $msg.branch.attr(attr)");
            is_registered("location", "sip:nobody@example.net"); note("$rc");
            """, head: "modparam(\"registrar\", \"attr_avp\", \"$avp(attr)\")")
        try harness.run(ModuleHarness.sample(ModuleHarness.register("<sip:a@10.0.0.1>")))
        try harness.run(ModuleHarness.sample())
        #expect(harness.notes == ["1 floor 3", "-1"])
    }

    /// Flags, and the pattern in them; nil where they are refused.
    @Test(arguments: [
        ("ua-filtering=/re{1,2}/", "ree", true), ("ua-filtering=/re{1,2}/", "r", false),
        ("method-filtering, ua-filtering=/^a,b$/ , no-branches", "a,b", true),
        ("ua-filtering=/A,B/i,no-branches", "a,b", true), ("ua-filtering=/x/1,z/", "x/1,z", true),
        ("ua-filtering = /a/", "a", true),
    ])
    func patternsMayHoldCommas(_ flags: String, _ agent: String, _ matches: Bool) throws {
        let read = try #require(LookupFlags(ByteString(flags)))
        #expect(try #require(read.userAgent).matches(ByteString(agent)) == matches)
        #expect(read.takesFirstOnly == flags.contains("no-branches"))
        #expect(read.filtersByMethod == flags.contains("method-filtering"))
    }

    @Test(arguments: ["ua-filtering=/a", "ua-filtering=/a,b", "ua-filtering=/a/,nonsense", "ua-filtering=a,b"])
    func badPatternsAreRefused(_ flags: String) { #expect(LookupFlags(ByteString(flags)) == nil) }

    /// One bound for what is written and what is read: CSeq stays below 2^31, and is raised by at most 2^30.
    @Test(arguments: [(70_000, true), (1 << 30, true), (1 << 30 + 1, false), (Int(Int32.max), false)])
    func raisedSequence(_ amount: Int, _ isAccepted: Bool) throws {
        let notes = try ModuleHarness.notes("uac_inc_cseq(\(amount)); note(\"$rc\");")
        #expect(notes == [isAccepted ? "1" : "-1"])
        let text = ModuleHarness.inDialog(lines: "Route: <sip:127.0.0.1;lr;ftag=ft;vsc=\(amount)>")
        let context = ModuleHarness.sample(text)
        let before = try #require(context.message.cseq?.number)
        let sent = try ModuleHarness.sent("loose_route();", on: context)
        #expect(sent.contains("CSeq: \(Int(before) + (isAccepted ? amount : 0)) "))
    }
}
