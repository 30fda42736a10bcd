import Bytes
import Foundation
import Location
import RouteRuntime
import Synchronization
import Testing

@testable import Modules

@Suite("registrar and usrloc")
struct RegistrarTests {
    private static let save = "save(\"location\"); note(\"$rc\");"

    /// Registers, and gives the reply as `status reason | header lines`.
    private func reply(
        _ harness: ModuleHarness, _ contacts: String, cseq: Int = 1, callID: String = "reg-1",
        to: String = "sip:alice@example.net", _ lines: String = ""
    ) throws -> String {
        let text = ModuleHarness.register(contacts, cseq: cseq, callID: callID, to: to, lines: lines)
        try harness.run(ModuleHarness.sample(text))
        guard let last = harness.recorder.replies.last else { return "nothing" }
        return "\(last.status) \(last.reason)|\(last.lines)"
    }

    @Test func aRegistrationIsAnsweredWithAllContacts() throws {
        let harness = try ModuleHarness(Self.save)
        #expect(
            try reply(harness, "<sip:alice@10.0.0.1>;expires=600;q=0.5")
                == "200 OK|Contact: <sip:alice@10.0.0.1>;expires=600;q=0.5\r\n")
        harness.recorder.now += 100
        #expect(
            try reply(harness, "<sip:alice@10.0.0.2>", cseq: 2, "Expires: 300")
                == "200 OK|Contact: <sip:alice@10.0.0.1>;expires=500;q=0.5, <sip:alice@10.0.0.2>;expires=300\r\n")
        #expect(
            try reply(harness, "", cseq: 3)
                == "200 OK|Contact: <sip:alice@10.0.0.1>;expires=500;q=0.5, <sip:alice@10.0.0.2>;expires=300\r\n")
        #expect(try reply(harness, "*", cseq: 4, "Expires: 0") == "200 OK|")
        #expect(harness.notes == ["1", "1", "1", "1"])
        #expect(harness.environment.statistics.select("registrar:accepted_regs").first?.value == 4)
        #expect(harness.environment.statistics.select("usrloc:location-contacts").first?.value == 0)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var flags = ""
        var head = ""
        var contacts = "<sip:alice@10.0.0.1>"
        var lines = ""
        let reply: String
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "default expiry", reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=3600\r\n"),
        Case(
            name: "minimum", contacts: "<sip:alice@10.0.0.1>;expires=5",
            reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=60\r\n"),
        Case(
            name: "minimum by flag", flags: "min-expires=10", contacts: "<sip:alice@10.0.0.1>;expires=5",
            reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=10\r\n"),
        Case(
            name: "maximum", head: "modparam(\"registrar\", \"max_expires\", 120)",
            reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=120\r\n"),
        Case(
            name: "maximum by old flag", flags: "E90r0", reply: "nothing"),
        Case(name: "no reply", flags: "no-reply", reply: "nothing"),
        Case(
            name: "unexpire", contacts: "<sip:alice@10.0.0.1>;expires=0", reply: "200 OK|"),
        Case(
            name: "too many", flags: "max-contacts=1", head: "modparam(\"registrar\", \"retry_after\", 30)",
            contacts: "<sip:alice@10.0.0.1>, <sip:alice@10.0.0.2>",
            reply: "503 Too Many Registered Contacts|Retry-After: 30\r\n"),
        Case(name: "old flags", flags: "mc1f", reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=3600\r\n"),
        Case(
            name: "asterisk without expiry", contacts: "*",
            reply: "400 Contact * Needs Expires 0 And No Other Contact|"),
        Case(
            name: "asterisk and another", contacts: "*, <sip:alice@10.0.0.1>", lines: "Expires: 0",
            reply: "400 Contact * Needs Expires 0 And No Other Contact|"),
        Case(name: "bad contact", contacts: "<sip:", reply: "400 Bad Contact|"),
        Case(
            name: "long contact", contacts: "<sip:\(String(repeating: "a", count: 300))@10.0.0.1>",
            reply: "400 Bad Contact URI|"),
        Case(
            name: "path, lazy", flags: "path-lazy", lines: "Path: <sip:edge;lr>\nSupported: path",
            reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=3600\r\nPath: <sip:edge;lr>\r\n"),
        Case(
            name: "path, lazy, not supported", flags: "p1", lines: "Path: <sip:edge;lr>",
            reply: "200 OK|Contact: <sip:alice@10.0.0.1>;expires=3600\r\n"),
        Case(
            name: "path, strict, not supported", flags: "path-strict", lines: "Path: <sip:edge;lr>",
            reply: "420 Bad Extension|Unsupported: path\r\nPath: <sip:edge;lr>\r\n"),
    ]

    @Test(arguments: cases)
    func registration(_ test: Case) throws {
        let harness = try ModuleHarness("save(\"location\", \"\(test.flags)\");", head: test.head)
        #expect(try reply(harness, test.contacts, test.lines) == test.reply)
    }

    @Test func unknownFlagsAreLoggedAndRefused() throws {
        let harness = try ModuleHarness(
            "$var(f) = \"max-contact=1, x\"; save(\"location\", $var(f)); note(\"$rc\");")
        #expect(try reply(harness, "<sip:alice@10.0.0.1>") == "nothing")
        #expect(harness.notes == ["-1"])
        #expect(harness.recorder.logs.contains { $0.contains("flag that there is not") })
    }

    @Test func outOfOrderIsRefusedAndCounted() throws {
        let harness = try ModuleHarness(Self.save)
        _ = try reply(harness, "<sip:alice@10.0.0.1>", cseq: 5)
        #expect(try reply(harness, "<sip:alice@10.0.0.1>", cseq: 4) == "500 CSeq Out Of Order|")
        #expect(harness.notes == ["1", "-1"])
        #expect(harness.environment.statistics.select("registrar:rejected_regs").first?.value == 1)
    }

    // MARK: lookup

    /// Registers `contacts` for bob, then runs `script` on an INVITE for him.
    private func look(
        _ script: String, contacts: String, lines: String = "", flags: String = "", head: String = "",
        invite: String = ModuleHarness.invite
    ) throws -> (notes: [String], context: MessageContext) {
        let harness = try ModuleHarness(
            """
            route {
                if (is_method("REGISTER")) { save("location", "\(flags)"); exit; }
                \(script)
            }
            """, head: head)
        if !contacts.isEmpty { _ = try reply(harness, contacts, to: "sip:bob@example.net", lines) }
        let context = ModuleHarness.sample(invite)
        try harness.run(context)
        return (harness.notes, context)
    }

    @Test func lookupTakesTheBestAndBranchesTheRest() throws {
        let found = try look(
            "lookup(\"location\"); note(\"$rc $ru $ru_q $du\");",
            contacts: "<sip:bob@10.0.0.1>;q=0.2, <sip:bob@10.0.0.2>;q=0.9, <sip:bob@10.0.0.3>;q=0.5")
        #expect(found.notes.first?.hasPrefix("1 sip:bob@10.0.0.2 ") == true)
        #expect(found.context.q == 900)
        #expect(found.context.branches.map(\.uri.string) == ["sip:bob@10.0.0.3", "sip:bob@10.0.0.1"])
        #expect(found.context.branches.map(\.q) == [500, 200])
        #expect(found.context.socketOut?.description == ("udp:127.0.0.1:5060" as ByteString))
    }

    @Test(arguments: [
        ("lookup(\"location\")", "", "-1"),
        ("lookup(\"location\", \"no-branches\")", "<sip:bob@10.0.0.1>, <sip:bob@10.0.0.2>", "1"),
        ("lookup(\"location\", \"b\")", "<sip:bob@10.0.0.1>, <sip:bob@10.0.0.2>", "1"),
        ("lookup(\"location\", \"method-filtering\")", "<sip:bob@10.0.0.1>", "-2"),
        ("lookup(\"location\", \"u/tablet/i\")", "<sip:bob@10.0.0.1>", "-1"),
        ("lookup(\"location\", \"ua-filtering=/^PHONE/i\")", "<sip:bob@10.0.0.1>", "1"),
        ("lookup(\"location\", $rm)", "<sip:bob@10.0.0.1>", "-3"),
        ("lookup(\"location\", \"\", \"sip:bob@EXAMPLE.net\")", "<sip:bob@10.0.0.1>", "1"),
        ("lookup(\"location\", \"\", \"sip:Bob@example.net\")", "<sip:bob@10.0.0.1>", "-1"),
        ("lookup(\"other\")", "<sip:bob@10.0.0.1>", "-1"),
    ])
    func lookupCodes(call: String, contacts: String, code: String) throws {
        let found = try look("\(call); note(\"$rc\");", contacts: contacts, lines: "Allow: BYE, OPTIONS")
        #expect(found.notes == [code])
        #expect(found.context.branches.isEmpty)
    }

    /// What a contact says of itself counts more than the Allow header of its REGISTER (RFC 3840).
    @Test(arguments: [
        ("<sip:bob@10.0.0.1>;methods=\"INVITE, BYE\"", "Allow: OPTIONS", "1"),
        ("<sip:bob@10.0.0.1>;methods=\"OPTIONS,BYE\"", "Allow: INVITE", "-2"),
        ("<sip:bob@10.0.0.1>;methods=INVITE", "", "1"), ("<sip:bob@10.0.0.1>;methods=BYE", "", "-2"),
    ])
    func methodsOfAContact(contact: String, lines: String, code: String) throws {
        let found = try look(
            "lookup(\"location\", \"method-filtering\"); note(\"$rc\");", contacts: contact, lines: lines)
        #expect(found.notes == [code])
    }

    @Test func lookupFollowsThePath() throws {
        let found = try look(
            "lookup(\"location\"); note(\"$ru $du\");", contacts: "<sip:bob@10.0.0.1>",
            lines: "Path: <sip:edge1;lr>, <sip:edge2;lr>\nSupported: path", flags: "path-lazy")
        #expect(found.notes == ["sip:bob@10.0.0.1 sip:edge1;lr"])
        #expect(found.context.path == ("<sip:edge1;lr>, <sip:edge2;lr>" as ByteString))
    }

    @Test func receivedAndAttributesTravelWithTheContact() throws {
        let harness = try ModuleHarness(
            """
            route {
                if (is_method("REGISTER")) {
                    $avp(rcv) = "sip:10.1.2.3:5099";
                    $avp(attr) = "desk";
                    setbflag("NAT");
                    save("location");
                    exit;
                }
                lookup("location");
                note("$ru $du $msg.branch.attr(attr)");
                if (isbflagset("NAT")) note("nat");
            }
            """,
            head: """
                modparam("registrar", "received_avp", "$avp(rcv)")
                modparam("registrar", "attr_avp", "$avp(attr)")
                modparam("usrloc", "nat_bflag", "NAT")
                """)
        let answer = try reply(harness, "<sip:bob@192.168.0.9>", to: "sip:bob@example.net")
        #expect(answer.hasSuffix("expires=3600;received=\"sip:10.1.2.3:5099\"\r\n"))
        try harness.run(ModuleHarness.sample())
        #expect(harness.notes == ["sip:bob@192.168.0.9 sip:10.1.2.3:5099 desk", "nat"])
    }

    // MARK: questions

    @Test func questionsAboutRegistrations() throws {
        let harness = try ModuleHarness(
            """
            route {
                if (is_method("REGISTER")) { save("location"); exit; }
                if (is_registered("location")) note("caller");
                if (is_registered("location", "sip:bob@example.net")) note("bob");
                if (is_contact_registered("location")) note("contact");
                if (is_contact_registered("location", , "sip:alice@10.9.9.9")) note("other contact");
                if (is_contact_registered("location", , , "reg-1")) note("callid");
                if (is_ip_registered("location", , $si)) note("ip");
                if (ul_add_key("location", "$fU@$fd", "k", "v")) note("key");
                ul_get_key("location", "$fU@$fd", "k", $var(v));
                note("$var(v)");
                if (remove("location", "sip:alice@example.net", , "10.1.2.3")) note("removed");
                if (is_registered("location")) note("still there");
            }
            """)
        _ = try reply(harness, "<sip:alice@10.1.2.3:5099>")
        try harness.run(ModuleHarness.sample())
        #expect(harness.notes == ["caller", "contact", "callid", "ip", "key", "v", "removed"])
    }

    @Test func eventsHaveTheFieldsOfThePeer() throws {
        let recorder = ModuleHarness.Recorder()
        let outlet = EventOutlet(isWanted: { $0.description == "E_UL_CONTACT_INSERT" }) { name, values in
            let text = values.map { "\($0.name)=\($0.value.printed)" }.joined(separator: ",")
            recorder.state.withLock { $0.events.append("\(name) \(text)") }
        }
        let domain = LocationStore(observer: .raising(outlet)).domain(named: "location")
        var request = RegistrationRequest(aor: "alice", callID: "c", cseq: 7)
        request.contacts = [ContactUpdate(uri: "sip:a@1.1.1.1", expiresSeconds: 60, q: 500)]
        _ = domain.register(request, now: 100)
        #expect(
            recorder.events == [
                "E_UL_CONTACT_INSERT domain=location,aor=alice,uri=sip:a@1.1.1.1,received=,path=,qval=5,user_agent=,"
                    + "socket=,bflags=0,expires=160,callid=c,cseq=7,attr=,latency=0,shtag="
            ])
    }

    @Test func modesWithADatabaseAreRefusedAtStart() {
        #expect(throws: ModuleHarness.Failure.self) {
            try ModuleHarness("exit;", head: "modparam(\"usrloc\", \"working_mode_preset\", \"sql-only\")")
        }
        #expect(throws: ModuleError.self) {
            try ModuleHarness("exit;", head: "modparam(\"registrar\", \"received_avp\", \"rcv\")")
        }
    }

    /// URI or text of an address, its key.
    static let addresses = [
        ("sip:alice@Example.NET", "alice@example.net"), ("sip:alice@example.net:5062;x=1", "alice@example.net"),
        ("sip:alice:pw@example.net", "alice@example.net"), ("sips:Alice@example.net", "Alice@example.net"),
        ("alice@example.net", "alice@example.net"), ("tel:+4930123", "+4930123"),
        ("sip:sip.example.net", "sip.example.net"),
    ]

    @Test(arguments: addresses)
    func addressesOfRecord(text: String, key: String) {
        let settings = UsrLocSettings(ModuleParameters([]), flags: FlagNames())
        #expect(settings.address(of: ByteString(text))?.string == key)
        #expect(settings.address(of: ByteString("sip:" + String(repeating: "u", count: 65) + "@example.net")) == nil)
    }
}
