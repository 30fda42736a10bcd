"""Messages that cross (RFC 5407), and replies that say that a side has left (RFC 5057)."""
import pytest

from conftest import wait_for
from dialog_calls import Call, answer_bye, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)

GONE = 'route[gone] { xlog("L_NOTICE", "gone: $DLG_end_reason\\n"); }\n'


def test_a_bye_crosses_the_byes_of_a_timeout(start, peers):
    server = serve(start, peers, flags="bye-on-timeout", call='$DLG_timeout = 1; dlg_on_hangup("gone");', routes=GONE)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    ours = [agent.expect("BYE", timeout=6) for agent in peers]
    # Neither has seen the server's when both hang up.
    call.within("BYE", 2)
    call.within("BYE", 1, side="callee")
    theirs = callee.expect("BYE"), caller.expect("BYE")
    assert theirs[0].get("cseq") == "3 BYE" and theirs[1].get("cseq") == "2 BYE", "behind the server's"
    assert all(bye.get("x-dialog").startswith("5 ") for bye in theirs)
    caller.reply(ours[0], 481, "Gone")
    callee.reply(ours[1], 481, "Gone")
    callee.reply(theirs[0], 200, "OK")
    caller.reply(theirs[1], 200, "OK")
    assert caller.expect(200).get("cseq") == "2 BYE" and callee.expect(200).get("cseq") == "1 BYE"
    wait_for(lambda: "gone:" in server.tail(), "the route")
    assert server.log_path.read_text().count("gone: Lifetime Timeout") == 1
    assert stat(server, "expired_dialogs") == 1 and stat(server, "active_dialogs") == 0


def test_byes_of_both_sides_cross(start, peers):
    server = serve(start, peers, call='dlg_on_hangup("gone");', routes=GONE)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    call.within("BYE", 2)
    call.within("BYE", 1, side="callee")
    callee.reply(callee.expect("BYE"), 200, "OK")
    caller.reply(caller.expect("BYE"), 481, "Gone")
    assert caller.expect(200).get("cseq") == "2 BYE"
    callee.expect(481)
    assert server.log_path.read_text().count("gone: ") == 1 and stat(server, "active_dialogs") == 0


@pytest.mark.parametrize("flags, ends", [("end-on-race-condition", True), ("", False)])
@pytest.mark.parametrize("order", ["200 while cancelling", "CANCEL after 200"])
def test_a_cancel_and_a_200_cross(start, peers, flags, ends, order):
    server = serve(start, peers, flags=flags, call='dlg_on_hangup("gone");', routes=GONE,
                   extra='modparam("dialog", "race_condition_timeout", 1)\n')
    caller, callee = peers
    call = Call(server, *peers)
    call.reply(180)
    if order.startswith("200"):
        caller.cancel(call.sent)
        assert caller.expect(200).get("cseq") == "1 CANCEL"
        cancel = callee.expect("CANCEL")
        reply = call.reply(200)
        callee.reply(cancel, 200, "OK")
    else:
        reply = call.reply(200)
        caller.cancel(call.sent)
        assert caller.expect(200).get("cseq") == "1 CANCEL"
        callee.nothing(0.1)
    assert reply.get("cseq") == "1 INVITE" and states(server) == [3]
    call.ack()
    if not ends:
        for agent in peers:
            agent.nothing(0.3)
        call.bye()
        return
    answer_bye(*peers)
    wait_for(lambda: "gone: SIP Race Condition" in server.tail(), "the route")
    assert dialogs(server) == []


@pytest.mark.parametrize("seen", [True, False])
def test_an_early_bye_and_a_200_cross(start, peers, seen):
    """Also where the reply that made the early dialog went past the server: the BYE is kept for the 2xx of that tag."""
    server = serve(start, peers, flags="end-on-race-condition", extra='modparam("dialog", "race_condition_timeout", 1)\n')
    caller, callee = peers
    call = Call(server, *peers)
    if seen:
        call.reply(180)
    else:
        call.routes = call.invite.all("record-route")
    call.within("BYE", 2)
    bye = callee.expect("BYE")
    assert states(server) == [2 if seen else 1], "the INVITE is still to be answered"
    call.reply(200)
    callee.reply(bye, 481, "Too Early")
    caller.expect(481)
    call.ack()
    answer_bye(*peers)
    assert dialogs(server) == []


@pytest.mark.parametrize("method, status", [("INVITE", 481), ("INVITE", 408), ("INFO", 481), ("UPDATE", 408),
                                            ("INVITE", 491), ("OPTIONS", 404)])
def test_a_relayed_refusal_is_for_the_sides_to_act_on(start, peers, method, status):
    """A user agent that reads 481 or 408 hangs up (RFC 3261 §12.2.1.2); until it does the dialog is there, and its BYE finds it."""
    server = serve(start, peers, call='dlg_on_hangup("gone");', routes=GONE)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    request, reply = call.exchange(method, 2, status=status, reason="No")
    if method == "INVITE":
        callee.expect("ACK")
        caller.ack(dict(call.sent, cseq=2, uri=call.target, branch=reply.get("via").split("branch=")[1].split(";")[0]), reply)
    assert states(server) == [4]
    _, reply = call.exchange("BYE", 3, status=481, reason="Gone")
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0
    wait_for(lambda: "gone: Downstream BYE" in server.tail(), "the route")


def test_a_bye_ends_the_dialog_whatever_it_is_answered_with(start, peers):
    server = serve(start, peers, inside='if ($hdr(X-Silence) != NULL) $T_fr_timeout = 1;')
    caller, callee = peers
    for status in (408, 481, None):
        call = Call(server, *peers)
        call.answer()
        call.within("BYE", 2, headers=[] if status else ["X-Silence: yes"])
        bye = callee.expect("BYE")
        assert dialogs(server) == []
        if status:
            callee.reply(bye, status, "Gone")
            caller.expect(status)
        else:
            # Nobody answers: the caller is not told so, its own timer has run out by then (RFC 4320 §4).
            caller.nothing(1.5)
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "nothing", timeout=10)


def test_refreshed_targets_stay_when_the_refresh_fails(start, peers):
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    _, reply = call.exchange("INVITE", 2, status=488, reason="No", answer=["Contact: <sip:no@%s>" % callee.name],
                             contact="<sip:no@%s>" % caller.name)
    callee.expect("ACK")
    found = dialogs(server)[0]
    assert found["caller_contact"] == caller.uri("me") and found["CALLEES"][0]["callee_contact"] == callee.uri("bob")
    call.exchange("UPDATE", 3, answer=["Contact: <sip:yes@%s>" % callee.name], contact="<sip:yes@%s>" % caller.name)
    found = dialogs(server)[0]
    assert found["caller_contact"] == "sip:yes@" + caller.name
    assert found["CALLEES"][0]["callee_contact"] == "sip:yes@" + callee.name
    server.mi("dialog:end_dlg", dialog_id=found["ID"])
    byes = answer_bye(*peers)
    assert [bye.uri for bye in byes] == ["sip:yes@" + agent.name for agent in peers]
