"""Back-to-back calls: whatever is open when something ends gets its answer, and nothing is left."""
import pytest

from b2bcalls import (ANSWER, OFFER, SDP, Call, agents, b2b, b2b_sessions, contact_of, held_up, no_state,
                      scripted)
from conftest import free_port, wait_for
from http_service import Service

TURNS = 256


def collect(agent, count):
    """So many messages in whatever order, by method of a request or (status, method) of a reply. 100 is passed over."""
    found = {}
    while len(found) < count:
        message = agent.receive()
        if message.status != 100:
            found[(message.status, message.method) if message.is_reply else message.method] = message
    return found


def reinvite(asks, answers):
    """A re-INVITE that the other side has, and works on."""
    sent = asks.request("INVITE", headers=[SDP], body=OFFER)
    again = answers.agent.expect("INVITE")
    answers.agent.reply(again, 100, "Trying")
    return sent, again


def give_up(agent, again, cancel):
    agent.reply(cancel, 200, "OK")
    agent.reply(again, 487, "Request Terminated")
    agent.expect("ACK")


@pytest.mark.parametrize("side", "ab")
def test_a_bye_ends_the_reinvite_that_waits_for_who_hangs_up(b2b, agents, side):
    """RFC 3261 §15.1.2: 487 to who asked, CANCEL to who was asked."""
    call = Call(b2b(), agents).pick_up().confirm()
    asks, answers = (call.a, call.b) if side == "a" else (call.b, call.a)
    sent, again = reinvite(asks, answers)
    answers.request("BYE")
    found = collect(asks.agent, 2)
    assert set(found) == {(487, "INVITE"), "BYE"}
    asks.agent.ack(sent, found[487, "INVITE"])
    asks.agent.reply(found["BYE"], 200, "OK")
    found = collect(answers.agent, 2)
    assert set(found) == {"CANCEL", (200, "BYE")}
    give_up(answers.agent, again, found["CANCEL"])
    no_state(call.server)


@pytest.mark.parametrize("side", "ab")
@pytest.mark.parametrize("function", ["b2b_delete_entity", "b2b_end_dlg_leg"])
def test_an_entity_that_is_taken_out_leaves_no_invite_open(scripted, agents, side, function):
    """Neither the one that it waits for nor the one that waits for it."""
    server = scripted(before='if (is_method("INFO")) { %s(); exit; }' % function)
    call = Call(server, agents).pick_up().confirm()
    sent, again = reinvite(call.a, call.b)
    goes, stays = (call.a, call.b) if side == "a" else (call.b, call.a)
    goes.request("INFO")
    seen = collect(goes.agent, 2 + (function == "b2b_end_dlg_leg"))
    # The request that the route was about is answered too.
    assert seen.pop((487, "INFO"))
    if function == "b2b_end_dlg_leg":
        goes.agent.reply(seen.pop("BYE"), 200, "OK")
    if side == "a":
        refusal, = seen.values()
        assert refusal.method == "INVITE" and refusal.status in (480, 487)
        cancel = call.callee.expect("CANCEL")
    else:
        cancel, = seen.values()
        assert cancel.method == "CANCEL"
        refusal = call.caller.expect(487)
    call.caller.ack(sent, refusal)
    give_up(call.callee, again, cancel)
    stays.request("BYE")
    stays.agent.expect(200)
    no_state(server)


@pytest.mark.parametrize("reply", ["b2b_end_dlg_leg(); exit;", "exit;"])
@pytest.mark.parametrize("status", [183, 486])
def test_a_reply_route_that_passes_nothing_on_leaves_no_caller_waiting(scripted, agents, reply, status):
    server = scripted(reply="if ($rs == %d) { %s }" % (status, reply))
    call = Call(server, agents)
    call.callee.reply(call.invite, status, "So", tag=call.tag)
    if status == 486:
        call.callee.expect("ACK")
    elif "end" in reply:
        give_up(call.callee, call.invite, call.callee.expect("CANCEL"))
    else:
        # Not passed on, that is all.
        call.caller.nothing(0.1)
        call.pick_up().confirm().hang_up()
        return
    call.caller.ack(call.sent, call.caller.expect(480))
    no_state(server)


def test_a_request_that_waits_at_the_other_side_is_answered_when_the_call_ends(b2b, agents):
    server = b2b()
    call = Call(server, agents).pick_up().confirm()
    call.a.request("INFO")
    info = call.callee.expect("INFO")
    assert server.mi("b2b_terminate_call", key=b2b_sessions(server)[0]["key"]) == "OK"
    for agent in (call.caller, call.callee):
        agent.reply(agent.expect("BYE"), 200, "OK")
    call.callee.reply(info, 200, "OK")
    assert call.caller.expect(487).method == "INFO"
    no_state(server)


def test_a_bye_that_waits_at_the_other_side_is_answered_when_the_call_ends(b2b, agents):
    server = b2b(EXTRA='modparam("tm", "T1_timer", 4000)')
    call = Call(server, agents).pick_up().confirm()
    call.a.request("BYE")
    bye = call.callee.expect("BYE")
    assert server.mi("b2b_terminate_call", key=b2b_sessions(server)[0]["key"]) == "OK"
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    call.callee.nothing(0.1)
    call.callee.reply(bye, 200, "OK")
    assert call.caller.expect(200).method == "BYE"
    no_state(server)


def test_an_ack_of_another_invite_says_nothing(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    call.a.request("INVITE")
    again = call.callee.expect("INVITE")
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=OFFER)
    call.caller.expect(200)
    # The first one's comes once more.
    call.a.request("ACK", cseq=1)
    assert call.caller.expect(200).get("cseq") == "2 INVITE"
    call.callee.nothing(0.1)
    call.a.request("ACK", cseq=2, headers=[SDP], body=ANSWER)
    ack = call.callee.expect("ACK")
    assert ack.body == ANSWER and ack.get("cseq").split()[0] == again.get("cseq").split()[0]
    call.hang_up()


def test_what_ends_something_is_heard_however_many_wait(scripted, agents, closing):
    """A refusal and a CANCEL come once: they wait behind the 256 that may."""
    service = closing(Service())
    server = scripted(**held_up(service))
    call = Call(server, agents).pick_up().confirm()
    sent, again = reinvite(call.a, call.b)
    call.a.request("INFO", headers=["X-Wait: 1"])
    wait_for(lambda: "WAITING" in server.log_path.read_text(), "the route to wait")
    for _ in range(TURNS + 1):
        call.a.request("INFO")
    call.caller.expect(503)
    call.callee.reply(again, 488, "Not Acceptable Here")
    call.callee.expect("ACK")
    service.release()
    # Two processes send what is answered: in any order.
    replies = [call.caller.receive() for _ in range(TURNS + 2)]
    refusal, = [reply for reply in replies if reply.status == 488]
    assert [reply.status for reply in replies if reply is not refusal] == [200] * (TURNS + 1)
    call.caller.ack(sent, refusal)
    call.hang_up()


FAR = 2**63 - 1


def test_times_beyond_all_measure(b2b, agents):
    """Whoever names them, in a header or a parameter."""
    server = b2b(ARGUMENTS=', "setup-timeout=$hdr(X-Time)"', EXTRA="\n".join(
        'modparam("%s", "%s", %d)' % (module, name, 2**31 - 1) for module, name in [
            ("b2b_logic", "max_duration"), ("b2b_logic", "b2bl_th_init_timeout"), ("b2b_logic", "cleanup_period"),
            ("b2b_logic", "old_entity_term_delay"), ("b2b_entities", "ua_default_timeout")]))
    for time in [FAR, -FAR - 1, FAR + 1, 2**31, "soon"]:
        Call(server, agents, headers=["X-Time: %s" % time], rings=False).pick_up().confirm().hang_up()


@pytest.mark.parametrize("time", [FAR, 2**40])
def test_a_bridge_may_last_beyond_all_measure(scripted, agents, time):
    port = free_port()
    server = scripted('b2b_client_new("new", "sip:new@127.0.0.1:%d"); b2b_bridge("peer", "new", , "max_duration=%d");'
                      % (port, time))
    party = agents(server, port)
    call = Call(server, agents).pick_up().confirm()
    call.a.request("REFER", headers=["Refer-To: <sip:x@127.0.0.1>"])
    party.expect("INVITE")
    session, = b2b_sessions(server)
    assert 2**31 - 60 < session["lifetime"] < 2**31
    assert server.mi("b2b_terminate_call", key=session["key"]) == "OK"
    no_state(server)
