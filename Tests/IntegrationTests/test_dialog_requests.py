"""Requests inside dialogs: checked, found again, counted on, and sent by the server itself."""
import json
import threading

import pytest

from conftest import wait_for
from dialog_calls import CALL, Call, answer_bye, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)
from sip import Agent

SDP = "v=0\r\no=%s 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
TYPE = ["Content-Type: application/sdp"]


def test_bogus_requests_are_told_from_good_ones(start, peers):
    server = serve(start, peers, inside='$var(v) = validate_dialog(); xlog("L_NOTICE", "$rm valid $rc\\n");'
                   ' if (!validate_dialog()) { send_reply(403, "Bogus"); exit; }')
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    call.within("INFO", 5)
    callee.reply(callee.expect("INFO"), 200, "OK")
    caller.expect(200)
    # A number that is over, a foreign target: refused, and the call goes on.
    call.within("BYE", 3)
    caller.expect(403)
    caller.request("BYE", "sip:eve@127.0.0.9", callee=call.uri, call_id=call.sent["call_id"], cseq=9,
                   from_tag=call.sent["from_tag"], to_tag=call.tag, headers=["Route: " + r for r in call.routes])
    caller.expect(403)
    assert [d["state"] for d in dialogs(server)] == [4]
    call.bye(cseq=6)
    assert dialogs(server) == []


FOUND = """
route[inside] {
	if (!match_dialog(%s)) { send_reply(481, "No Such Call"); exit; }
	fix_route_dialog();
	append_hf("X-Dialog: $DLG_status $DLG_dir\\r\\n");
}
"""


@pytest.mark.parametrize("mode, found", [("", True), ('"DID_NONE"', True), ('"DID_ONLY"', False)])
def test_a_dialog_is_found_and_the_way_repaired_without_routes(start, peers, mode, found):
    caller, callee = peers
    server = start("dialog.cfg", CALLEE=callee.port, ROUTE=CALL % ("", "") + FOUND % mode)
    caller.server = (server.address, server.port)
    call = Call(server, *peers)
    call.answer(ack=False)
    # To the server itself, without a Route: only tags tell where it belongs.
    caller.request("INFO", call.uri, call_id=call.sent["call_id"], cseq=2, from_tag=call.sent["from_tag"],
                   to_tag=call.tag)
    if not found:
        caller.expect(481)
        return
    info = callee.expect("INFO")
    assert info.uri == "sip:bob@" + callee.name and info.get("x-dialog") == "3 downstream"
    callee.reply(info, 200, "OK")
    caller.expect(200)


class Sending:
    """`dialog:send_sequential`, which answers when the dialog's sides have: `with` waits for it."""

    def __init__(self, server, **arguments):
        self.arguments = arguments
        self.server = server
        self.reply = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        self.reply = self.server.mi_call("dialog:send_sequential", self.arguments, timeout=10)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(10)

    @property
    def result(self):
        return self.reply["result"]["Code"], self.reply["result"]["Reason"]


def test_variables_flags_and_requests_of_our_own(start, peers):
    server = serve(start, peers, call='$dlg_val(n) = 5; store_dlg_value("s", "text"); set_dlg_flag("seen");'
                   ' dlg_on_answer("answered");',
                   inside='if (is_dlg_flag_set("seen") && test_and_set_dlg_flag("seen", 1)) append_hf("X-Flag: [$DLG_flags]\\r\\n");',
                   routes='route[answered] { dlg_send_sequential("INFO", "callee", "hello", "text/plain"); }\n')
    caller, callee = peers
    call = Call(server, *peers)
    call.answer(ack=False)
    info = callee.expect("INFO")
    assert info.body == "hello" and info.get("cseq") == "2 INFO"
    callee.reply(info, 200, "OK")
    assert call.ack().get("x-flag") == "[]"
    context = server.mi("dialog:list_ctx")["Dialogs"][0]["context"]
    assert context["values"] == [{"n": 5}, {"s": "text"}]
    assert server.mi("dialog:push_var", dlg_val_name="n", dlg_val_value="7", DID=call.sent["call_id"]) == "OK"
    assert server.mi("dialog:list_ctx")["Dialogs"][0]["context"]["values"][0] == {"n": "7"}
    result = {}
    thread = threading.Thread(target=lambda: result.update(
        server.mi_call("dialog:send_sequential",
                       dict(callid=call.sent["call_id"], method="OPTIONS", mode="callee"))["result"]))
    thread.start()
    callee.reply(callee.expect("OPTIONS"), 200, "Fine")
    thread.join(5)
    assert result == {"Code": 200, "Reason": "Fine"}
    call.bye()


def test_variables_are_pushed_into_several_dialogs_at_once(start, peers):
    server = serve(start, peers)
    calls = [Call(server, *peers) for _ in range(3)]
    for call in calls:
        call.reply(180)
    names = [dialogs(server, callid=calls[0].sent["call_id"])[0]["ID"], calls[1].sent["call_id"]]
    assert server.mi("dialog:push_var", dlg_val_name="who", dlg_val_value="x", DID=names) == "OK"
    assert server.mi("dlg_push_var", dlg_val_name="n", dlg_val_value=7, DID=" ".join(names)) == "OK"
    kept = [server.mi("dialog:list_ctx", callid=call.sent["call_id"])["Dialogs"][0]["context"]["values"]
            for call in calls]
    assert kept == [[{"who": "x"}, {"n": "7"}]] * 2 + [[]]
    # One that is not there: nothing is set.
    error = server.mi_call("dialog:push_var", dict(dlg_val_name="no", dlg_val_value="x", DID=[*names, "nobody"]))
    assert error["error"]["code"] == 404
    error = server.mi_call("dialog:push_var", dict(dlg_val_name="no", dlg_val_value="x", DID=[["nested"]]))
    assert "error" in error
    assert all(len(one["context"]["values"]) <= 2 for one in server.mi("dialog:list_ctx")["Dialogs"])


@pytest.mark.parametrize("mode", ["challenge", "challenge-caller", "challenge-callee"])
def test_a_side_is_challenged_for_its_session_and_the_other_gets_it(start, peers, mode):
    """No body: the 200 has the offer, the other side's answer travels in the ACK."""
    server = serve(start, peers)
    call = Call(server, *peers, headers=TYPE, body=SDP % "before")
    call.answer(headers=TYPE, body=SDP % "before")
    first, second = reversed(peers) if mode == "challenge-callee" else peers
    with Sending(server, callid=call.sent["call_id"], mode=mode, headers="X-First: 1") as sending:
        asked = first.expect("INVITE")
        assert not asked.body and asked.get("x-first") == "1"
        first.reply(asked, 200, "OK", headers=["Contact: <sip:new@%s>" % first.name, *TYPE], body=SDP % "offer")
        told = second.expect("INVITE")
        assert told.body == SDP % "offer" and told.get("content-type") == "application/sdp" and not told.get("x-first")
        assert told.get("contact") == "<sip:new@%s>" % first.name, "where the first one is now"
        first.nothing(0.1)
        second.reply(told, 200, "Fine", headers=["Contact: <sip:new@%s>" % second.name, *TYPE], body=SDP % "answer")
        ack = first.expect("ACK")
        assert ack.body == SDP % "answer" and ack.get("content-type") == "application/sdp"
        assert ack.uri == "sip:new@" + first.name and not second.expect("ACK").body
    assert sending.result == (200, "Fine")
    # What was agreed is known: asked with it, the ACK has nothing to say.
    with Sending(server, callid=call.sent["call_id"], mode=mode, body="outbound") as sending:
        asked = first.expect("INVITE")
        assert asked.body == SDP % "answer"
        first.reply(asked, 200, "OK", headers=TYPE, body=SDP % "again")
        assert not first.expect("ACK").body
        told = second.expect("INVITE")
        assert told.body == SDP % "again"
        second.reply(told, 488, "Not Acceptable Here")
        second.expect("ACK")
    assert sending.result == (488, "Not Acceptable Here") and states(server) == [4]


def test_one_invite_at_a_time(start, peers):
    """RFC 3261 §14.1: while an INVITE of a side, of whichever direction, has no answer, no other one goes to it."""
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers)

    def refused(mode, method="INVITE"):
        error = server.mi_call("dialog:send_sequential",
                               dict(callid=call.sent["call_id"], mode=mode, method=method)).get("error")
        assert error and error["code"] == 491 and error["message"] == "Another INVITE of that side has no answer yet", error

    call.reply(180)
    refused("callee")
    call.answer()
    for mode, agent in (("caller", caller), ("callee", callee)):
        with Sending(server, callid=call.sent["call_id"], mode=mode) as sending:
            asked = agent.expect("INVITE")
            refused(mode)
            refused("challenge" if mode == "caller" else "challenge-callee")
            with Sending(server, callid=call.sent["call_id"], mode=mode, method="INFO") as other:
                agent.reply(agent.expect("INFO"), 200, "OK")
            assert other.result == (200, "OK")
            agent.reply(asked, 488, "No")
            agent.expect("ACK")
        assert sending.result == (488, "No")
    # One of the call's own counts for both.
    call.within("INVITE", 2)
    own = callee.expect("INVITE")
    refused("caller")
    refused("callee")
    callee.reply(own, 200, "OK", headers=["Contact: <sip:bob@%s>" % callee.name])
    caller.expect(200)
    call.within("ACK", 2)
    callee.expect("ACK")
    # The first side answers, the other is busy with one: the challenge ends with 491.
    with Sending(server, callid=call.sent["call_id"], mode="callee") as sending:
        busy = callee.expect("INVITE")
        with Sending(server, callid=call.sent["call_id"], mode="challenge") as challenge:
            caller.reply(caller.expect("INVITE"), 200, "OK", headers=TYPE, body=SDP % "offer")
            caller.expect("ACK")
        assert challenge.result == (491, "Request Pending")
        callee.reply(busy, 200, "OK")
        callee.expect("ACK")
    assert sending.result == (200, "OK")
    call.bye(cseq=3)


def test_a_challenge_that_is_refused_ends_there(start, peers):
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=SDP % "caller")
    call.answer(headers=TYPE, body=SDP % "callee")
    with Sending(server, callid=call.sent["call_id"], mode="challenge") as sending:
        caller.reply(caller.expect("INVITE"), 491, "Request Pending")
        caller.expect("ACK")
    assert sending.result == (491, "Request Pending")
    # The other side refuses: the first gets the answer that it had.
    with Sending(server, callid=call.sent["call_id"], mode="challenge") as sending:
        caller.reply(caller.expect("INVITE"), 200, "OK", headers=TYPE, body=SDP % "offer")
        callee.reply(callee.expect("INVITE"), 500, "Oops")
        callee.expect("ACK")
        assert caller.expect("ACK").body == SDP % "callee"
    assert sending.result == (500, "Oops")
    with Sending(server, callid=call.sent["call_id"], mode="challenge-callee", method="UPDATE", body="inbound") as sending:
        update = callee.expect("UPDATE")
        assert update.body == SDP % "offer", "the last that the caller said"
        callee.reply(update, 200, "OK", headers=TYPE, body=SDP % "new")
        update = caller.expect("UPDATE")
        assert update.body == SDP % "new"
        caller.reply(update, 200, "Done")
    assert sending.result == (200, "Done")
    for arguments in (dict(mode="challenge", method="INFO"), dict(mode="sideways"), dict(method="BAD METHOD")):
        reply = server.mi_call("dialog:send_sequential", dict(callid=call.sent["call_id"], **arguments))
        assert reply["error"]["code"] == -32602 or reply["error"]["code"] == 400, reply
    call.bye(cseq=2)


def test_numbers_are_moved_by_hand(start, peers):
    server = serve(start, peers, inside='if (is_method("INFO")) dlg_inc_cseq(, 10); if (is_method("MESSAGE")) dlg_inc_cseq();'
                   ' if (is_method("REFER")) dlg_inc_cseq($ft);')
    call = Call(server, *peers)
    call.answer()
    request, reply = call.exchange("INFO", 2)
    assert request.get("cseq") == "12 INFO" and reply.get("cseq") == "2 INFO"
    assert call.exchange("MESSAGE", 3)[0].get("cseq") == "14 MESSAGE"
    # The tag names the side whose numbers are moved: the caller's, here.
    assert call.exchange("REFER", 4)[0].get("cseq") == "15 REFER"
    assert call.exchange("NOTIFY", 1, side="callee")[0].get("cseq") == "2 NOTIFY"
    request, reply = call.exchange("INVITE", 5)
    assert request.get("cseq") == "16 INVITE" and reply.get("cseq") == "5 INVITE"
    assert call.ack(5).get("cseq") == "16 ACK"
    assert call.bye(cseq=6).get("cseq") == "17 BYE"


SEARCH = """
route[find] {
	if (get_dialog_info("callee", $avp(callees), "caller", "ann", $var(n)))
		append_hf("X-Info: $var(n) $(avp(callees)[0]) $(avp(callees)[1])\\r\\n");
	if (!get_dialog_info("callee", $avp(none), "caller", "zoe", $var(n))) append_hf("X-Zoe: none\\r\\n");
	if (get_dialog_vals($avp(names), $avp(vals), $hdr(X-Other)))
		append_hf("X-Vals: $(avp(names)[0])=$(avp(vals)[0]) $(avp(names)[1])=$(avp(vals)[1])\\r\\n");
	if (get_dialogs_by_val("caller", "ann", $avp(jsons), $avp(count)))
		append_hf("X-By-Val: $avp(count) $(avp(jsons)[1])\\r\\n");
	if (get_dialogs_by_profile("from", "caller", $avp(others), $avp(number)))
		append_hf("X-By-Profile: $avp(number)\\r\\n");
	if (get_dialogs_by_profile("all", , $avp(rest), $avp(number)))
		append_hf("X-By-All: $avp(number)\\r\\n");
	if (load_dialog_ctx($hdr(X-Other))) {
		append_hf("X-Loaded: $DLG_status $dlg_val(callee) $DLG_did\\r\\n");
		if (!load_dialog_ctx($hdr(X-Other))) append_hf("X-Nested: no\\r\\n");
		$dlg_val(marked) = "yes";
		$var(id) = $DLG_did;
		unload_dialog_ctx();
	}
	if (load_dialog_ctx($var(id), "did", 1)) { append_hf("X-By-Id: $dlg_val(marked)\\r\\n"); unload_dialog_ctx(); }
	if (!load_dialog_ctx("nobody")) append_hf("X-Nobody: [$DLG_did]\\r\\n");
	if (!unload_dialog_ctx()) append_hf("X-Unloaded: already\\r\\n");
}
"""


def test_other_dialogs_are_found_and_read(start, peers):
    server = serve(start, peers, routes=SEARCH, call='$dlg_val(caller) = "ann"; $dlg_val(callee) = $hdr(X-Callee);'
                   ' set_dlg_profile("from", $fU); if ($hdr(X-Callee) == "b1") set_dlg_profile("all");'
                   ' set_dlg_flag("one"); append_hf("X-Json: $DLG_json\\r\\n");'
                   ' append_hf("X-Context: $DLG_ctx_json\\r\\n");',
                   inside='if ($DLG_status) route(find);')
    caller, callee = peers
    calls = [Call(server, *peers, headers=["X-Callee: b%d" % number]) for number in (1, 2)]
    for call in calls:
        call.answer()
    shown = {one["callid"]: one for one in server.mi("dialog:list_ctx")["Dialogs"]}
    plain, full = (json.loads(calls[0].invite.get(name)) for name in ("x-json", "x-context"))
    assert full["ID"] == plain["ID"] == shown[calls[0].sent["call_id"]]["ID"] and "context" not in plain
    assert full["context"]["values"] == [{"caller": "ann"}, {"callee": "b1"}]
    assert sorted(map(str, full["context"]["profiles"])) == sorted(map(str, [{"from": "caller"}, {"all": ""}]))
    assert plain["user_flags"] == "one" and plain["state"] == 1
    assert set(plain) == set(shown[calls[0].sent["call_id"]]) - {"context"}
    info, _ = calls[0].exchange("INFO", 2, headers=["X-Other: " + calls[1].sent["call_id"]])
    assert sorted(info.get("x-info").split()) == ["2", "b1", "b2"] and info.get("x-zoe") == "none"
    assert info.get("x-vals") == "caller=ann callee=b2"
    count, found = info.get("x-by-val").split(" ", 1)
    assert count == "2" and json.loads(found)["context"]["values"][0] == {"caller": "ann"}
    assert info.get("x-by-profile") == "2" and info.get("x-by-all") == "1"
    other = shown[calls[1].sent["call_id"]]["ID"]
    assert info.get("x-loaded") == "4 b2 " + other and info.get("x-nested") == "no"
    assert info.get("x-by-id") == "yes" and info.get("x-unloaded") == "already"
    # Unloaded: the request's own dialog is back.
    assert info.get("x-nobody") == "[%s]" % shown[calls[0].sent["call_id"]]["ID"]
    for call in calls:
        call.bye(cseq=3)


@pytest.mark.parametrize("delay, shown", [("", []), ('modparam("dialog", "delete_delay", 1)\n', [5])])
def test_a_dialog_that_is_over_routes_what_comes_late(start, peers, delay, shown):
    server = serve(start, peers, extra=delay, inside='append_hf("X-Delay: $DLG_del_delay $DLG_end_reason\\r\\n");')
    call = Call(server, *peers)
    call.answer()
    call.bye()
    assert states(server) == shown and stat(server, "active_dialogs") == 0
    # The other side hung up too.
    bye = call.bye(side="callee", cseq=1)
    assert bye.get("x-dialog").startswith("5 upstream")
    assert bye.get("x-delay") == "%d Downstream BYE" % len(shown), "the first one counts"
    assert stat(server, "stored_dialogs") == 1
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "nothing to be kept", timeout=10)
    assert dialogs(server) == []


def test_a_delay_of_one_dialog(start, peers):
    server = serve(start, peers, call="$DLG_del_delay = 6;")
    call = Call(server, *peers)
    call.answer()
    call.bye()
    assert states(server) == [5]
    error = server.mi_call("dialog:end_dlg", dict(dialog_id=call.sent["call_id"]))["error"]
    assert error["code"] == 404, "it is over"


LEVEL = {"create_dialog": 1, "DLGCB_CREATED": 0, "DLGCB_RESPONSE_FWDED": 200, "DLGCB_EARLY": 0, "DLGCB_CONFIRMED": 0,
         "DLGCB_REQ_WITHIN": 0, "validate_dialog": 1, "DLGCB_TERMINATED": 0, "DLGCB_RESPONSE_WITHIN": 200,
         "dlg_send_sequential": 1}


def test_level_1_names_calls_and_callbacks(start, peers, events):
    server = serve(start, peers, inside="validate_dialog(); fix_route_dialog();",
                   call='dlg_on_answer("answered");', extra='modparam("dialog", "default_timeout", 1)\n',
                   routes='route[answered] { dlg_send_sequential("INFO", "callee"); }\n')
    caller, callee = peers
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", level=1)
    call = Call(server, *peers)
    call.reply(180)
    call.answer(ack=False)
    callee.reply(callee.expect("INFO"), 200, "OK")
    call.ack()
    call.bye(cseq=2)
    refused = Call(server, *peers)
    refused.answer(486, "Busy")
    expired = Call(server, *peers)
    expired.answer(ack=False)
    callee.reply(callee.expect("INFO"), 200, "OK")
    wait_for(lambda: stat(server, "expired_dialogs") == 1, "the end of a life")
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "nothing", timeout=10)
    events.settle()
    records = events.all("E_PROFILING_PROC")
    entered = {e["name"] for e in records if e["verb"] == "enter"}
    wanted = {*LEVEL, "DLGCB_FAILED", "DLGCB_EXPIRED", "DLGCB_DESTROY", "fix_route_dialog"}
    assert wanted <= entered, wanted - entered
    left = {e["name"]: e["status"] for e in records if e["verb"] == "exit" and e["name"] in LEVEL}
    assert left == LEVEL
