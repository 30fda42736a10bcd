"""Answers that come late, again, or too often: each is acknowledged or passed on by the one server that can, and none is sent twice."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, agents, b2b, contact_of, no_state, parties, uri_of
from conftest import wait_for
from sip import Agent
from uacscripts import uac

SHORT_WAIT = 'modparam("tm", "wt_timer", 1)\n'


def past_the_wait(server, caller, callee):
    """A request that is answered after all others has gone from memory: so `wt_timer` is over for them too."""
    caller.request("MESSAGE", "sip:x@%s:%d" % (server.address, server.port))
    callee.reply(callee.expect("MESSAGE"), 200, "OK", tag="m")
    caller.expect(200)
    wait_for(lambda: server.statistic("tm:inuse_transactions") == 1, "the transactions to end but for the INVITE's")


def test_a_b2b_call_acknowledges_what_comes_after_the_wait(b2b, agents):
    call = Call(b2b(EXTRA=SHORT_WAIT), agents).pick_up().confirm()
    wait_for(lambda: call.server.statistic("tm:inuse_transactions") == 1, "the caller's transaction to end")
    # The callee has lost our ACK.
    call.callee.reply(call.invite, 200, "OK", tag=call.tag, headers=[contact_of(call.callee), SDP], body=ANSWER)
    assert call.callee.expect("ACK").tag("to") == call.tag
    # Another fork answers: it is told that nobody talks to it.
    call.callee.reply(call.invite, 200, "OK", tag="second", headers=[contact_of(call.callee), SDP], body=ANSWER)
    assert call.callee.expect("ACK").tag("to") == "second"
    bye = call.callee.expect("BYE")
    assert bye.tag("to") == "second"
    call.callee.reply(bye, 200, "OK")
    call.hang_up()


def test_a_hidden_call_passes_on_what_comes_after_the_wait(start):
    with Agent(None) as caller, Agent(None) as callee:
        server = start("hiding.cfg", CALLEE=callee.port, PARAMS=SHORT_WAIT, ROUTE='if (is_method("INVITE")) topology_hiding();')
        caller.server = callee.server = (server.address, server.port)
        sent = caller.request("INVITE", "sip:bob@example.org")
        invite = callee.expect("INVITE")
        for number in range(2):
            callee.reply(invite, 200, "OK", tag="b", headers=[contact_of(callee)])
            ok = caller.expect(200)
            assert ok.get("via").endswith(str(caller.port)) or sent["branch"] in ok.get("via")
            if number == 0:
                past_the_wait(server, caller, callee)


@pytest.mark.parametrize("uac", ["udp"], indirect=True)
def test_a_replaced_name_is_restored_after_the_wait(uac):
    server, caller, callee = uac(before='uac_replace_from("", "sip:hidden@example.org");', extra=SHORT_WAIT)
    caller.request("INVITE", "sip:bob@example.org")
    invite = callee.expect("INVITE")
    assert uri_of(invite.get("from")) == "sip:hidden@example.org"
    for number in range(2):
        callee.reply(invite, 200, "OK", tag="b", headers=[contact_of(callee)])
        assert uri_of(caller.expect(200).get("from")) == "sip:caller@127.0.0.1"
        if number == 0:
            past_the_wait(server, caller, callee)


def test_a_cancelled_re_invite_that_is_answered_all_the_same_has_one_answer(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    again = call.a.request("INVITE", body=OFFER, headers=[SDP])
    invite = call.callee.expect("INVITE")
    call.caller.request("CANCEL", again["uri"], caller=again["caller"], callee=again["callee"], call_id=again["call_id"],
                        cseq=again["cseq"], from_tag=again["from_tag"], to_tag=again["to_tag"], via=again["branch"])
    answers = {call.caller.expect(200).method: 200}
    refused = call.caller.expect(487)
    answers[refused.method] = 487
    assert answers == {"CANCEL": 200, "INVITE": 487}
    call.caller.ack(again, refused)
    # It crosses the CANCEL: acknowledged, and no second answer for the caller.
    call.callee.reply(invite, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    assert call.callee.expect("ACK").get("cseq") == invite.get("cseq").replace("INVITE", "ACK")
    call.caller.nothing()
    call.hang_up()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_answer_is_repeated_until_it_is_acknowledged(b2b, agents, transport):
    """Over TCP too: behind the next hop there may be UDP, where nobody else repeats it (RFC 3261 §13.3.1.4)."""
    # The callee is behind TCP, where no INVITE comes again.
    server, caller = parties(b2b, agents, transport, "tcp", T1=50, EXTRA='modparam("tm", "T2_timer", 100)\n')
    call = Call(server, agents, caller=caller).pick_up()
    for _ in range(3):
        assert call.caller.expect(200).raw == call.ok.raw
    call.confirm()
    # What the server had sent before it saw the ACK has arrived by now.
    call.caller.drain()
    call.caller.nothing(0.5)
    call.hang_up()
