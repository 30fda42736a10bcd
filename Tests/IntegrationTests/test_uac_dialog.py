"""From, To and CSeq that uac changed, kept with the dialog: in requests of both sides, of the server's own, and in hidden calls."""
import pytest

from conftest import HERE, Server
from dialog_calls import Call, answer_bye, dialogs, peers, serve, states  # noqa: F401 (fixture)

UAC = """
loadmodule "uac_auth.so"
modparam("uac_auth", "credential", "alice:example.org:wonder")
loadmodule "uac.so"
"""
REPLACE = 'uac_replace_from("Nobody", "sip:anonymous@example.net"); uac_replace_to(, "sip:desk@example.net");'
FAILURE = """
failure_route[challenged] {
	t_on_failure("challenged");
	if (t_check_status("40[17]") && uac_auth()) t_relay();
}
"""
CHALLENGE = ['WWW-Authenticate: Digest realm="example.org", nonce="n"']


def parties(message):
    return tuple(message.get(name).partition(";tag=")[0] for name in ("from", "to"))


@pytest.mark.parametrize("mode", ["auto", "manual", "none"])
def test_both_sides_see_the_names_that_they_know(start, peers, mode):
    server = serve(start, peers, extra=UAC + 'modparam("uac", "restore_mode", "%s")\n' % mode, call=REPLACE,
                   inside="uac_restore_from(); uac_restore_to();" if mode == "manual" else "")
    caller, callee = peers
    call = Call(server, *peers)
    known = ('"Nobody" <sip:anonymous@example.net>', "<sip:desk@example.net>")
    plain = ("<sip:caller@127.0.0.1>", "<%s>" % call.uri)
    assert parties(call.invite) == known
    recorded = call.invite.get("record-route")
    assert ";did=" in recorded and "vsf=" not in recorded and "vst=" not in recorded, "the dialog keeps it"
    kept = mode != "none"
    reply = call.answer(ack=False)
    assert parties(reply) == (plain if kept else known)
    assert parties(call.ack()) == (known if kept else plain)
    request, reply = call.exchange("INFO", 2)
    assert parties(request) == (known if kept else plain) and parties(reply) == plain
    # The callee's request, as it knows the names: back into the caller's.
    callee.request("INFO", caller.uri("me"), caller="sip:desk@example.net", callee="sip:anonymous@example.net",
                   call_id=call.sent["call_id"], from_tag=call.tag, to_tag=call.sent["from_tag"],
                   headers=["Route: " + recorded], destination=(server.address, server.port))
    request = caller.expect("INFO")
    assert parties(request) == (tuple(reversed(plain)) if kept else ("<sip:desk@example.net>", "<sip:anonymous@example.net>"))
    caller.reply(request, 200, "OK")
    assert parties(callee.expect(200)) == ("<sip:desk@example.net>", "<sip:anonymous@example.net>")
    server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"])
    byes = answer_bye(*peers)
    assert parties(byes[0]) == tuple(reversed(plain))
    assert parties(byes[1]) == (known if kept else plain), "the caller's name stays unknown"


def test_a_hidden_call_restores_names_without_record_route(start, peers):
    caller, callee = peers
    server = start("hiding.cfg", CALLEE=callee.port, EXTRA='loadmodule "dialog.so"\n',
                   PARAMS=UAC, ROUTE='create_dialog(); topology_hiding("C"); ' + REPLACE)
    caller.server = (server.address, server.port)
    call = Call(server, *peers)
    assert parties(call.invite)[0] == '"Nobody" <sip:anonymous@example.net>' and not call.invite.all("record-route")
    reply = call.reply(200)
    plain = ("<sip:caller@127.0.0.1>", "<%s>" % call.uri)
    assert parties(reply) == plain
    target = reply.get("contact").strip("<>")
    call.ack(target=target)
    request, reply = call.exchange("INFO", 2, target=target)
    assert parties(request) == ('"Nobody" <sip:anonymous@example.net>', "<sip:desk@example.net>")
    assert parties(reply) == plain
    callee.request("BYE", call.invite.get("contact").strip("<>"), caller="sip:desk@example.net",
                   callee="sip:anonymous@example.net", call_id=call.invite.get("call-id"), from_tag=call.tag,
                   to_tag=call.sent["from_tag"], destination=(server.address, server.port))
    bye = caller.expect("BYE")
    assert parties(bye) == tuple(reversed(plain)) and bye.get("call-id") == call.sent["call_id"]


def test_numbers_of_answered_challenges_go_together_with_our_own(start, peers):
    """uac_auth() raises the INVITE's number, pings take numbers, a re-INVITE is challenged too: all in one order."""
    server = serve(start, peers, call='t_on_failure("challenged");', flags="options-ping-callee",
                   extra=UAC + 'modparam("dialog", "options_ping_interval", 1)\n', routes=FAILURE,
                   inside='if (is_method("INVITE")) t_on_failure("challenged");')
    caller, callee = peers
    call = Call(server, *peers)
    callee.reply(call.invite, 401, "Who", tag="x", headers=CHALLENGE)
    callee.expect("ACK")
    call.invite = callee.expect("INVITE")
    assert call.invite.get("cseq") == "2 INVITE" and "vsc=" not in call.invite.get("record-route")
    reply = call.answer(ack=False)
    assert reply.get("cseq") == "1 INVITE"
    seen = []

    def expect(method):
        """The next request but for pings, which are answered."""
        while True:
            message = callee.receive()
            seen.append(int(message.get("cseq").split()[0]))
            if message.method == "OPTIONS":
                callee.reply(message, 200, "OK")
            if message.method == method:
                return message
            assert message.method == "OPTIONS", str(message)

    call.within("ACK", 1)
    assert expect("ACK").get("cseq") == "2 ACK"
    seen.pop()
    if not seen:
        expect("OPTIONS")
    call.within("INVITE", 2)
    challenged = expect("INVITE")
    callee.reply(challenged, 401, "Again", headers=CHALLENGE)
    expect("ACK")
    seen.pop()
    answered = expect("INVITE")
    assert answered.get("authorization") and answered.get("cseq") != challenged.get("cseq")
    callee.reply(answered, 200, "OK", headers=["Contact: <%s>" % callee.uri("bob")])
    assert caller.expect(200).get("cseq") == "2 INVITE"
    call.within("ACK", 2)
    ack = expect("ACK")
    assert ack.get("cseq").split()[0] == answered.get("cseq").split()[0]
    seen.pop()
    call.within("BYE", 3)
    bye = expect("BYE")
    callee.reply(bye, 200, "OK")
    assert caller.expect(200).get("cseq") == "3 BYE"
    assert seen == sorted(set(seen)) and seen[0] == 3, seen
    assert dialogs(server) == []


@pytest.mark.parametrize("force", [0, 1])
def test_force_dialog(start, peers, force):
    caller, callee = peers
    server = start("dialog.cfg", CALLEE=callee.port, EXTRA=UAC + 'modparam("uac", "force_dialog", %d)\n' % force,
                   ROUTE="route[call] { %s record_route(); }\nroute[inside] { loose_route(); }\n" % REPLACE)
    caller.server = (server.address, server.port)
    call = Call(server, *peers)
    assert ("vsf=" in call.invite.get("record-route")) != bool(force) and len(dialogs(server)) == force
    call.answer()
    assert parties(call.bye())[0] == '"Nobody" <sip:anonymous@example.net>'
    assert dialogs(server) == []


def test_force_dialog_wants_the_dialog_module_first(tmp_path):
    text = (HERE / "cfg/dialog.cfg").read_text().replace('loadmodule "dialog.so"', UAC + 'modparam("uac", "force_dialog", 1)')
    text = "\n".join(line for line in text.splitlines() if '"dialog"' not in line)
    server = Server(tmp_path, text, wait=False, CALLEE=1, ROUTE="route[call] { exit; }\nroute[inside] { exit; }\n")
    assert server.process.wait(20) != 0 and "load dialog.so before uac.so" in server.tail()
