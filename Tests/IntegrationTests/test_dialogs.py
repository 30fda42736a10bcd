"""Dialogs as the script and management see them, call by call, with end points that write every message by hand."""
import threading

import pytest

from conftest import free_port, wait_for
from sip import Agent, token

CALL = """
route[call] {
	create_dialog("%s");
	%s
	record_route();
}
"""
INSIDE = """
route[inside] {
	if (!loose_route()) { send_reply(404, "Not here"); exit; }
	append_hf("X-Dialog: $DLG_status $DLG_dir $DLG_did $dlg_val(who)\\r\\n");
	%s
}
"""


class Call:
    """One call between two agents through the server, step by step."""

    def __init__(self, server, caller, callee, method="INVITE", headers=(), body=""):
        self.server, self.caller, self.callee = server, caller, callee
        self.uri = "sip:bob@127.0.0.1:%d" % server.port
        self.sent = caller.request("INVITE", self.uri, headers=headers, body=body)
        self.invite = callee.expect("INVITE")
        self.tag = token("t")
        self.routes = []

    def answer(self, status=200, reason="OK", tag=None, headers=(), body="", ack=True):
        contact = "Contact: <sip:bob@%s>" % self.callee.name
        self.callee.reply(self.invite, status, reason, tag=tag or self.tag, headers=[contact, *headers], body=body)
        reply = self.caller.expect(status)
        self.routes = reply.all("record-route")
        if status >= 300:
            self.callee.expect("ACK")
        elif status >= 200 and ack:
            self.ack()
        return reply

    def ack(self):
        self.within("ACK", 1)
        return self.callee.expect("ACK")

    def within(self, method, cseq, headers=(), side="caller", body=""):
        """A request of either side inside the dialog, along the recorded routes."""
        if side == "caller":
            routes = ["Route: " + r for r in reversed(self.routes)]
            return self.caller.request(
                method, "sip:bob@%s" % self.callee.name, callee=self.uri, call_id=self.sent["call_id"], cseq=cseq,
                from_tag=self.sent["from_tag"], to_tag=self.tag, headers=[*routes, *headers], body=body)
        routes = ["Route: " + r for r in self.invite.all("record-route")]
        return self.callee.request(
            method, "sip:me@%s" % self.caller.name, caller=self.uri, callee="sip:caller@127.0.0.1",
            call_id=self.sent["call_id"], cseq=cseq, from_tag=self.tag, to_tag=self.sent["from_tag"],
            headers=[*routes, *headers], body=body, destination=(self.server.address, self.server.port))

    def bye(self, side="caller", cseq=2):
        self.within("BYE", cseq, side=side)
        one, other = (self.caller, self.callee) if side == "caller" else (self.callee, self.caller)
        bye = other.expect("BYE")
        other.reply(bye, 200, "OK")
        one.expect(200)
        return bye


@pytest.fixture
def peers():
    with Agent(None) as caller, Agent(None) as callee:
        yield caller, callee


def serve(start, peers, flags="", call="", inside="", routes="", extra="", **values):
    caller, callee = peers
    server = start("dialog.cfg", CALLEE=callee.port, EXTRA=extra,
                   ROUTE=CALL % (flags, call) + INSIDE % inside + routes, **values)
    caller.server = (server.address, server.port)
    return server


def dialogs(server, **arguments):
    return server.mi("dialog:list", **arguments)["Dialogs"]


def stat(server, name):
    return server.mi("statistics:get", statistics=["dialog:" + name])["dialog:" + name]


def answer_bye(*agents):
    for agent in agents:
        agent.reply(agent.expect("BYE"), 200, "OK")


def test_a_whole_call_is_followed(start, peers, events):
    server = serve(start, peers, call='$dlg_val(who) = "x";')
    server.subscribe(events, "E_DLG_STATE_CHANGED")
    call = Call(server, *peers)
    assert [d["state"] for d in dialogs(server)] == [1]
    call.answer(180, "Ringing")
    assert [d["state"] for d in dialogs(server)] == [2] and stat(server, "early_dialogs") == 1
    call.answer(ack=False)
    assert [d["state"] for d in dialogs(server)] == [3]
    ack = call.ack()
    found = dialogs(server, callid=call.sent["call_id"], from_tag=call.sent["from_tag"])[0]
    assert found["state"] == 4 and found["caller_contact"] == "sip:me@" + peers[0].name
    assert found["CALLEES"][0]["callee_contact"] == "sip:bob@" + peers[1].name
    assert ";did=" + found["ID"] in call.invite.get("record-route")
    assert ack.get("x-dialog") == "4 downstream %s x" % found["ID"]
    info = call.within("INFO", 2, side="callee")
    assert peers[0].expect("INFO").get("x-dialog") == "4 upstream %s x" % found["ID"], info
    bye = call.bye(cseq=2)
    assert bye.get("x-dialog").startswith("5 downstream")
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0
    assert stat(server, "processed_dialogs") == 1 and stat(server, "failed_dialogs") == 0
    steps = wait_for(lambda: len(events.all("E_DLG_STATE_CHANGED")) == 4 and events.all("E_DLG_STATE_CHANGED"), "events")
    assert [(e["old_state"], e["new_state"]) for e in steps] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert steps[0]["id"] == found["ID"] and steps[3]["to_tag"] == call.tag


def test_the_callee_hangs_up(start, peers):
    server = serve(start, peers, routes="", inside='append_hf("X-End: $DLG_end_reason\\r\\n");')
    call = Call(server, *peers)
    call.answer()
    assert call.bye(side="callee", cseq=1).get("x-end") == "Upstream BYE"


@pytest.mark.parametrize("status", [486, 603])
def test_a_refused_call_leaves_nothing(start, peers, status):
    server = serve(start, peers)
    call = Call(server, *peers)
    call.answer(status, "No")
    assert dialogs(server) == [] and stat(server, "failed_dialogs") == 1 and stat(server, "active_dialogs") == 0


def test_a_cancelled_call_leaves_nothing(start, peers):
    server = serve(start, peers)
    call = Call(server, *peers)
    call.answer(180, "Ringing")
    peers[0].cancel(call.sent)
    peers[0].expect(200)
    peers[1].reply(peers[1].expect("CANCEL"), 200, "OK")
    call.answer(487, "Request Terminated")
    assert dialogs(server) == [] and stat(server, "failed_dialogs") == 1 and stat(server, "early_dialogs") == 0


def test_the_lifetime_ends_a_call_with_byes_both_ways(start, peers):
    server = serve(start, peers, flags="bye-on-timeout", call="$DLG_timeout = 1; dlg_on_hangup(\"gone\");",
                   routes='route[gone] { xlog("L_NOTICE", "gone: $DLG_end_reason after $DLG_lifetime\\n"); }\n')
    call = Call(server, *peers)
    call.answer()
    byes = [agent.expect("BYE", timeout=6) for agent in peers]
    assert byes[0].uri == "sip:me@" + peers[0].name and byes[0].tag("from") == call.tag
    assert byes[1].uri == "sip:bob@" + peers[1].name and byes[1].tag("to") == call.tag
    for agent, bye in zip(peers, byes):
        agent.reply(bye, 200, "OK")
    assert stat(server, "expired_dialogs") == 1 and dialogs(server) == []
    wait_for(lambda: "gone: Lifetime Timeout" in server.tail(), "the route")


def test_a_route_may_prolong_it_and_a_bye_wins_the_race(start, peers):
    server = serve(start, peers, flags="B", call='$DLG_timeout = 1; dlg_on_timeout("more");',
                   routes='route[more] { xlog("L_NOTICE", "more\\n"); $DLG_timeout = 100; }\n')
    call = Call(server, *peers)
    call.answer()
    wait_for(lambda: "more" in server.tail(), "the timeout route")
    assert [d["state"] for d in dialogs(server)] == [4]
    call.bye()
    assert stat(server, "expired_dialogs") == 0
    for agent in peers:
        agent.nothing(1.2)


def test_pings_keep_numbers_in_order_and_end_a_dead_call(start, peers):
    server = serve(start, peers, flags="options-ping-callee", extra='modparam("dialog", "options_ping_interval", 1)')
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    ping = callee.expect("OPTIONS")
    assert ping.get("cseq") == "2 OPTIONS" and ping.tag("to") == call.tag
    callee.reply(ping, 200, "OK")
    call.within("INFO", 2)
    info = callee.expect("INFO")
    assert int(info.get("cseq").split()[0]) > 2, "behind the ping's"
    callee.reply(info, 200, "OK")
    assert caller.expect(200).get("cseq") == "2 INFO", "the caller sees its own"
    while True:
        ping = callee.receive()
        if ping.method == "OPTIONS":
            break
    callee.reply(ping, 481, "Call Does Not Exist")
    answer_bye(caller, callee)
    assert dialogs(server) == []


def test_a_ping_that_nobody_answers_ends_the_call(start, peers):
    server = serve(start, peers, flags="options-ping-caller", extra='modparam("dialog", "options_ping_interval", 1)')
    call = Call(server, *peers)
    call.answer()
    bye = peers[1].expect("BYE", timeout=8)
    peers[1].reply(bye, 200, "OK")
    assert dialogs(server) == []


def test_management_ends_calls(start, peers):
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    assert server.mi("dialog:end_dlg", dialog_id=dialogs(server)[0]["ID"], extra_hdrs="X-Why: tea") == "OK"
    bye = caller.expect("BYE")
    assert bye.get("x-why") == "tea"
    caller.reply(bye, 200, "OK")
    answer_bye(callee)
    # One that rings is cancelled.
    call = Call(server, *peers)
    call.answer(180, "Ringing")
    assert server.mi("dlg_end_dlg", dialog_id=call.sent["call_id"]) == "OK"
    callee.reply(callee.expect("CANCEL"), 200, "OK")
    call.answer(487, "Request Terminated")
    assert dialogs(server) == []
    assert server.mi_call("dialog:end_dlg", dict(dialog_id="nobody"))["error"]["code"] == 404


def test_profiles_count(start, peers):
    server = serve(start, peers, call='set_dlg_profile("all"); set_dlg_profile("from", $fU); set_dlg_profile("kind", "a");'
                   ' set_dlg_profile("kind", "b", 1); get_profile_size("from", "caller", $var(n));'
                   ' append_hf("X-Size: $var(n)\\r\\n");')
    one, two = Call(server, *peers), Call(server, *peers)
    assert [c.invite.get("x-size") for c in (one, two)] == ["1", "2"]
    size = lambda **a: server.mi("dialog:profile_get_size", **a)["Profile"]["count"]
    assert size(profile="all") == 2 and size(profile="from", value="caller") == 2 and size(profile="from", value="x") == 0
    assert server.mi("profile_get_values", profile="kind")["Profile"] == [{"value": "b", "count": 2}]
    assert {p["name"]: p["has value"] for p in server.mi("list_all_profiles")["Profiles"]} == \
        {"from": 1, "kind": 1, "all": 0}
    assert len(server.mi("profile_list_dlgs", profile="all")["Dialogs"]) == 2
    one.answer(486, "Busy")
    two.answer()
    assert size(profile="all") == 1
    server.mi("dialog:profile_end_dlgs", profile="from", value="caller")
    answer_bye(*peers)
    wait_for(lambda: size(profile="all") == 0, "an empty profile")


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


def test_a_spiral_makes_two_dialogs(start, peers):
    """The request passes the server twice: each passing has a dialog of its own, and both end with the call."""
    caller, callee = peers
    route = """
route[call] {
	create_dialog();
	record_route();
	if ($rU == "bob") {
		$rU = "bobby";
		$du = "sip:127.0.0.1:%d";
		t_relay();
		exit;
	}
}
"""
    port = free_port()
    server = start("dialog.cfg", CALLEE=callee.port, port=port, ROUTE=route % port + INSIDE % "")
    caller.server = (server.address, server.port)
    call = Call(server, *peers)
    assert len(call.invite.all("record-route")) == 2 and len(dialogs(server)) == 2
    call.answer()
    assert [d["state"] for d in dialogs(server)] == [4, 4]
    call.bye()
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0


def test_early_dialogs_of_a_fork_and_updates(start, peers):
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer(183, "Progress", tag="one")
    call.answer(183, "Progress", tag="two")
    assert [leg["callee_tag"] for leg in dialogs(server)[0]["CALLEES"]] == ["one", "two"]
    call.tag = "two"
    call.within("PRACK", 2, headers=["RAck: 1 1 INVITE"])
    prack = callee.expect("PRACK")
    callee.reply(prack, 200, "OK")
    caller.expect(200)
    call.within("UPDATE", 3)
    callee.reply(callee.expect("UPDATE"), 200, "OK", headers=["Contact: <sip:elsewhere@%s>" % callee.name])
    caller.expect(200)
    call.answer(tag="two")
    call.within("UPDATE", 4)
    callee.reply(callee.expect("UPDATE"), 200, "OK", headers=["Contact: <sip:elsewhere@%s>" % callee.name])
    caller.expect(200)
    legs = dialogs(server)[0]["CALLEES"]
    assert [leg["callee_contact"] for leg in legs] == ["sip:elsewhere@" + callee.name]
    call.bye(cseq=5)


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


def test_level_1_names_calls_and_callbacks(start, peers, events):
    server = serve(start, peers)
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", level=1)
    call = Call(server, *peers)
    call.answer()
    call.bye()
    events.settle()
    names = {e["name"] for e in events.all("E_PROFILING_PROC") if e["verb"] == "enter"}
    assert {"create_dialog", "DLGCB_RESPONSE_FWDED", "DLGCB_CONFIRMED", "DLGCB_REQ_WITHIN", "DLGCB_TERMINATED",
            "DLGCB_RESPONSE_WITHIN"} <= names, names


def test_too_many_dialogs_are_refused(start, peers):
    server = serve(start, peers, extra='modparam("dialog", "dialogs_max", 2)',
                   call='if (!$DLG_did) append_hf("X-None: 1\\r\\n");')
    calls = [Call(server, *peers) for _ in range(3)]
    assert [c.invite.get("x-none") for c in calls] == [None, None, "1"]
    for call in calls:
        call.answer(486, "Busy")


def test_a_thousand_dialogs_leave_nothing(start, peers):
    """1,000 calls at once: all are there, all end, memory goes back to its base."""
    server = serve(start, peers)
    caller, callee = peers

    def run():
        calls = []
        for _ in range(20):
            batch = []
            for _ in range(50):
                batch.append(caller.request("INVITE", "sip:bob@127.0.0.1:%d" % server.port))
            invites = [callee.expect("INVITE") for _ in range(50)]
            for invite in invites:
                callee.reply(invite, 200, "OK", tag="t", headers=["Contact: <sip:bob@%s>" % callee.name])
            by_id = {sent["call_id"]: sent for sent in batch}
            for _ in range(50):
                reply = caller.expect(200)
                calls.append((by_id[reply.get("call-id")], reply.all("record-route")))
        assert stat(server, "active_dialogs") >= 1000
        for start_at in range(0, len(calls), 50):
            for sent, routes in calls[start_at:start_at + 50]:
                caller.request("BYE", "sip:bob@%s" % callee.name, callee=sent["callee"], call_id=sent["call_id"], cseq=2,
                               from_tag=sent["from_tag"], to_tag="t", headers=["Route: " + r for r in routes])
            for _ in range(50):
                callee.reply(callee.expect("BYE"), 200, "OK")
            for _ in range(50):
                caller.expect(200)
        assert dialogs(server) == []

    def memory():
        return server.mi("statistics:get", statistics=["memory:resident_bytes"])["memory:resident_bytes"]

    run()
    wait_for(lambda: server.mi("statistics:get", statistics=["tm:inuse_transactions"])["tm:inuse_transactions"] == 0,
             "no transaction", timeout=20)
    base = memory()
    run()
    wait_for(lambda: server.mi("statistics:get", statistics=["tm:inuse_transactions"])["tm:inuse_transactions"] == 0,
             "no transaction", timeout=20)
    assert memory() - base < 4 << 20, "1,000 more calls may not cost memory that stays"
