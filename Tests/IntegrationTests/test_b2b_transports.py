"""Back-to-back calls whose two sides use different transports: each leg by its own, with contacts that fit."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, contact_of, no_state, parties
from conftest import free_port
from uasessions import SERVE, ended

TRANSPORTS = [("udp", "tcp"), ("tcp", "udp"), ("tcp", "tcp")]


def own_contact(server, transport):
    return "<sip:%s:%d%s>" % (server.address, server.port, ";transport=tcp" if transport == "tcp" else "")


@pytest.mark.parametrize("caller_transport, callee_transport", TRANSPORTS)
@pytest.mark.parametrize("ends", ["caller", "callee"])
def test_calls_between_transports(b2b, agents, caller_transport, callee_transport, ends):
    server, caller = parties(b2b, agents, caller_transport, callee_transport)
    call = Call(server, agents, caller=caller)
    assert call.invite.get("via").startswith("SIP/2.0/%s " % callee_transport.upper())
    assert call.invite.get("contact") == own_contact(server, callee_transport)
    assert call.ringing.get("contact") == own_contact(server, caller_transport)
    call.pick_up().confirm()
    for leg, other in ((call.a, call.b), (call.b, call.a)):
        leg.request("INVITE", headers=[SDP], body=OFFER)
        again = other.agent.expect("INVITE")
        other.agent.reply(again, 200, "OK", headers=[contact_of(other.agent), SDP], body=ANSWER)
        leg.agent.expect(200)
        leg.request("ACK", cseq=leg.cseq)
        other.agent.expect("ACK")
    call.hang_up(*((call.a, call.b) if ends == "caller" else (call.b, call.a)))


def test_a_call_over_tcp_is_cancelled(b2b, agents):
    server, caller = parties(b2b, agents, "udp", "tcp")
    call = Call(server, agents, caller=caller)
    call.caller.cancel(call.sent)
    assert {call.caller.receive().status, call.caller.receive().status} == {200, 487}
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")
    no_state(server)


@pytest.mark.parametrize("new_is_tcp", [True, False])
def test_a_bridge_changes_the_transport(b2b, agents, new_is_tcp):
    callee_transport = "udp" if new_is_tcp else "tcp"
    server, caller = parties(b2b, agents, "tcp" if not new_is_tcp else "udp", callee_transport)
    call = Call(server, agents, caller=caller).pick_up().confirm()
    port = free_port()
    party = agents(server, port, tcp=new_is_tcp)
    target = "sip:new@%s%s" % (party.name, ";transport=tcp" if new_is_tcp else "")
    key = b2b_sessions(server)[0]["key"]
    assert server.mi("b2b_bridge", dialog_id=key, new_uri=target) == "OK"
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    invite = party.expect("INVITE")
    assert invite.get("contact") == own_contact(server, "tcp" if new_is_tcp else "udp")
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=OFFER)
    call.caller.reply(call.caller.expect("INVITE"), 200, "OK", headers=[contact_of(call.caller), SDP], body=ANSWER)
    call.caller.expect("ACK")
    party.expect("ACK")
    leg = Leg.asked(party, invite, "new")
    call.hang_up(leg, call.a)


def test_a_callee_whose_connection_is_refused(b2b, agents):
    server = b2b(tcp=True, TARGET=";transport=tcp", UAS_PORT=free_port())
    caller = agents(server)
    sent = caller.request("INVITE", "sip:x@%s:%d" % (server.address, server.port), body=OFFER, headers=[SDP])
    refused = caller.expect(500)
    caller.ack(sent, refused)
    no_state(server)


def test_a_user_agent_session_over_tcp(b2b, agents):
    server = b2b(tcp=True, ROUTE=SERVE % ("", "", 'ua_session_reply($var(key), "INVITE", 200);'))
    caller, callee = agents(server, tcp=True), agents(server, free_port(), tcp=True)
    # In.
    sent = caller.request("INVITE", "sip:box@%s:%d" % (server.address, server.port), headers=[SDP], body=OFFER)
    ok = caller.expect(200)
    assert ok.get("contact") == own_contact(server, "tcp")
    leg = Leg.asking(caller, sent, ok)
    leg.request("ACK", cseq=1)
    leg.request("BYE")
    caller.expect(200)
    # Out, and by which listener is said or found.
    for socket_name in ({}, {"socket": "tcp:%s:%d" % (server.address, server.port)}):
        key = server.mi("ua_session_client_start", ruri="sip:b@%s;transport=tcp" % callee.name, to="sip:b@x",
                        **{"from": "sip:a@x"}, **socket_name)
        got = callee.expect("INVITE")
        assert got.get("contact") == own_contact(server, "tcp") and got.get("via").startswith("SIP/2.0/TCP ")
        callee.reply(got, 200, "OK", tag="b", headers=[contact_of(callee), SDP], body=ANSWER)
        callee.expect("ACK")
        assert server.mi("ua_session_terminate", key=key) == "OK"
        callee.reply(callee.expect("BYE"), 200, "OK")
    ended(server)
