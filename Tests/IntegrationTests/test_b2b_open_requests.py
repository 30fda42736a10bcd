"""Bridges that begin, fail or lose somebody while something is under way: nothing stays open, no other call is touched."""
import pytest

from b2bcalls import (ANSWER, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, complete_bridge, contact_of, entities,
                      no_state, scripted)
from conftest import free_port, wait_for

NEW = OFFER.replace("o=a 1 1", "o=n 9 1")
MUSIC = OFFER.replace("o=a 1 1", "o=m 8 1")


@pytest.fixture
def bridged(scripted, agents):
    """bridged(bridge, *names) → server, call, then an agent for each name: a REFER of `leg` has the script bridge; `%s` in
    `clients` and `bridge` are prepared for these names."""
    def make(bridge, *names, leg="b", reply="", **more):
        ports = {name: free_port() for name in names}
        clients = "".join('b2b_client_new("%s", "sip:%s@127.0.0.1:%d");' % (name, name, ports[name])
                          for name in names if name not in ("music", "k"))
        for name in names:
            bridge = bridge.replace("@%s@" % name, "sip:%s@127.0.0.1:%d" % (name, ports[name]))
            reply = reply.replace("@%s@" % name, "sip:%s@127.0.0.1:%d" % (name, ports[name]))
        server = scripted(refer=clients + bridge, reply=reply, **more)
        others = [agents(server, ports[name]) for name in names]
        call = Call(server, agents).pick_up().confirm()
        return server, call, *others

    return make


def refer(leg):
    leg.request("REFER", headers=["Refer-To: <sip:x@y>"])
    leg.agent.expect(202)


def accept(agent, invite, tag=None, body=ANSWER):
    agent.reply(invite, 200, "OK", tag=tag, headers=[contact_of(agent), SDP], body=body)


def answers_bye(*some):
    for agent in some:
        agent.reply(agent.expect("BYE"), 200, "OK")


def names(server):
    session, = b2b_sessions(server)
    return [entity["scenario_id"] for entity in entities(session) if entity["peer"]]


def test_an_invite_of_who_stays_is_answered(b2b, agents):
    server = b2b()
    party = agents(server)
    call = Call(server, agents).pick_up().confirm()
    call.a.request("INVITE", headers=[SDP], body=OFFER)
    waiting = call.callee.expect("INVITE")
    call.callee.reply(waiting, 180, "Ringing")
    call.caller.expect(180)
    key = b2b_sessions(server)[0]["key"]
    server.mi("b2b_logic:bridge", dialog_id=key, new_uri="sip:new@" + party.name)
    call.caller.expect(491)
    call.a.request("ACK", cseq=call.a.cseq)
    seen = {}
    while len(seen) < 2:
        message = call.callee.receive()
        call.callee.reply(message, 200, "OK")
        seen[message.method] = message
    assert set(seen) == {"CANCEL", "BYE"}
    leg = complete_bridge(call, call.a, party)
    call.hang_up(leg, call.a)


def test_an_answer_that_is_not_acknowledged_yet(b2b, agents):
    """The callee gets another partner before the caller's ACK came."""
    server = b2b()
    party = agents(server)
    call = Call(server, agents).pick_up()
    key = b2b_sessions(server)[0]["key"]
    server.mi("b2b_logic:bridge", dialog_id=key, new_uri="sip:new@" + party.name, flag="1")
    assert call.callee.expect("ACK").get("cseq").split()[0] == call.invite.get("cseq").split()[0]
    answers_bye(call.caller)
    leg = complete_bridge(call, call.b, party)
    call.hang_up(leg, call.b)


def test_an_invite_of_who_is_kept_for_a_way_back(bridged):
    server, call, party = bridged('b2b_bridge("peer", "n", , "rollback-failed");', "n")
    call.a.request("INVITE", headers=[SDP], body=OFFER)
    waiting = call.callee.expect("INVITE")
    refer(call.b)
    ringing = party.expect("INVITE")
    call.caller.expect(491)
    call.a.request("ACK", cseq=call.a.cseq)
    accept(call.callee, waiting)
    assert call.callee.expect("ACK").get("cseq").split()[0] == waiting.get("cseq").split()[0]
    party.reply(ringing, 486, "Busy", tag="n")
    party.expect("ACK")
    wait_for(lambda: b2b_sessions(server)[0]["phase"] == "established", "the call to be as it was")
    call.a.request("INVITE", headers=[SDP], body=OFFER)
    accept(call.callee, call.callee.expect("INVITE"))
    call.caller.expect(200)
    call.a.request("ACK", cseq=call.a.cseq)
    call.callee.expect("ACK")
    call.hang_up()


def test_who_asked_for_a_bridge_and_talks_in_it_stays(bridged):
    server, call, party = bridged('b2b_bridge("this", "n", , "notify");', "n", leg="a")
    refer(call.a)
    invite = party.expect("INVITE")
    answers_bye(call.callee)
    call.caller.reply(call.caller.expect("NOTIFY"), 200, "OK")
    accept(party, invite, "new", NEW)
    accept(call.caller, call.caller.expect("INVITE"))
    seen = [call.caller.receive(), call.caller.receive()]
    assert sorted(m.method for m in seen) == ["ACK", "NOTIFY"]
    party.expect("ACK")
    call.caller.nothing()
    assert names(server) == ["caller", "n"]
    call.hang_up(Leg.asked(party, invite, "new"), call.a)


def test_who_asked_for_a_bridge_beside_the_call_goes_on(bridged):
    server, call, one, two = bridged('b2b_bridge("o", "n", , "notify");', "o", "n")
    refer(call.b)
    call.callee.reply(call.callee.expect("NOTIFY"), 200, "OK")
    first = one.expect("INVITE")
    accept(one, first, "o", OFFER)
    accept(two, two.expect("INVITE"), "n")
    one.expect("ACK")
    two.expect("ACK")
    call.callee.reply(call.callee.expect("NOTIFY"), 200, "OK")
    call.callee.nothing()
    call.caller.nothing(0.01)
    assert sorted(names(server)) == ["callee", "caller", "n", "o"]
    call.a.request("BYE")
    answers_bye(call.callee)
    call.caller.expect(200)
    call.hang_up(Leg.asked(one, first, "o"), Leg(two, "", "", "", "", "", ""))


def test_who_hangs_up_in_a_bridge_beside_the_call_ends_only_that(bridged):
    server, call, one, two = bridged('b2b_bridge("o", "n");', "o", "n")
    refer(call.b)
    first = one.expect("INVITE")
    accept(one, first, "o", OFFER)
    second = two.expect("INVITE")
    two.reply(second, 180, "Ringing", tag="n", headers=[contact_of(two)])
    wait_for(lambda: any(e["dialog"] == "early" for e in entities(b2b_sessions(server)[0])), "the second to ring")
    one.drain()
    Leg.asked(one, first, "o").request("BYE")
    one.expect(200)
    two.reply(two.expect("CANCEL"), 200, "OK")
    two.reply(second, 487, "Request Terminated", tag="n")
    two.expect("ACK")
    call.caller.nothing()
    call.callee.nothing(0.01)
    assert names(server) == ["caller", "callee"] and b2b_sessions(server)[0]["phase"] == "established"
    call.hang_up()


def test_a_2xx_that_nobody_acknowledges_ends_only_its_call(bridged, agents):
    """A caller who talks beside a bridge of two others, and never acknowledges a re-INVITE's answer."""
    agents.absorb = True
    server, call, one, two = bridged('b2b_bridge("o", "n");', "o", "n",
                                     EXTRA='modparam("tm", "T1_timer", 50)\nmodparam("tm", "fr_timeout", 20)')
    refer(call.b)
    first = one.expect("INVITE")
    accept(one, first, "o", OFFER)
    accept(two, two.expect("INVITE"), "n")
    one.expect("ACK")
    two.expect("ACK")
    call.a.request("INVITE", headers=[SDP], body=OFFER)
    accept(call.callee, call.callee.expect("INVITE"))
    for agent in (call.caller, call.callee):
        while (message := agent.receive(20)).method != "BYE":
            pass
        agent.reply(message, 200, "OK")
    assert sorted(names(server)) == ["n", "o"]
    two.nothing(0.01)
    call.hang_up(Leg.asked(one, first, "o"), Leg(two, "", "", "", "", "", ""))


@pytest.mark.parametrize("status", [491, 401])
def test_the_way_back_is_asked_again(bridged, status):
    """Hold, a new party that refuses, and somebody who can't take the old description at once. Each has a version of its own."""
    server, call, party = bridged(
        'b2b_bridge("peer", "n", , "hold,rollback-failed");', "n",
        EXTRA='loadmodule "uac_auth.so"\nmodparam("uac_auth", "credential", "me:realm:secret")')
    refer(call.b)
    hold = call.caller.expect("INVITE")
    assert hold.body == ANSWER.replace("o=a 1 1", "o=a 1 2") + "a=inactive\r\n"
    accept(call.caller, hold)
    call.caller.expect("ACK")
    party.reply(party.expect("INVITE"), 486, "Busy", tag="n")
    party.expect("ACK")
    back = call.caller.expect("INVITE")
    assert back.body == ANSWER.replace("o=a 1 1", "o=a 1 3")
    challenge = ['WWW-Authenticate: Digest realm="realm",nonce="abc"'] if status == 401 else []
    call.caller.reply(back, status, "Not Now", headers=challenge)
    call.caller.expect("ACK")
    again = call.caller.expect("INVITE", timeout=15)
    assert again.body == back.body and bool(again.get("authorization")) == bool(challenge)
    accept(call.caller, again)
    call.caller.expect("ACK")
    # What comes from the other one later is above that.
    call.b.request("INVITE", headers=[SDP], body=ANSWER.replace("o=a 1 1", "o=a 1 2"))
    later = call.caller.expect("INVITE")
    assert later.body == ANSWER.replace("o=a 1 1", "o=a 1 4")
    accept(call.caller, later)
    call.callee.expect(200)
    call.b.request("ACK", cseq=call.b.cseq)
    call.caller.expect("ACK")
    call.hang_up()


def test_the_way_back_waits_for_the_music(bridged):
    server, call, party, player = bridged('b2b_bridge("peer", "n", "@music@", "rollback-failed");', "n", "music")
    refer(call.b)
    ringing = party.expect("INVITE")
    accept(player, player.expect("INVITE"), "m", MUSIC)
    player.expect("ACK")
    music = call.caller.expect("INVITE")
    call.caller.reply(music, 180, "Ringing")
    party.reply(ringing, 486, "Busy", tag="n")
    party.expect("ACK")
    answers_bye(player)
    call.caller.reply(call.caller.expect("CANCEL"), 200, "OK")
    # Both crossed.
    accept(call.caller, music)
    call.caller.expect("ACK")
    back = call.caller.expect("INVITE")
    assert back.body == ANSWER
    accept(call.caller, back)
    call.caller.expect("ACK")
    call.hang_up()


def test_the_offer_waits_for_the_answer_to_music_that_is_gone(bridged):
    server, call, party, player = bridged('b2b_bridge("peer", "n", "@music@");', "n", "music")
    refer(call.b)
    invite = player.expect("INVITE")
    accept(player, invite, "m", MUSIC)
    player.expect("ACK")
    music = call.caller.expect("INVITE")
    Leg.asked(player, invite, "m").request("BYE")
    player.expect(200)
    called = party.expect("INVITE")
    accept(party, called, "n", NEW)
    call.caller.nothing()
    accept(call.caller, music)
    call.caller.expect("ACK")
    offer = call.caller.expect("INVITE")
    assert offer.body == NEW
    accept(call.caller, offer)
    call.caller.expect("ACK")
    party.expect("ACK")
    answers_bye(call.callee)
    call.hang_up(Leg.asked(party, called, "n"), call.a)


def test_an_offer_for_who_gave_way_is_acknowledged(bridged):
    server, call, party, other = bridged(
        'b2b_bridge("peer", "n", , "no-late-sdp");', "n", "k",
        reply="""if ($rs >= 400 && $b2b_logic.entity(id) == "n") {
		b2b_client_new("k", "@k@");
		b2b_bridge_retry("k");
		exit;
	}""")
    refer(call.b)
    answers_bye(call.callee)
    accept(party, party.expect("INVITE"), "n", NEW)
    party.expect("ACK")
    accept(call.caller, call.caller.expect("INVITE"), body=OFFER)
    party.reply(party.expect("INVITE"), 488, "Not Acceptable Here")
    call.caller.expect("ACK")
    called = other.expect("INVITE")
    accept(other, called, "k", NEW)
    other.expect("ACK")
    accept(call.caller, call.caller.expect("INVITE"), body=OFFER)
    accept(other, other.expect("INVITE"), body=NEW)
    other.expect("ACK")
    assert call.caller.expect("ACK").body == NEW
    call.hang_up(Leg.asked(other, called, "k"), call.a)


def test_a_refusal_that_the_route_left_alone_ends_the_bridge(bridged):
    server, call, party = bridged('b2b_bridge("peer", "n", , "rollback-failed");', "n",
                                  reply='if ($rs >= 300 && $b2b_logic.entity(id) == "n") exit;')
    refer(call.b)
    party.reply(party.expect("INVITE"), 486, "Busy", tag="n")
    party.expect("ACK")
    wait_for(lambda: b2b_sessions(server)[0]["phase"] == "established", "the call to be as it was")
    call.hang_up()


def test_requests_during_a_bridge(bridged):
    """What nobody could do anything with is not said to be done."""
    server, call, party = bridged('b2b_bridge("peer", "n", , "rollback-failed");', "n")
    refer(call.b)
    ringing = party.expect("INVITE")
    for method, status in [("REFER", 491), ("MESSAGE", 491), ("INFO", 200), ("OPTIONS", 200), ("NOTIFY", 200)]:
        call.a.request(method, headers=["Refer-To: <sip:z@y>", "Event: x", "Subscription-State: active"])
        assert call.caller.expect(status).method == method
    party.reply(ringing, 486, "Busy", tag="n")
    party.expect("ACK")
    wait_for(lambda: b2b_sessions(server)[0]["phase"] == "established", "the call to be as it was")
    call.hang_up()


@pytest.mark.parametrize("method, kind", [("MESSAGE", "text/plain"), ("UPDATE", "text/plain"), ("INFO", "application/sdp")])
def test_only_session_descriptions_are_remembered(bridged, method, kind):
    server, call, party = bridged('b2b_bridge("peer", "n", , "no-late-sdp,rollback-failed");', "n")
    call.a.request(method, headers=["Content-Type: " + kind], body="hello there")
    call.callee.reply(call.callee.expect(method), 200, "OK")
    call.caller.expect(200)
    refer(call.b)
    invite = party.expect("INVITE")
    assert invite.body == OFFER and invite.get("content-type") == "application/sdp"
    party.reply(invite, 486, "Busy", tag="n")
    party.expect("ACK")
    wait_for(lambda: b2b_sessions(server)[0]["phase"] == "established", "the call to be as it was")
    call.hang_up()
