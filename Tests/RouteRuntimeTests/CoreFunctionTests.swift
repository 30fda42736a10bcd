import Bytes
import Testing

@testable import RouteRuntime

/// The functions of the core.
@Suite struct CoreFunctionTests {
    @Test(
        arguments: [
            ("sethost(\"h.com\");", "sip:bob@h.com:5070;x=1"), ("rewritehost(\"h.com\");", "sip:bob@h.com:5070;x=1"),
            ("sethostport(\"1.2.3.4:5080\");", "sip:bob@1.2.3.4:5080;x=1"),
            ("sethostport(\"1.2.3.4\");", "sip:bob@1.2.3.4;x=1"), ("setport(\"99\");", "sip:bob@b.com:99;x=1"),
            ("setuser(\"u\");", "sip:u@b.com:5070;x=1"), ("setuserpass(\"u:p\");", "sip:u:p@b.com:5070;x=1"),
            ("seturi(\"sip:n@m\");", "sip:n@m"), ("prefix(\"00\");", "sip:00bob@b.com:5070;x=1"),
            ("strip(1);", "sip:ob@b.com:5070;x=1"), ("strip_tail(2);", "sip:b@b.com:5070;x=1"),
            ("strip(9);", "sip:b.com:5070;x=1"), ("seturi(\"sip:n@m\"); revert_uri();", "sip:bob@b.com:5070;x=1"),
            ("seturi(\"bad\");", "sip:bob@b.com:5070;x=1"),
            ("construct_uri(\"sip\", \"v\", \"d.com\", \"5061\", \"a=b\", $ru);", "sip:v@d.com:5061;a=b"),
            ("construct_uri(\"sip\", \"v\", \"d.com\", \"\", \"\", $ru);", "sip:v@d.com"),
            ("pv_printf($ru, \"sip:$rU-x@h\");", "sip:bob-x@h"),
        ])
    func requestURI(_ script: String, _ expected: String) throws {
        let context = Sample.context()
        context.requestURI = "sip:bob@b.com:5070;x=1"
        // revert_uri goes back to the URI as received.
        let received = "sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"
        let notes = try ScriptHarness.notes("\(script) note(\"$ru\");", on: context)
        #expect(notes == [script.contains("revert") ? received : expected])
    }

    @Test(
        arguments: [
            (
                "setdsturi(\"sip:d\"); if (isdsturiset()) note(\"$du\"); resetdsturi(); if (!isdsturiset()) note(\"no\");",
                ["sip:d", "no"]
            ),
            (
                "setflag(\"a\"); if (isflagset(\"a\")) note(\"yes\"); resetflag(\"a\"); if (!isflagset(\"a\")) note(\"no\");",
                ["yes", "no"]
            ),
            (
                "append_branch(\"sip:b@h\"); setbflag(\"f\", 1); if (isbflagset(\"f\", 1) && !isbflagset(\"f\")) note(\"yes\");",
                ["yes"]
            ),
            (
                "append_branch(); $ru = \"sip:c@h\"; append_branch(\"sip:b@h\", \"0.5\"); note(\"$(branch(uri)[*]) $(branch(q)[1])\");",
                ["sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi,sip:b@h 500"]
            ),
            (
                "append_branch(\"sip:b@h\"); append_branch(\"sip:c@h\"); remove_branch(0); note(\"$(branch(uri)[*])\");",
                ["sip:c@h"]
            ),
            (
                "append_branch(\"sip:b@h\"); swap_msg_branches(0, 1); note(\"$ru $branch(uri)\");",
                ["sip:b@h sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"]
            ),
            ("append_branch(\"sip:b@h\"); move_msg_branch(1, 0); note(\"$ru $msg.branch.last_idx\");", ["sip:b@h 0"]),
            (
                "append_branch(\"sip:b@h\"); append_branch(\"sip:c@h\"); swap_branches(0, 1); note(\"$(branch(uri)[*])\");",
                ["sip:c@h,sip:b@h"]
            ),
            (
                "$ru = \"sip:a@h\"; append_branch(\"sip:b@h\"); swap_branches(, 0); note(\"$ru $branch(uri)\");",
                ["sip:b@h sip:a@h"]
            ),
            (
                "append_branch(\"sip:b@h\"); move_branch(0, -1, \"keep\"); note(\"$ru $(branch(uri)[*])\");",
                ["sip:b@h sip:b@h"]
            ),
            ("append_branch(\"sip:b@h\"); move_branch(0); note(\"$ru $msg.branch.last_idx\");", ["sip:b@h 0"]),
            (
                "$du = \"sip:p@h\"; append_msg_branch(\"sip:b@h\"); append_msg_branch(\"sip:c@h\", \"0.5\", \"inherite\"); note(\"$(msg.branch.duri[1]) $(msg.branch.duri[2]) $(msg.branch.q[2])\");",
                ["<null> sip:p@h 500"]
            ),
            (
                "sr_check_status(\"core\"); note(\"$rc\"); sr_check_status(\"core\", \"all\"); note(\"$rc\"); sr_check_status(\"x\"); note(\"$rc\");",
                ["1", "1", "-1"]
            ),
            ("if (!is_myself(\"x\")) note(\"no\");", ["no"]),
            (
                "force_rport(); add_local_rport(); set_advertised_address(\"a.b\"); set_advertised_port(99); note(\"$rc\");",
                ["1"]
            ),
            ("if (!force_send_socket(\"udp:1.1.1.1:5060\")) note(\"no\");", ["no"]),
            (
                "set_via_handling(\"force-rport\"); note(\"$rc\"); set_via_handling(\"nonsense\"); note(\"$rc\");",
                ["1", "-1"]
            ),
        ])
    func others(_ script: String, _ expected: [String]) throws {
        #expect(try ScriptHarness.notes(script) == expected)
    }

    @Test func serialForking() throws {
        let notes = try ScriptHarness.notes(
            """
            $ru = "sip:low@h"; $ru_q = 100;
            append_branch("sip:high@h", "0.9"); append_branch("sip:mid1@h", "0.5"); append_branch("sip:mid2@h", "0.5");
            serialize_branches(1);
            note("$msg.branch.last_idx");
            while (next_branches()) {
                note("$rc $ru $(branch(uri)[*])");
                while (remove_branch(0)) { $var(x) = 1; }
            }
            """)
        #expect(notes == ["0", "1 sip:high@h <null>", "1 sip:mid1@h sip:mid2@h", "2 sip:low@h <null>"])
    }

    @Test func eventsAreRaised() throws {
        nonisolated(unsafe) var raised: [String] = []
        var host = CoreHost()
        host.raiseEvent = { name, parameters in
            let list = parameters.map { "\($0.name?.string ?? "-")=\($0.value.printed)" }
            raised.append("\(name): \(list.joined(separator: " "))")
            return true
        }
        let harness = try ScriptHarness(
            """
            $avp(name) = "param1"; $avp(name) = "param2"; $avp(value) = 1; $avp(value) = "2";
            raise_event("E_NONE"); raise_event("E_ONE", , $avp(value)); raise_event("E_TWO", $avp(name), $avp(value));
            raise_event("E_NAMES", $avp(name));
            """, host: host)
        try harness.run()
        #expect(raised == ["E_NONE: ", "E_ONE: -=1 -=2", "E_TWO: param1=1 param2=2", "E_NAMES: "])
    }

    /// Every function and variable of the core that is declared as available can be called.
    @Test func declarationsAreBound() {
        let binding = CoreModule.binding(CoreHost(), flags: FlagNames())
        for function in CoreModule.declaration.functions where function.availability == .available {
            #expect(binding.functions[function.name] != nil, "\(function.name) is declared but not bound")
        }
        let names = CoreModule.declaration.functions.map(\.name) + CoreModule.declaration.variables.map(\.name)
        #expect(Set(names).count == names.count, "a name is declared twice")
        for name in binding.functions.keys {
            #expect(CoreModule.declaration.functions.contains { $0.name == name }, "\(name) is bound but not declared")
        }
    }
}
