"""Reliable provisional responses (RFC 3262): numbers of each side's own, one after another, and PRACKs that fit."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, Leg, agents, b2b, contact_of, no_state
from uasessions import calls, ended

RELIABLE = "Require: 100rel"
CREDENTIAL = 'loadmodule "uac_auth.so"\nmodparam("uac_auth", "credential", "me:realm:secret")\n'
PASSING = 'modparam("b2b_entities", "passthru_prack", 1)\n'
CHALLENGE = 'Proxy-Authenticate: Digest realm="realm",nonce="abc"'
SLOW = 'modparam("tm", "T1_timer", 4000)\n'


def ringing(server, agents):
    return Call(server, agents, rings=False, headers=["Supported: 100rel"])


def early(call, reply, cseq=1):
    return Leg.asking(call.caller, call.sent, reply, cseq=cseq)


def rings(call, rseq, tag=None, body="", own=True):
    """The callee rings reliably; the server's own PRACK of it is answered."""
    call.callee.reply(call.invite, 180, "Ringing", tag=tag or call.tag, body=body,
                      headers=[contact_of(call.callee), "RSeq: %d" % rseq, RELIABLE, *([SDP] if body else [])])
    if own:
        prack = call.callee.expect("PRACK")
        assert prack.get("rack") == "%d %s" % (rseq, call.invite.get("cseq"))
        call.callee.reply(prack, 200, "OK")


def pracks(leg, rack, status):
    leg.request("PRACK", headers=["RAck: " + rack])
    assert leg.agent.expect(status).method == "PRACK"


def test_a_prack_fits_what_is_open_and_the_next_waits_for_it(b2b, agents):
    server = b2b(EXTRA=SLOW)
    call = ringing(server, agents)
    rings(call, 7)
    first = call.caller.expect(180)
    leg = early(call, first)
    rings(call, 8)
    call.caller.nothing()
    for wrong in ("8 1 INVITE", "7 2 INVITE", "7 1 UPDATE", "99 77 INVITE"):
        pracks(leg, wrong, 481)
    pracks(leg, "7 1 INVITE", 200)
    assert call.caller.expect(180).get("rseq") == "8"
    pracks(leg, "7 1 INVITE", 481)
    pracks(leg, "8 1 INVITE", 200)
    call.a = None
    call.pick_up().confirm()
    call.a.cseq = leg.cseq
    call.hang_up()


@pytest.mark.parametrize("held", [False, True])
def test_a_2xx_waits_for_the_prack_of_what_has_a_description(b2b, agents, held):
    server = b2b(EXTRA=SLOW)
    call = ringing(server, agents)
    rings(call, 7, body="" if held else ANSWER)
    leg = early(call, call.caller.expect(180))
    if held:
        rings(call, 8, body=ANSWER)
    call.callee.reply(call.invite, 200, "OK", tag=call.tag, headers=[contact_of(call.callee)])
    call.caller.nothing()
    pracks(leg, "7 1 INVITE", 200)
    if held:
        assert call.caller.expect(180).body == ANSWER
        call.caller.nothing()
        pracks(leg, "8 1 INVITE", 200)
    ok = call.caller.expect(200)
    assert ok.method == "INVITE" and ok.body == ""
    leg.request("ACK", cseq=1)
    call.callee.expect("ACK")
    leg.request("BYE")
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    call.caller.expect(200)
    no_state(server)


def test_a_call_is_cancelled_while_its_2xx_waits(b2b, agents):
    server = b2b(EXTRA=SLOW)
    call = ringing(server, agents)
    rings(call, 7, body=ANSWER)
    call.caller.expect(180)
    call.callee.reply(call.invite, 200, "OK", tag=call.tag, headers=[contact_of(call.callee)])
    call.caller.nothing()
    call.caller.cancel(call.sent)
    call.caller.expect(200)
    call.caller.ack(call.sent, call.caller.expect(487))
    call.callee.expect("ACK")
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    no_state(server)


@pytest.mark.parametrize("through", [False, True])
def test_forks_that_are_one_to_the_caller_are_counted_together(b2b, agents, through):
    server = b2b(EXTRA=SLOW + (PASSING if through else ""))
    call = ringing(server, agents)
    legs = {}

    def prack(number, rseq, tag):
        leg = early(call, legs["first"], cseq=number)
        leg.request("PRACK", headers=["RAck: %d 1 INVITE" % (100 + number - 1)])
        if through:
            got = call.callee.expect("PRACK")
            assert got.get("rack") == "%d %s" % (rseq, call.invite.get("cseq")) and got.tag("to") == tag
            call.callee.reply(got, 200, "OK")
        call.caller.expect(200)

    rings(call, 100, tag="one", own=not through)
    legs["first"] = call.caller.expect(180)
    assert legs["first"].get("rseq") == "100"
    if through:
        # Comes before the PRACK of the other: later, when the fork repeats it.
        rings(call, 5000, tag="two", own=False)
        call.caller.nothing()
    prack(1, 100, "one")
    rings(call, 5000, tag="two", own=not through)
    second = call.caller.expect(180)
    assert second.get("rseq") == "101" and second.tag("to") == legs["first"].tag("to")
    prack(2, 5000, "two")
    rings(call, 101, tag="one", own=not through)
    assert call.caller.expect(180).get("rseq") == "102"
    prack(3, 101, "one")
    call.caller.cancel(call.sent)
    call.caller.expect(200)
    call.caller.ack(call.sent, call.caller.expect(487))
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag="one")
    call.callee.expect("ACK")
    no_state(server)


@pytest.mark.parametrize("through", [False, True])
def test_a_challenged_prack_is_sent_again_in_its_dialog(b2b, agents, through):
    """The caller's, and the server's own."""
    server = b2b(EXTRA=CREDENTIAL + SLOW + (PASSING if through else ""))
    call = ringing(server, agents)
    rings(call, 7, body=ANSWER, own=False)
    leg = early(call, call.caller.expect(180))
    if through:
        leg.request("PRACK", headers=["RAck: 7 1 INVITE"])
    prack = call.callee.expect("PRACK")
    call.callee.reply(prack, 407, "Proxy Authentication Required", headers=[CHALLENGE])
    again = call.callee.expect("PRACK")
    assert 'realm="realm"' in again.get("proxy-authorization")
    assert (again.uri, again.get("to"), again.get("rack")) == (prack.uri, prack.get("to"), prack.get("rack"))
    assert int(again.get("cseq").split()[0]) > int(prack.get("cseq").split()[0])
    call.callee.reply(again, 200, "OK")
    if not through:
        leg.request("PRACK", headers=["RAck: 7 1 INVITE"])
    call.caller.expect(200)
    call.pick_up().confirm()
    call.a.cseq = 10
    call.hang_up()


def test_a_challenged_bye_of_a_fork_too_many_ends_the_fork(b2b, agents):
    server = b2b(EXTRA=CREDENTIAL)
    callee = agents(server)
    key = calls(server, callee, body=OFFER)
    invite = callee.expect("INVITE")
    for tag in ("one", "two"):
        callee.reply(invite, 200, "OK", tag=tag, headers=[contact_of(callee), SDP], body=ANSWER)
        assert callee.expect("ACK").tag("to") == tag
    bye = callee.expect("BYE")
    assert bye.tag("to") == "two"
    callee.reply(bye, 407, "Proxy Authentication Required", headers=[CHALLENGE])
    bye = callee.expect("BYE")
    assert bye.tag("to") == "two" and bye.get("proxy-authorization")
    callee.reply(bye, 200, "OK")
    assert [one["key"] for one in server.mi("ua_session_list")] == [key]
    server.mi("ua_session_terminate", key=key)
    bye = callee.expect("BYE")
    assert bye.tag("to") == "one"
    callee.reply(bye, 200, "OK")
    ended(server)
