"""User agent sessions: calls that the server makes, told of by E_UA_SESSION and driven by ua_session_*."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Leg, agents, b2b, contact_of
from conftest import wait_for
from uasessions import Controller, calls, ended


def test_a_call_to_outside(b2b, agents, events):
    server = b2b(EXTRA='modparam("b2b_entities", "advertised_contact", "me@192.0.2.4:5099")')
    control = Controller(server, events)
    callee = agents(server)
    key = server.mi("ua_session_client_start", ruri="sip:bob@%s" % callee.name, to="Bob,sip:bob@example.org",
                    **{"from": "sip:robot@example.org"}, body=OFFER, extra_headers="X-Call: 1", flags="rhb")
    assert key.startswith("B2B.")
    got = callee.expect("INVITE")
    assert got.get("call-id") == key and got.get("to") == '"Bob" <sip:bob@example.org>' and got.body == OFFER
    assert got.get("from").startswith("<sip:robot@example.org>;tag=") and got.get("content-type") == "application/sdp"
    assert got.get("contact") == "<sip:me@192.0.2.4:5099>" and got.get("x-call") == "1"
    callee.reply(got, 180, "Ringing", tag="b", headers=[contact_of(callee)])
    control.hear(key=key, entity_type="UAC", event_type="EARLY", status=180, reason="Ringing", method="INVITE")
    callee.reply(got, 200, "OK", tag="b", headers=[contact_of(callee), SDP], body=ANSWER)
    callee.expect("ACK")
    ok = control.hear(key=key, event_type="ANSWERED", status=200, method="INVITE", body=ANSWER)
    assert "To: \"Bob\" <sip:bob@example.org>;tag=b" in ok["headers"]
    # Once more, for the first ACK was lost; nobody is told twice.
    callee.reply(got, 200, "OK", tag="b", headers=[contact_of(callee), SDP], body=ANSWER)
    callee.expect("ACK")
    control.silent()
    # re-INVITE of either side.
    control.order("update", key=key, method="INVITE", body=OFFER)
    control.refused("update", 409, key=key, method="INVITE", body=OFFER)
    again = callee.expect("INVITE")
    callee.reply(again, 200, "OK", headers=[contact_of(callee), SDP], body=ANSWER)
    callee.expect("ACK")
    control.hear(event_type="ANSWERED", method="INVITE")
    leg = Leg(callee, key, "sip:bob@example.org", "b", "sip:robot@example.org", got.tag("from"),
              "sip:%s:%d" % (server.address, server.port))
    leg.request("INVITE", headers=[SDP], body=OFFER, cseq=7)
    control.hear(event_type="UPDATED", method="INVITE", body=OFFER)
    sent = leg.request("INVITE", headers=[SDP], body=OFFER, cseq=8)
    refused = callee.expect(500)
    callee.ack(sent, refused)
    assert refused.get("retry-after") is not None
    control.order("reply", key=key, method="INVITE", code=200, body=ANSWER)
    assert callee.expect(200).body == ANSWER
    leg.request("ACK", cseq=7)
    control.order("terminate", key=key, extra_headers="Reason: Q.850;cause=16")
    bye = callee.expect("BYE")
    assert bye.get("reason") == "Q.850;cause=16"
    callee.reply(bye, 200, "OK")
    control.silent()
    ended(server)


@pytest.mark.parametrize("flags, heard", [("", []), ("r", ["EARLY", "REJECTED"])])
def test_a_call_that_is_refused(b2b, agents, events, flags, heard):
    server = b2b()
    control = Controller(server, events)
    callee = agents(server)
    calls(server, callee, flags=flags)
    got = callee.expect("INVITE")
    callee.reply(got, 180, "Ringing", tag="b")
    callee.reply(got, 486, "Busy Here", tag="b")
    callee.expect("ACK")
    for one in heard:
        event = control.hear(event_type=one)
        assert "body" not in event and "headers" not in event
    control.silent()
    ended(server)


def test_a_call_that_nobody_answers(b2b, agents, events):
    server = b2b(EXTRA='modparam("tm", "fr_timeout", 1)')
    control = Controller(server, events)
    callee = agents(server)
    key = calls(server, callee, flags="r")
    control.hear(key=key, event_type="REJECTED", status=408, method="INVITE")
    ended(server)


def test_a_call_is_given_up_while_it_rings(b2b, agents, events):
    server = b2b()
    callee = agents(server)
    for order, values in (("terminate", {}), ("update", {"method": "CANCEL"})):
        key = calls(server, callee)
        got = callee.expect("INVITE")
        callee.reply(got, 180, "Ringing", tag="b", headers=[contact_of(callee)])
        wait_for(lambda: server.mi("ua_session_list")[0]["state"] == "early", "the call to ring")
        assert server.mi_call("ua_session_" + order, dict(values, key=key))["result"] == "OK"
        callee.reply(callee.expect("CANCEL"), 200, "OK")
        callee.reply(got, 487, "Request Terminated", tag="b")
        callee.expect("ACK")
        ended(server)


def test_a_controller_acknowledges_itself(b2b, agents, events):
    server = b2b()
    control = Controller(server, events)
    callee = agents(server)
    key = calls(server, callee, flags="rd")
    got = callee.expect("INVITE")
    control.refused("update", 409, key=key, method="ACK")
    callee.reply(got, 200, "OK", tag="b", headers=[contact_of(callee), SDP], body=OFFER)
    control.hear(event_type="ANSWERED")
    callee.nothing(0.1)
    control.order("update", key=key, method="ACK", body=ANSWER, extra_headers="X-Late: 1")
    ack = callee.expect("ACK")
    assert ack.body == ANSWER and ack.get("x-late") == "1"
    assert ack.get("cseq") == got.get("cseq").replace("INVITE", "ACK")
    control.order("terminate", key=key)
    callee.reply(callee.expect("BYE"), 200, "OK")
    ended(server)


def test_a_challenge_of_the_callee_is_answered(b2b, agents, events):
    server = b2b(EXTRA='loadmodule "uac_auth.so"\nmodparam("uac_auth", "credential", "me:there:secret")')
    control = Controller(server, events)
    callee = agents(server)
    calls(server, callee, flags="r")
    challenge = ['WWW-Authenticate: Digest realm="there", nonce="abc", qop="auth"']
    callee.reply(callee.expect("INVITE"), 401, "Who", tag="b", headers=challenge)
    callee.expect("ACK")
    again = callee.expect("INVITE")
    assert 'username="me"' in again.get("authorization")
    control.silent()
    # Refused with credentials: the controller learns, and nothing comes again.
    callee.reply(again, 401, "Still no", tag="b", headers=challenge)
    callee.expect("ACK")
    control.hear(event_type="REJECTED", status=401)
    callee.nothing(0.1)
    ended(server)
