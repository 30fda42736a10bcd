"""What makes a dialog but no call, requests that come again, numbers out of all bounds: nothing stays behind."""
import pytest

from conftest import wait_for
from dialog_calls import Call, dialogs, peers, stat  # noqa: F401 (fixture)
from sip import branch, token

ALL = 'set_dlg_profile("all");'


def serve(start, peers, call, extra="", routes=""):
    caller, callee = peers
    server = start("dialog_plain.cfg", CALLEE=callee.port, EXTRA=extra,
                   ROUTE="route[call] {\n%s\n}\n%s" % (call, routes))
    caller.server = (server.address, server.port)
    return server


def uri(server, user):
    return "sip:%s@127.0.0.1:%d" % (user, server.port)


def in_profile(server):
    return server.mi("dialog:profile_get_size", profile="all")["Profile"]["count"]


def empty(server):
    return stat(server, "stored_dialogs") == stat(server, "active_dialogs") == in_profile(server) == 0


def test_what_makes_no_call_leaves_no_dialog(start, peers):
    """Answered without state, dropped, forwarded without state, answered before the dialog was asked for."""
    caller, callee = peers
    server = serve(start, peers, """
	if ($rU == "late") {
		t_newtran();
		t_reply(486, "Busy Here");
		if (!create_dialog()) xlog("TOO LATE\\n");
		exit;
	}
	create_dialog();
	%s
	dlg_on_hangup("ended");
	switch ($rU) {
	case "refused": sl_send_reply(403, "No"); exit;
	case "dropped": exit;
	case "forwarded": forward("127.0.0.1:%d"); exit;
	}
""" % (ALL, callee.port), routes='route[ended] { xlog("ENDED $DLG_status\\n"); }\n')

    def went(count):
        wait_for(lambda: stat(server, "processed_dialogs") == count and empty(server), "%d dialogs to be gone" % count)

    for _ in range(5):
        caller.request("INVITE", uri(server, "refused"))
        caller.expect(403)
    went(5)
    caller.request("INVITE", uri(server, "dropped"))
    went(6)
    caller.request("INVITE", uri(server, "forwarded"))
    callee.expect("INVITE")
    went(7)
    assert stat(server, "failed_dialogs") == 7 and server.tail().count("ENDED 5") == 7
    sent = caller.request("INVITE", uri(server, "late"))
    caller.ack(sent, caller.expect(486))
    wait_for(lambda: "TOO LATE" in server.tail(), "-1 of create_dialog()")
    went(7)
    # Calls are made as before.
    call = Call(server, *peers)
    assert stat(server, "active_dialogs") == in_profile(server) == 1
    call.answer()
    call.bye()
    assert in_profile(server) == 0


@pytest.mark.parametrize("how", ["create", "hide", "rename"])
def test_an_invite_that_comes_again_makes_no_second_dialog(start, peers, how):
    caller, callee = peers
    making = {"create": "create_dialog();", "hide": "topology_hiding();",
              "rename": 'uac_replace_from("", "sip:anonymous@anonymous.invalid");'}[how]
    extra = {"create": "", "hide": 'loadmodule "topology_hiding.so"\nmodparam("topology_hiding", "force_dialog", 1)\n',
             "rename": 'loadmodule "uac_auth.so"\nloadmodule "uac.so"\nmodparam("uac", "force_dialog", 1)\n'}[how]
    server = serve(start, peers, '%s\n%s\n$DLG_timeout = 3600;\nxlog("BEGUN $DLG_did\\n");' % (making, ALL), extra)
    invite = dict(via=branch(), call_id=token("again"), from_tag=token("f"))
    caller.request("INVITE", uri(server, "bob"), **invite)
    request = callee.expect("INVITE")

    def again():
        for _ in range(3):
            caller.request("INVITE", uri(server, "bob"), **invite)

    def checked(state):
        # Behind all copies: what is asked now comes after them.
        caller.request("OPTIONS", uri(server, "bob"), call_id=invite["call_id"])
        callee.reply(callee.expect("OPTIONS"), 200, "OK")
        while True:
            message = caller.receive()
            if message.method == "OPTIONS" and message.status == 200:
                break
        assert stat(server, "stored_dialogs") == stat(server, "processed_dialogs") == in_profile(server) == 1
        assert [dialog["state"] for dialog in dialogs(server)] == [state]
        assert server.log_path.read_text().count("BEGUN ") == 1

    again()
    checked(1)
    callee.reply(request, 180, "Ringing", tag="x")
    caller.expect(180)
    again()
    checked(2)
    callee.reply(request, 486, "Busy Here", tag="x")
    callee.expect("ACK")
    reply = caller.expect(486)
    caller.request("INVITE", uri(server, "bob"), **invite)
    assert caller.expect(486).tag("to") == "x", "the last reply once more"
    caller.ack(dict(uri=uri(server, "bob"), caller="sip:caller@127.0.0.1", callee=uri(server, "bob"), cseq=1,
                    call_id=invite["call_id"], from_tag=invite["from_tag"], branch=invite["via"]), reply)
    wait_for(lambda: empty(server), "the end of the dialog")
    assert stat(server, "processed_dialogs") == stat(server, "failed_dialogs") == 1


@pytest.mark.parametrize("statement", ["$DLG_timeout = $hdr(X-N);", "$DLG_del_delay = $hdr(X-N);",
                                       'if (!dlg_inc_cseq(, $(hdr(X-N){s.int}))) xlog("no\\n");'])
def test_numbers_beyond_all_bounds_do_no_harm(start, peers, statement):
    server = serve(start, peers, "create_dialog();\n%s" % statement)
    for number in (-2**63, 2**63 - 1, -10**9, 10**9, -1, 0, 2**64, "x"):
        call = Call(server, *peers, headers=["X-N: %s" % number])
        call.answer(486, "Busy Here")
    wait_for(lambda: stat(server, "active_dialogs") == 0, "the end of the dialogs")


def test_dialogs_of_one_call_id(start, peers):
    """As many as may be; one more goes without, and those of other Call-IDs are made as before."""
    caller, callee = peers
    server = serve(start, peers, 'if (!create_dialog()) sl_send_reply(480, "None"); else t_reply(183, "One"); exit;')
    for _ in range(100):
        caller.request("INVITE", uri(server, "bob"), call_id="the-same")
        caller.expect(183)
    caller.request("INVITE", uri(server, "bob"), call_id="the-same")
    caller.expect(480)
    assert "there are 100 dialogs of Call-ID the-same already" in server.tail()
    caller.request("INVITE", uri(server, "bob"), call_id="another")
    caller.expect(183)
    assert stat(server, "stored_dialogs") == 101
