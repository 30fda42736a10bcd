"""Bridges that commands and callers ask for, and calls that the server makes."""
import time

import pytest

from b2bcalls import (ANSWER, INIT, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, complete_bridge, contact_of,
                      new_party, no_state, scripted, uri_of)
from conftest import free_port

PICKUP = """
	if ($rU == "pickup") {
		b2b_bridge_request("$hdr(X-Key)", 1@MORE@);
		exit;
	}""" + INIT

def test_the_server_connects_two_parties(b2b, agents):
    server = b2b()
    one, other = agents(server), agents(server)
    assert server.mi("b2b_trigger_scenario", senario_id="marketing", entity1="a,sip:a@%s" % one.name,
                     entity2="b,sip:b@%s,Somebody" % other.name, context=["k=v"]) == "OK"
    first = one.expect("INVITE")
    assert first.body == "" and uri_of(first.get("from")) == "sip:b@%s" % other.name
    one.reply(first, 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
    second = other.expect("INVITE")
    assert second.body == OFFER and second.get("from").startswith('"Somebody" <')
    other.reply(second, 200, "OK", tag="2", headers=[contact_of(other), SDP], body=ANSWER)
    other.expect("ACK")
    assert one.expect("ACK").body == ANSWER
    session, = b2b_sessions(server)
    assert session["context"] == {"k": "v"}
    leg = Leg.asked(one, first, "1")
    leg.request("BYE")
    other.reply(other.expect("BYE"), 200, "OK")
    one.expect(200)
    no_state(server)


def joins(server, agents, call, offer=OFFER.replace("s=-", "s=third")):
    """A third party calls to take the caller's place; gives it, what it sent, and the INVITE that the callee gets."""
    session, = b2b_sessions(server)
    third = agents(server)
    sent = third.request("INVITE", "sip:pickup@%s:%d" % (server.address, server.port), body=offer,
                         headers=[SDP, "X-Key: " + session["key"]])
    return third, sent


def joined(call, third, sent):
    """The callee takes the third party's offer; gives the third party's leg."""
    again = call.callee.expect("INVITE")
    assert "s=third" in again.body
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    ok = third.expect(200)
    assert ok.body == ANSWER
    leg = Leg.asking(third, sent, ok)
    leg.request("ACK", cseq=1)
    call.callee.expect("ACK")
    return leg, ok


def test_a_caller_joins(scripted, agents):
    server = scripted(init=PICKUP.replace("@MORE@", ', "sip:desk@192.0.2.1:5070"'))
    call = Call(server, agents).pick_up().confirm()
    third, sent = joins(server, agents, call)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    leg, ok = joined(call, third, sent)
    assert ok.get("contact") == "<sip:desk@192.0.2.1:5070>"
    leg.target = "sip:%s:%d" % (server.address, server.port)
    call.hang_up(call.b, leg)


def test_a_caller_joins_before_the_other_leaves(scripted, agents):
    server = scripted(init=PICKUP.replace("@MORE@", ', , "late_bye"'))
    call = Call(server, agents).pick_up().confirm()
    third, sent = joins(server, agents, call)
    call.caller.nothing(0.2)
    leg, _ = joined(call, third, sent)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    call.hang_up(leg, call.b)


def test_who_leaves_does_so_after_a_while(scripted, agents):
    server = scripted(init=PICKUP.replace("@MORE@", ', , "late_bye"'),
                      EXTRA='modparam("b2b_logic", "old_entity_term_delay", 1)')
    call = Call(server, agents).pick_up().confirm()
    began = time.monotonic()
    third, sent = joins(server, agents, call)
    leg, _ = joined(call, third, sent)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    assert time.monotonic() - began > 0.95
    call.hang_up(call.b, leg)


def test_a_caller_who_may_not_join_leaves_the_call_as_it_was(scripted, agents):
    server = scripted(init=PICKUP.replace("@MORE@", ', , "late_bye"'))
    call = Call(server, agents).pick_up().confirm()
    third, sent = joins(server, agents, call)
    again = call.callee.expect("INVITE")
    call.callee.reply(again, 488, "Not Acceptable Here")
    call.callee.expect("ACK")
    third.ack(sent, third.expect(488))
    # Whoever stays is told again what it had agreed on.
    back = call.callee.expect("INVITE")
    assert back.body == OFFER
    call.callee.reply(back, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.callee.expect("ACK")
    call.caller.nothing(0.1)
    call.hang_up()


def test_nobody_joins_what_is_not_there(scripted, agents):
    server = scripted(init=PICKUP.replace('b2b_bridge_request("$hdr(X-Key)", 1@MORE@);', """
		if (!b2b_bridge_request("$hdr(X-Key)", $(hdr(X-Number){s.int})))
			send_reply(404, "No Such Session");"""))
    call = Call(server, agents).pick_up().confirm()
    key = b2b_sessions(server)[0]["key"]
    third = agents(server)
    for headers in (["X-Key: 1.2", "X-Number: 0"], ["X-Key: " + key, "X-Number: 2"], ["X-Key: a;b;c", "X-Number: 0"]):
        sent = third.request("INVITE", "sip:pickup@%s:%d" % (server.address, server.port), headers=headers)
        third.ack(sent, third.expect(404))
    call.hang_up()


def test_a_session_is_joined_by_the_name_of_a_dialog(scripted, agents):
    server = scripted(init=PICKUP.replace("@MORE@", ""))
    call = Call(server, agents).pick_up().confirm()
    third = agents(server)
    sent = third.request("INVITE", "sip:pickup@%s:%d" % (server.address, server.port),
                         body=OFFER.replace("s=-", "s=third"), headers=[SDP, "X-Key: %s;%s;%s" % (
                             call.a.call_id, call.a.local_tag, call.a.remote_tag)])
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    leg, _ = joined(call, third, sent)
    call.hang_up(call.b, leg)


def test_who_still_rings_is_not_bridged(scripted, agents):
    server = scripted(before="""if (is_method("INFO")) {
		b2b_client_new("new", "sip:new@127.0.0.1:9");
		if (b2b_bridge("peer", "new")) b2b_send_reply(500, "Bridged");
		else b2b_send_reply(480, "Not Yet");
		exit;
	}""")
    call = Call(server, agents)
    early = Leg.asking(call.caller, call.sent, call.ringing)
    early.request("INFO")
    assert call.caller.expect(480).first == "SIP/2.0 480 Not Yet"
    call.pick_up()
    call.a.cseq = 2
    call.confirm().hang_up()


def test_reinvites_of_a_bridge_that_meet_are_tried_again(b2b, agents):
    server = b2b()
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    key = b2b_sessions(server)[0]["key"]
    assert server.mi("b2b_bridge", dialog_id=key, new_uri=uri.strip('"')) == "OK"
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    invite = party.expect("INVITE")
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=OFFER.replace("s=-", "s=new"))
    again = call.caller.expect("INVITE")
    call.caller.reply(again, 491, "Request Pending")
    call.caller.expect("ACK")
    third = call.caller.expect("INVITE")  # up to 2 s later: the caller's Call-ID is not ours
    assert third.body == again.body and third.get("cseq") != again.get("cseq")
    call.caller.reply(third, 200, "OK", headers=[contact_of(call.caller), SDP], body=ANSWER)
    call.caller.expect("ACK")
    assert party.expect("ACK").body == ANSWER
    leg = Leg.asked(party, invite, "new")
    call.hang_up(leg, call.a)


def test_a_command_bridges_the_callee_with_music(b2b, agents):
    server = b2b()
    media = free_port()
    player = agents(server, media)
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    key = b2b_sessions(server)[0]["key"]
    assert server.mi("b2b_bridge", dialog_id=key, new_uri=uri.strip('"'), flag=1,
                     prov_media_uri="sip:music@127.0.0.1:%d" % media) == "OK"
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    player.reply(player.expect("INVITE"), 200, "OK", tag="m", headers=[contact_of(player), SDP], body=OFFER)
    player.expect("ACK")
    call.callee.reply(call.callee.expect("INVITE"), 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.callee.expect("ACK")
    leg = complete_bridge(call, call.b, party)
    player.reply(player.expect("BYE"), 200, "OK")
    call.hang_up(call.b, leg)


def test_a_script_connects_two_parties_and_tells_who_asked(scripted, agents):
    one_port, other_port = free_port(), free_port()
    server = scripted(init="""
	if (is_method("MESSAGE")) {
		$avp(names) = "X-One"; $avp(values) = "1";
		if (b2b_trigger_scenario("refer", "n,$hdr(X-Key),0", "one,sip:conf@192.0.2.9,sip:127.0.0.1:%d,Conference",
				$avp(names), $avp(values), "other,sip:user@127.0.0.1:%d"))
			send_reply(202, "$b2b_logic.scenario");
		else
			send_reply(500, "No");
		exit;
	}""" % (one_port, other_port) + INIT)
    call = Call(server, agents).pick_up().confirm()
    one, other = agents(server, one_port), agents(server, other_port)
    asker = agents(server)
    key = b2b_sessions(server)[0]["key"]
    asker.request("MESSAGE", "sip:x@%s:%d" % (server.address, server.port), headers=["X-Key: " + key])
    assert asker.expect(202).first.endswith(" refer")
    first = one.expect("INVITE")
    assert first.uri == "sip:conf@192.0.2.9" and first.get("x-one") == "1" and first.body == ""
    assert first.get("from").startswith('"Conference" <sip:user@')
    bodies = []

    def told():
        notify = call.caller.expect("NOTIFY")
        call.caller.reply(notify, 200, "OK")
        bodies.append(notify.body.strip())

    told()
    one.reply(first, 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
    second = other.expect("INVITE")
    assert second.body == OFFER and second.get("x-one") is None
    other.reply(second, 200, "OK", tag="2", headers=[contact_of(other), SDP], body=ANSWER)
    other.expect("ACK")
    one.expect("ACK")
    told()
    assert bodies == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
    leg = Leg.asked(one, first, "1")
    leg.request("BYE")
    other.reply(other.expect("BYE"), 200, "OK")
    one.expect(200)
    call.hang_up()


def test_a_call_of_the_servers_own_that_fails_leaves_nothing(b2b, agents):
    server = b2b()
    one = agents(server)
    assert server.mi("b2b_trigger_scenario", senario_id="m", entity1="a,sip:a@%s" % one.name,
                     entity2="b,sip:b@127.0.0.1:9") == "OK"
    one.reply(one.expect("INVITE"), 404, "Not Found", tag="1")
    one.expect("ACK")
    no_state(server)


def test_a_call_of_the_servers_own_whose_second_party_refuses(b2b, agents):
    server = b2b()
    one, other = agents(server), agents(server)
    assert server.mi("b2b_trigger_scenario", senario_id="m", entity1="a,sip:a@%s" % one.name,
                     entity2="b,sip:b@%s" % other.name) == "OK"
    one.reply(one.expect("INVITE"), 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
    other.reply(other.expect("INVITE"), 486, "Busy Here", tag="2")
    other.expect("ACK")
    one.expect("ACK")
    one.reply(one.expect("BYE"), 200, "OK")
    no_state(server)
