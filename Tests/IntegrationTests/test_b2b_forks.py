"""Forks of a call that the server makes: each early dialog for itself until one answers, then the others are over."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, Leg, agents, b2b, contact_of, no_state
from uasessions import Controller, calls, ended


def fork_of(agent, invite, tag, cseq=0):
    """The dialog of a fork, as its end point has it."""
    return Leg.asked(agent, invite, tag, cseq=cseq)


def ring(call, agents, tag="other"):
    """Another fork rings: a third end point behind the same INVITE."""
    other = agents(call.server)
    other.reply(call.invite, 180, "Ringing", tag=tag, headers=[contact_of(other)])
    call.caller.expect(180)
    return fork_of(other, call.invite, tag)


def pass_info(leg, call):
    leg.request("INFO")
    call.caller.reply(call.caller.expect("INFO"), 200, "OK")
    leg.agent.expect(200)


def test_each_fork_counts_for_itself_while_it_rings(b2b, agents):
    call = Call(b2b(), agents)
    first = fork_of(call.callee, call.invite, call.tag, cseq=70)
    pass_info(first, call)
    other = ring(call, agents)
    pass_info(other, call)
    pass_info(first, call)
    first.request("INFO", cseq=70)
    first.agent.expect(500)
    # Its end is its own affair.
    other.request("BYE")
    other.agent.expect(200)
    call.pick_up()
    call.b.cseq = first.cseq
    call.confirm()
    pass_info(call.b, call)
    call.hang_up(call.b, call.a)


def test_when_one_has_answered_the_others_are_over(b2b, agents):
    call = Call(b2b(), agents)
    other = ring(call, agents)
    call.pick_up().confirm()
    for method, status in [("UPDATE", 481), ("INFO", 481), ("BYE", 200)]:
        other.request(method)
        other.agent.expect(status)
    call.caller.nothing(0.1)
    # Requests still go to who answered, and count from there.
    pass_info(call.b, call)
    call.a.request("INFO")
    call.callee.reply(call.callee.expect("INFO"), 200, "OK")
    call.caller.expect(200)
    call.hang_up()


@pytest.mark.parametrize("rang", [True, False])
def test_a_fork_that_answers_too_late_may_hang_up_itself(b2b, agents, rang):
    call = Call(b2b(), agents)
    other = ring(call, agents) if rang else fork_of(agents(call.server), call.invite, "other")
    call.pick_up().confirm()

    def answer():
        other.agent.reply(call.invite, 200, "OK", tag="other", headers=[contact_of(other.agent), SDP], body=ANSWER)

    answer()
    found = {m.method: m for m in (other.agent.receive(), other.agent.receive())}
    assert set(found) == {"ACK", "BYE"} and found["ACK"].tag("to") == found["BYE"].tag("to") == "other"
    other.request("BYE")
    other.agent.expect(200)
    other.agent.reply(found["BYE"], 200, "OK")
    # Once more, for the ACK was lost: that is all it needs.
    answer()
    other.agent.expect("ACK")
    other.agent.nothing(0.1)
    other.request("INFO")
    other.agent.expect(481)
    call.caller.nothing(0.1)
    call.callee.nothing(0.1)
    call.hang_up()


def test_forks_of_a_user_agent_session(b2b, agents, events):
    server = b2b()
    control = Controller(server, events)
    callee, other = agents(server), agents(server)
    calls(server, callee, flags="")
    invite = callee.expect("INVITE")
    for agent, tag in ((callee, "first"), (other, "other")):
        agent.reply(invite, 180, "Ringing", tag=tag, headers=[contact_of(agent)])
    callee.reply(invite, 200, "OK", tag="first", headers=[contact_of(callee), SDP], body=ANSWER)
    callee.expect("ACK")
    leg = fork_of(other, invite, "other")
    for method, status in [("INFO", 481), ("BYE", 200)]:
        leg.request(method)
        other.expect(status)
    control.silent()
    leg = fork_of(callee, invite, "first")
    leg.request("BYE")
    callee.expect(200)
    control.hear(event_type="TERMINATED", method="BYE")
    ended(server)


def progress(call, invite, rseq, tag=None):
    call.callee.reply(invite, 183, "Progress", tag=tag or call.tag,
                      headers=[contact_of(call.callee), "Require: 100rel", "RSeq: %d" % rseq])


def acknowledged(call, invite, rseq):
    prack = call.callee.expect("PRACK")
    assert prack.get("rack") == "%d %s" % (rseq, invite.get("cseq"))
    call.callee.reply(prack, 200, "OK")


def test_reliable_responses_are_acknowledged_once_each_and_in_their_order(b2b, agents):
    """RFC 3262 §4, for each INVITE and each fork by itself."""
    server = b2b(EXTRA='modparam("tm", "T1_timer", 4000)')
    call = Call(server, agents, rings=False, headers=["Supported: 100rel"])

    def passed(leg_number, rseq, invite_number=1):
        got = call.caller.expect(183)
        assert got.get("rseq") == str(rseq)
        early = Leg.asking(call.caller, call.sent, got, cseq=leg_number)
        early.request("PRACK", headers=["RAck: %d %d INVITE" % (rseq, invite_number)])
        call.caller.expect(200)

    progress(call, call.invite, 7)
    acknowledged(call, call.invite, 7)
    passed(1, 7)
    for rseq in (7, 7, 9):
        progress(call, call.invite, rseq)
    progress(call, call.invite, 8)
    acknowledged(call, call.invite, 8)
    passed(2, 8)
    progress(call, call.invite, 7, tag="other")
    acknowledged(call, call.invite, 7)
    # Its own count there; here both are one dialog.
    passed(3, 9)
    call.pick_up().confirm()
    # The next INVITE begins anew.
    call.a.cseq = 10
    call.a.request("INVITE", headers=[SDP, "Supported: 100rel"], body=OFFER)
    again = call.callee.expect("INVITE")
    progress(call, again, 7)
    acknowledged(call, again, 7)
    passed(11, 7, 11)
    progress(call, again, 7)
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.caller.expect(200)
    call.a.request("ACK", cseq=11)
    call.callee.expect("ACK")
    call.a.cseq = 20
    call.hang_up()


@pytest.mark.parametrize("through", [0, 1])
def test_reliable_responses_of_a_user_agent_session(b2b, agents, events, through):
    server = b2b(EXTRA='modparam("b2b_entities", "passthru_prack", %d)' % through)
    control = Controller(server, events)
    callee = agents(server)
    key = calls(server, callee, flags="r")
    invite = callee.expect("INVITE")
    for rseq in (5, 5, 7):
        callee.reply(invite, 183, "Progress", tag="b",
                     headers=[contact_of(callee), "Require: 100rel", "RSeq: %d" % rseq])
    if not through:
        prack = callee.expect("PRACK")
        assert prack.get("rack") == "5 " + invite.get("cseq")
        callee.reply(prack, 200, "OK")
    control.hear(key=key, event_type="EARLY", status=183)
    callee.nothing(0.1)
    control.silent()
    callee.reply(invite, 486, "Busy Here", tag="b")
    callee.expect("ACK")
    control.hear(key=key, event_type="REJECTED")
    ended(server)
