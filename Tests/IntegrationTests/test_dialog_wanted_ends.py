"""Ends that are asked for while a call is being made, failures that a late 2xx crosses, INVITEs that come twice."""
import pytest

from conftest import wait_for
from dialog_calls import Call, answer_bye, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)
from sip import branch, token

CFGUTILS = 'loadmodule "cfgutils.so"\n'
RACE = 'modparam("dialog", "race_condition_timeout", 1)\n'


@pytest.mark.parametrize("command", ["end", "profile"])
def test_an_end_that_a_200_crosses(start, peers, command):
    """dialog:end_dlg while it rings: the CANCEL comes too late. The call ends as soon as its ACK has gone by."""
    server = serve(start, peers, call='set_dlg_profile("all"); dlg_on_hangup("gone");',
                   routes='route[gone] { xlog("gone: $DLG_end_reason\\n"); }\n')
    caller, callee = peers
    call = Call(server, *peers)
    call.reply(180)
    if command == "end":
        assert server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"]) == "OK"
    else:
        assert server.mi("dialog:profile_end_dlgs", profile="all") == "OK"
    cancel = callee.expect("CANCEL")
    call.reply(200)
    callee.reply(cancel, 200, "OK")
    assert states(server) == [3], "a BYE must not overtake the ACK"
    call.ack()
    answer_bye(*peers)
    wait_for(lambda: "gone: MI Termination" in server.tail(), "the route")
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0


def test_an_end_before_the_invite_leaves(start, peers):
    """Between create_dialog() and t_relay(): the INVITE is cancelled as soon as it is under way."""
    caller, callee = peers
    relay = '} route[resumed] { record_route(); $du = "sip:127.0.0.1:%d"; t_relay(); exit;' % callee.port
    server = serve(start, peers, call="async(sleep(1), resumed); " + relay, extra=CFGUTILS)
    sent = caller.request("INVITE", "sip:bob@127.0.0.1:%d" % server.port)
    wait_for(lambda: states(server) == [1], "the dialog")
    assert server.mi("dialog:end_dlg", dialog_id=sent["call_id"]) == "OK"
    invite = callee.expect("INVITE")
    callee.reply(invite, 180, "Ringing", tag="t", headers=["Contact: <%s>" % callee.uri("bob")])
    while True:
        cancel = callee.receive()
        if cancel.method == "CANCEL":
            break
    callee.reply(cancel, 200, "OK")
    callee.reply(invite, 487, "Request Terminated", tag="t")
    caller.ack(sent, caller.expect(487, skipping=(100, 180)))
    assert dialogs(server) == []


@pytest.mark.parametrize("hides", [False, True])
def test_a_late_200_crosses_a_failure(start, peers, hides):
    """fr_inv_timer gave up; the stack hands the late 2xx on. Its ACK and BYE find the dialog, which counts nowhere any more."""
    caller, callee = peers
    inside = "topology_hiding_match()" if hides else "loose_route()"
    server = start("dialog.cfg", CALLEE="%d" % callee.port, EXTRA='loadmodule "topology_hiding.so"\n', ROUTE='''
        route[call] { create_dialog(); set_dlg_profile("all"); $T_fr_inv_timeout = 1; %s }
        route[inside] {
            if (!%s) { send_reply(404, "Not here"); exit; }
            xlog("found $rm $DLG_status\\n");
        }''' % ("topology_hiding();" if hides else "record_route();", inside))
    caller.server = (server.address, server.port)
    call = Call(server, *peers)
    call.reply(180)
    caller.ack(call.sent, caller.expect(408, timeout=15))
    cancel = callee.expect("CANCEL", timeout=15)
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0 and stat(server, "failed_dialogs") == 1
    assert server.mi("dialog:profile_get_size", profile="all")["Profile"]["count"] == 0
    late = call.reply(200)
    target = late.get("contact").strip("<>") if hides else call.target
    routes = call.routes
    call.routes = [] if hides else routes
    callee.reply(cancel, 200, "OK")
    call.within("ACK", 1, target=target)
    callee.expect("ACK")
    call.exchange("BYE", 2, target=target)
    wait_for(lambda: "found BYE 5" in server.tail(), "the dialog to be found")
    assert "found ACK 5" in server.tail()
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "it to be forgotten", timeout=15)


def test_an_invite_comes_again_while_the_script_waits(start, peers):
    """A plain call that waits, no transaction yet: the repetition makes no second dialog and runs no further."""
    call = '''set_dlg_profile("all");
        get_profile_size("all", , $var(n));
        xlog("calls: $var(n)\\n");
        if ($var(n) > 1) { send_reply(486, "Limit"); exit; }
        sleep(1);'''
    caller, callee = peers
    server = serve(start, peers, call=call, extra=CFGUTILS)
    same = dict(via=branch(), call_id=token("c"), from_tag=token("f"))
    uri = "sip:bob@127.0.0.1:%d" % server.port
    caller.request("INVITE", uri, **same)
    wait_for(lambda: stat(server, "processed_dialogs") == 1, "the first")
    caller.request("INVITE", uri, **same)
    invite = callee.expect("INVITE")
    callee.reply(invite, 486, "Busy", tag="t")
    callee.expect("ACK")
    caller.expect(486)
    assert stat(server, "processed_dialogs") == 1 and "calls: 2" not in server.tail()
    assert "calls: 1" in server.tail()


def test_an_invite_that_differs_makes_a_dialog_of_its_own(start, peers):
    """Same Call-ID and tag, next CSeq (credentials) or another branch: calls of their own."""
    caller, callee = peers
    server = serve(start, peers)
    first = Call(server, *peers)
    uri = first.uri
    for number, via in ((2, branch()), (1, branch())):
        caller.request("INVITE", uri, call_id=first.sent["call_id"], from_tag=first.sent["from_tag"], cseq=number, via=via)
        callee.expect("INVITE")
    assert stat(server, "processed_dialogs") == 3


@pytest.mark.parametrize("tag", ["a", "b"])
def test_an_early_bye_counts_for_its_leg(start, peers, tag):
    """A BYE to early leg a: only a 2xx of that leg is one that it crosses."""
    server = serve(start, peers, flags="end-on-race-condition", extra=RACE)
    caller, callee = peers
    call = Call(server, *peers)
    call.reply(180, tag="a")
    call.reply(180, tag="b")
    call.within("BYE", 2, tag="a")
    callee.reply(callee.expect("BYE"), 200, "OK")
    caller.expect(200)
    call.reply(200, tag=tag)
    call.ack(tag=tag)
    if tag == "a":
        answer_bye(*peers)
        return
    for agent in peers:
        agent.nothing(2.5)
    assert states(server) == [4]


def test_a_lifetime_does_not_put_off_the_end_of_a_race(start, peers):
    """CANCEL and 200 cross, the script writes $DLG_timeout at the ACK: it ends all the same."""
    server = serve(start, peers, flags="end-on-race-condition", extra=RACE,
                   inside='if (is_method("ACK")) $DLG_timeout = 3600;')
    caller, callee = peers
    call = Call(server, *peers)
    call.reply(180)
    caller.cancel(call.sent)
    caller.expect(200)
    cancel = callee.expect("CANCEL")
    call.reply(200)
    callee.reply(cancel, 200, "OK")
    call.ack()
    answer_bye(*peers)
    assert dialogs(server) == []


def test_another_dialog_in_a_route_of_a_dialog(start, peers):
    """load_dialog_ctx() in dlg_on_hangup: the other one's values, and the route's own again behind unload_dialog_ctx()."""
    server = serve(start, peers, call='$dlg_val(n) = $ci; dlg_on_hangup("gone");', routes='''
        route[gone] {
            if (unload_dialog_ctx()) xlog("unloaded its own\\n");
            if (load_dialog_ctx("second")) { xlog("other $dlg_val(n)\\n"); unload_dialog_ctx(); }
            xlog("own $dlg_val(n)\\n");
        }''')
    other = Call(server, *peers, call_id="second")
    other.answer()
    call = Call(server, *peers, call_id="first")
    call.answer()
    call.bye()
    wait_for(lambda: "own first" in server.tail(), "the route")
    assert "other second" in server.tail() and "unloaded" not in server.tail()


def test_local_route_knows_the_dialog(start, peers):
    server = serve(start, peers, call='$dlg_val(a) = "x";', routes='''
        local_route {
            if (dlg_inc_cseq()) xlog("local $rm $DLG_did $dlg_val(a)\\n");
        }''')
    call = Call(server, *peers)
    call.answer()
    did = dialogs(server)[0]["ID"]
    server.mi("dialog:end_dlg", dialog_id=did)
    answer_bye(*peers)
    wait_for(lambda: server.tail().count("local BYE %s x" % did) == 2, "both BYEs")
