"""Dialogs as the script and management see them, call by call."""
import pytest

from conftest import free_port, wait_for
from dialog_calls import CALL, INSIDE, Call, answer_bye, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)


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


def test_too_many_dialogs_are_refused(start, peers):
    server = serve(start, peers, extra='modparam("dialog", "dialogs_max", 2)',
                   call='if (!$DLG_did) append_hf("X-None: 1\\r\\n");')
    calls = [Call(server, *peers) for _ in range(3)]
    assert [c.invite.get("x-none") for c in calls] == [None, None, "1"]
    for call in calls:
        call.answer(486, "Busy")
