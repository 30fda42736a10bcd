"""Transfers: REFER with all that can come of it."""
import pytest

from b2bcalls import (ANSWER, INIT, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, complete_bridge, contact_of,
                      entities, new_party, no_state, scripted)
from conftest import free_port


def refer(call, target):
    call.a.request("REFER", headers=["Refer-To: <%s>" % target.strip('"')])
    call.caller.expect(202)


BRIDGE = """%s
		b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new"%s);"""


@pytest.fixture
def transfer(scripted, agents):
    """transfer(arguments) → server, call, party: the caller has sent a REFER that names the party, and the script bridges
    the callee to it with more arguments. `ends`: the caller's BYE was ordered before that; `leaves`: it gets one at once. An
    agent that is called on each of `ports` comes behind."""
    def make(arguments="", ends=True, leaves=True, ports=(), **more):
        server = scripted(BRIDGE % ("b2b_end_dlg_leg();" if ends else "", arguments), **more)
        others = [agents(server, port) for port in ports]
        call = Call(server, agents).pick_up().confirm()
        party, uri = new_party(server, agents)
        refer(call, uri)
        if leaves:
            call.caller.reply(call.caller.expect("BYE"), 200, "OK")
        return server, call, party, *others

    return make


def test_refer_without_notify(transfer):
    server, call, party = transfer()
    leg = complete_bridge(call, call.b, party)
    session, = b2b_sessions(server)
    assert [e["scenario_id"] for e in entities(session)] == ["callee", "new"] and session["phase"] == "established"
    call.hang_up(call.b, leg)


def test_refer_with_notify(transfer):
    server, call, party = transfer(', , "notify"', ends=False, leaves=False)
    fragments = []

    def notified():
        notify = call.caller.expect("NOTIFY")
        call.caller.reply(notify, 200, "OK")
        assert notify.get("event") == "refer" and notify.get("content-type").startswith("message/sipfrag")
        fragments.append((notify.body.strip(), notify.get("subscription-state").partition(";")[0]))

    notified()
    leg = complete_bridge(call, call.b, party)
    notified()
    notified()
    assert fragments == [("SIP/2.0 100 Trying", "active"), ("SIP/2.0 180 Ringing", "active"),
                         ("SIP/2.0 200 OK", "terminated")]
    bye = call.caller.expect("BYE")
    call.caller.reply(bye, 200, "OK")
    call.hang_up(leg, call.b)


def test_a_failed_refer_leaves_the_call_as_it_was(transfer):
    server, call, party = transfer(', , "notify,rollback-failed"', ends=False, leaves=False)
    call.caller.reply(call.caller.expect("NOTIFY"), 200, "OK")
    invite = party.expect("INVITE")
    party.reply(invite, 486, "Busy Here", tag="new")
    party.expect("ACK")
    notify = call.caller.expect("NOTIFY")
    assert notify.body == "SIP/2.0 486 Busy Here\r\n"
    call.caller.reply(notify, 200, "OK")
    call.callee.nothing()
    call.hang_up()


def test_a_failed_refer_ends_the_call(transfer):
    server, call, party = transfer()
    party.reply(party.expect("INVITE"), 404, "Not Found", tag="new")
    party.expect("ACK")
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    no_state(server)


def test_a_failed_bridge_is_tried_elsewhere(transfer):
    retry = free_port()
    server, call, party, other = transfer(ports=[retry], reply="""if ($rs == 486) {
		b2b_client_new("other", "sip:new@127.0.0.1:%d");
		b2b_bridge_retry("other");
		exit;
	}""" % retry)
    party.reply(party.expect("INVITE"), 486, "Busy Here", tag="new")
    party.expect("ACK")
    leg = complete_bridge(call, call.b, other)
    call.hang_up(call.b, leg)


def test_music_while_the_new_party_rings(transfer):
    media = free_port()
    server, call, party, player = transfer(', "sip:music@127.0.0.1:%d"' % media, ports=[media])
    invite = player.expect("INVITE")
    assert invite.body == ANSWER
    music = OFFER.replace("s=-", "s=music")
    player.reply(invite, 200, "OK", tag="m", headers=[contact_of(player), SDP], body=music)
    player.expect("ACK")
    again = call.callee.expect("INVITE")
    assert again.body == music
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.callee.expect("ACK")
    leg = complete_bridge(call, call.b, party)
    player.reply(player.expect("BYE"), 200, "OK")
    call.hang_up(call.b, leg)


def test_no_late_offer(transfer):
    server, call, party = transfer(', , "no-late-sdp"')
    invite = party.expect("INVITE")
    assert invite.body == ANSWER
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=OFFER)
    party.expect("ACK")
    again = call.callee.expect("INVITE")
    assert again.body == ""
    fresh = ANSWER.replace("s=-", "s=fresh")
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=fresh)
    second = party.expect("INVITE")
    assert second.body == fresh and second.get("call-id") == invite.get("call-id")
    party.reply(second, 200, "OK", headers=[contact_of(party), SDP], body=OFFER)
    party.expect("ACK")
    assert call.callee.expect("ACK").body == OFFER
    leg = Leg.asked(party, invite, "new")
    call.hang_up(leg, call.b)


def consult_and_refer(scripted, agents):
    """A caller who talks with two parties refers one to the other; gives server, both calls and the INVITE of it."""
    server = scripted(BRIDGE % ("b2b_end_dlg_leg();", ""))
    call = Call(server, agents).pick_up().confirm()
    consult = Call(server, agents).pick_up().confirm()  # the same agent plays the target
    replaces = "%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s" % (consult.a.call_id, consult.a.remote_tag, consult.a.local_tag)
    refer(call, "sip:callee@%s:%d?Replaces=%s" % (server.address, server.port, replaces))
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    invite = call.callee.expect("INVITE")
    assert invite.uri == "sip:me@%s" % call.callee.name
    assert invite.get("replaces") == "%s;to-tag=%s;from-tag=%s" % (
        consult.b.call_id, consult.b.local_tag, consult.b.remote_tag)
    return server, call, consult, invite


def test_attended_transfer_that_is_refused(scripted, agents):
    _, call, consult, invite = consult_and_refer(scripted, agents)
    call.callee.reply(invite, 486, "Busy Here", tag="n")
    messages = [call.callee.receive(), call.callee.receive()]
    assert {m.method for m in messages} == {"ACK", "BYE"}
    call.callee.reply([m for m in messages if m.method == "BYE"][0], 200, "OK")
    consult.hang_up()


def test_attended_transfer_that_succeeds(scripted, agents):
    server, call, consult, invite = consult_and_refer(scripted, agents)
    fresh = OFFER.replace("s=-", "s=target")
    call.callee.reply(invite, 200, "OK", tag="n", headers=[contact_of(call.callee), SDP], body=fresh)
    again = call.callee.expect("INVITE")  # the party that was referred
    assert again.get("call-id") == call.b.call_id and again.body == fresh
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    acks = [call.callee.expect("ACK"), call.callee.expect("ACK")]
    assert {(a.get("call-id"), a.body) for a in acks} == {(call.b.call_id, ""), (invite.get("call-id"), ANSWER)}
    leg = Leg.asked(call.callee, invite, "n")
    # The target gives up the dialog that was replaced: its caller is told.
    consult.b.request("BYE")
    consult.caller.reply(consult.caller.expect("BYE"), 200, "OK")
    call.callee.expect(200)
    session, = b2b_sessions(server)
    assert session["phase"] == "established"
    call.b.request("BYE")
    bye = call.callee.expect("BYE")
    assert bye.get("call-id") == leg.call_id
    call.callee.reply(bye, 200, "OK")
    call.callee.expect(200)
    no_state(server)


def test_a_refer_that_fails_while_music_plays(transfer):
    media = free_port()
    server, call, party, player = transfer(', "sip:music@127.0.0.1:%d", "notify,rollback-failed"' % media, ends=False,
                                           leaves=False, ports=[media])
    call.caller.reply(call.caller.expect("NOTIFY"), 200, "OK")
    ringing = party.expect("INVITE")
    player.reply(player.expect("INVITE"), 200, "OK", tag="m", headers=[contact_of(player), SDP], body=OFFER)
    player.expect("ACK")
    call.callee.reply(call.callee.expect("INVITE"), 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.callee.expect("ACK")
    party.reply(ringing, 603, "Decline", tag="new")
    party.expect("ACK")
    notify = call.caller.expect("NOTIFY")
    assert notify.body == "SIP/2.0 603 Decline\r\n"
    call.caller.reply(notify, 200, "OK")
    player.reply(player.expect("BYE"), 200, "OK")
    # The music was heard by who stays: it gets the old partner's description back.
    back = call.callee.expect("INVITE")
    assert back.body == OFFER
    call.callee.reply(back, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.callee.expect("ACK")
    call.hang_up()


def test_music_that_fails_does_not_end_the_transfer(transfer):
    media = free_port()
    server, call, party, player = transfer(', "sip:music@127.0.0.1:%d"' % media, ports=[media])
    player.reply(player.expect("INVITE"), 503, "No Music Today", tag="m")
    player.expect("ACK")
    leg = complete_bridge(call, call.b, party)
    call.hang_up(leg, call.b)


@pytest.mark.parametrize("ends", [True, False])
def test_who_stays_is_put_on_hold_first(transfer, ends):
    server, call, party = transfer(', , "hold"', ends=ends)
    hold = call.callee.expect("INVITE")
    assert hold.body.endswith("a=inactive\r\n") and "m=audio" in hold.body
    party.nothing(0.1)
    call.callee.reply(hold, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    call.callee.expect("ACK")
    leg = complete_bridge(call, call.b, party, OFFER.replace("o=a 1 1", "o=new 7 1"))
    call.hang_up(leg, call.b)


def test_a_bridge_has_a_life_of_its_own(transfer):
    server, call, party = transfer(', , "max_duration=3"', EXTRA='modparam("b2b_logic", "cleanup_period", 1)')
    complete_bridge(call, call.b, party)
    for agent in (call.callee, party):
        agent.reply(agent.expect("BYE", timeout=15), 200, "OK")
    no_state(server)


def test_who_was_to_be_transferred_hangs_up(transfer):
    server, call, party = transfer()
    invite = party.expect("INVITE")
    party.reply(invite, 180, "Ringing", tag="new", headers=[contact_of(party)])
    call.b.request("BYE")
    call.callee.expect(200)
    cancel = party.expect("CANCEL")
    party.reply(cancel, 200, "OK")
    party.reply(invite, 487, "Request Terminated", tag="new")
    party.expect("ACK")
    no_state(server)


def test_avps_of_the_call_are_there_after_a_bridge(transfer):
    server, call, party = transfer(', , "propagate-avps"', init="""$avp(mine) = "kept";""" + INIT,
                                   reply='xlog("AVP $avp(mine) for $b2b_logic.entity(id)\n");')
    leg = complete_bridge(call, call.b, party)
    call.hang_up(leg, call.b)
    assert "AVP kept for new" in server.tail()
