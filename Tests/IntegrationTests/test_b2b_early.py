"""Bridges of calls that still ring (`b2bl_early_update`): by UPDATE where a session is agreed, by another fork where not."""
import pytest

from b2bcalls import (ANSWER, INIT, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, contact_of, new_party, no_state,
                      scripted)
from conftest import free_port, wait_for

EARLY = 'modparam("b2b_logic", "b2bl_early_update", 1)'
NEW = OFFER.replace("o=a 1 1", "o=n 7 1").replace("s=-", "s=new")
AGAIN = ANSWER.replace("s=-", "s=again")


def agreed(server, agents, through=0, **more):
    """A call that rings, with an answer that both sides have acknowledged. `early` is the caller's leg."""
    call = Call(server, agents, rings=False, headers=["Supported: 100rel"], **more)
    call.callee.reply(call.invite, 183, "Progress", tag=call.tag, body=ANSWER,
                      headers=[contact_of(call.callee), "Require: 100rel", "RSeq: 700", SDP])
    call.ringing = call.caller.expect(183)
    call.early = Leg.asking(call.caller, call.sent, call.ringing)
    if not through:
        call.callee.reply(call.callee.expect("PRACK"), 200, "OK")
    call.early.request("PRACK", headers=["RAck: 700 1 INVITE"])
    if through:
        call.callee.reply(call.callee.expect("PRACK"), 200, "OK")
    call.caller.expect(200)
    return call


def ask_to_bridge(server, uri, **more):
    key = b2b_sessions(server)[0]["key"]
    return server.mi_call("b2b_bridge", {"dialog_id": key, "new_uri": uri.strip('"'), **more})


def bridge(server, uri, **more):
    """Bridges a call on which both sides agree: as soon as the server has read the last that they said."""
    assert wait_for(lambda: ask_to_bridge(server, uri, **more).get("result"), "the bridge") == "OK"


def cancelled(call):
    """The callee's INVITE is cancelled."""
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")


def offers(party):
    """The new party is called without a body and offers."""
    invite = party.expect("INVITE")
    assert invite.body == ""
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=NEW)
    return invite


def updated(agent, to_tag, status=200):
    """Who rings gets the offer by UPDATE, in the early dialog, and answers."""
    update = agent.expect("UPDATE")
    assert update.body == NEW and update.tag("to") == to_tag and update.get("content-type") == "application/sdp"
    if status == 200:
        agent.reply(update, 200, "OK", headers=[contact_of(agent), SDP], body=AGAIN)
    else:
        agent.reply(update, status, "Not Now")
    return update


@pytest.mark.parametrize("through", [0, 1])
def test_a_caller_with_a_session_is_updated(b2b, agents, through):
    server = b2b(EXTRA=EARLY + '\nmodparam("b2b_entities", "passthru_prack", %d)' % through)
    call = agreed(server, agents, through)
    party, uri = new_party(server, agents)
    bridge(server, uri)
    cancelled(call)
    invite = offers(party)
    update = updated(call.caller, call.sent["from_tag"])
    assert update.tag("from") == call.ringing.tag("to") and update.get("call-id") == call.sent["call_id"]
    assert party.expect("ACK").body == AGAIN
    ok = call.caller.expect(200)
    assert ok.body == "" and ok.tag("to") == call.ringing.tag("to"), "offer and answer are through"
    call.early.request("ACK", cseq=1)
    assert b2b_sessions(server)[0]["phase"] == "established"
    call.hang_up(Leg.asked(party, invite, "new"), call.early)


def test_music_plays_to_who_rings(scripted, agents):
    port = free_port()
    server = scripted(EXTRA=EARLY, before="""if (is_method("INFO")) {
		b2b_client_new("new", "$hdr(X-New)");
		if (b2b_bridge("this", "new", "sip:music@127.0.0.1:%d", "hold,no-late-sdp,rollback-failed"))
			b2b_send_reply(200, "OK");
		else
			b2b_send_reply(500, "No");
		exit;
	}""" % port)
    player = agents(server, port)
    call = agreed(server, agents)
    party, uri = new_party(server, agents)
    call.early.request("INFO", headers=["X-New: " + uri.strip('"')])
    # Held, with the answer that the caller has; then the INFO's answer.
    seen = [call.caller.receive(), call.caller.receive()]
    hold, = [m for m in seen if m.method == "UPDATE"]
    assert [m.status for m in seen if m.is_reply] == [200]
    assert hold.body == ANSWER.replace("o=a 1 1", "o=a 1 2") + "a=inactive\r\n"
    cancelled(call)
    call.caller.reply(hold, 200, "OK", headers=[contact_of(call.caller), SDP], body=OFFER)
    music = player.expect("INVITE")
    player.reply(music, 200, "OK", tag="m", headers=[contact_of(player), SDP], body=ANSWER.replace("s=-", "s=music"))
    player.expect("ACK")
    to_music = call.caller.expect("UPDATE")
    assert "s=music" in to_music.body
    call.caller.reply(to_music, 200, "OK", headers=[contact_of(call.caller), SDP], body=OFFER)
    invite = offers(party)
    updated(call.caller, call.sent["from_tag"])
    party.expect("ACK")
    call.caller.expect(200)
    call.early.request("ACK", cseq=1)
    player.reply(player.expect("BYE"), 200, "OK")
    call.hang_up(call.early, Leg.asked(party, invite, "new"))


@pytest.mark.parametrize("has_media", [False, True])
def test_a_caller_without_a_session_is_called_elsewhere(b2b, agents, has_media):
    server = b2b(EXTRA=EARLY)
    call = Call(server, agents, rings=False)
    call.callee.reply(call.invite, 183, "Progress", tag=call.tag, body=ANSWER if has_media else "",
                      headers=[contact_of(call.callee), *([SDP] if has_media else [])])
    ringing = call.caller.expect(183)
    party, uri = new_party(server, agents)
    more = {"prov_media_uri": "sip:nobody@127.0.0.1:9"} if has_media else {}
    bridge(server, uri, **more)
    cancelled(call)
    invite = party.expect("INVITE")
    assert invite.body == OFFER and invite.get("call-id") != call.invite.get("call-id")
    party.reply(invite, 180, "Ringing", tag="new", headers=[contact_of(party)])
    other = call.caller.expect(180)
    # Another answer to one offer is another fork's (RFC 3261 §13.2.2.4).
    assert other.tag("to") and other.tag("to") != ringing.tag("to")
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=NEW)
    ok = call.caller.expect(200)
    assert ok.body == NEW and ok.tag("to") == other.tag("to")
    leg = Leg.asking(call.caller, call.sent, ok)
    leg.request("ACK", cseq=1)
    party.expect("ACK")
    call.hang_up(Leg.asked(party, invite, "new"), leg)


@pytest.mark.parametrize("status", [486, 404])
def test_the_other_party_refuses(b2b, agents, status):
    server = b2b(EXTRA=EARLY)
    call = Call(server, agents)
    party, uri = new_party(server, agents)
    bridge(server, uri)
    cancelled(call)
    party.reply(party.expect("INVITE"), status, "No", tag="new")
    party.expect("ACK")
    call.caller.ack(call.sent, call.caller.expect(status))
    no_state(server)


def test_the_new_party_refuses_a_caller_with_a_session(b2b, agents):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party, uri = new_party(server, agents)
    bridge(server, uri)
    cancelled(call)
    party.reply(party.expect("INVITE"), 486, "Busy Here", tag="new")
    party.expect("ACK")
    call.caller.ack(call.sent, call.caller.expect(486))
    no_state(server)


def test_an_update_that_is_refused_ends_the_call(b2b, agents):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party, uri = new_party(server, agents)
    bridge(server, uri)
    cancelled(call)
    offers(party)
    updated(call.caller, call.sent["from_tag"], 488)
    # Acknowledged, then ended.
    party.expect("ACK")
    party.reply(party.expect("BYE"), 200, "OK")
    call.caller.ack(call.sent, call.caller.expect(488))
    no_state(server)


def test_updates_that_meet_are_tried_again(b2b, agents):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party, uri = new_party(server, agents)
    bridge(server, uri)
    cancelled(call)
    # Nobody is there who could answer an offer.
    call.early.request("UPDATE", headers=[SDP], body=OFFER)
    call.caller.expect(491)
    invite = offers(party)
    first = updated(call.caller, call.sent["from_tag"], 491)
    second = updated(call.caller, call.sent["from_tag"])
    assert first.get("cseq") != second.get("cseq")
    party.expect("ACK")
    call.caller.expect(200)
    call.early.request("ACK", cseq=1)
    call.hang_up(call.early, Leg.asked(party, invite, "new"))


@pytest.mark.parametrize("how", ["CANCEL", "BYE"])
def test_the_caller_gives_up_meanwhile(b2b, agents, how):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party, uri = new_party(server, agents)
    bridge(server, uri)
    cancelled(call)
    invite = party.expect("INVITE")
    party.reply(invite, 180, "Ringing", tag="new", headers=[contact_of(party)])
    if how == "CANCEL":
        call.caller.cancel(call.sent)
    else:
        call.early.request("BYE")
    refused = [m for m in (call.caller.receive(), call.caller.receive()) if m.status == 487]
    call.caller.ack(call.sent, refused[0])
    party.reply(party.expect("CANCEL"), 200, "OK")
    party.reply(invite, 487, "Request Terminated", tag="new")
    party.expect("ACK")
    no_state(server)


def takes_the_callee(server, agents, call):
    """The caller leaves, the callee is to talk with a new party."""
    party, uri = new_party(server, agents)
    bridge(server, uri, flag=1)
    call.caller.ack(call.sent, call.caller.expect(480))
    return party


def picks_up(call, tag=None):
    call.callee.reply(call.invite, 200, "OK", tag=tag or call.tag, headers=[contact_of(call.callee)])
    call.callee.expect("ACK")
    return Leg.asked(call.callee, call.invite, call.tag, cseq=100)


@pytest.mark.parametrize("answers", ["afterwards", "before", "never"])
def test_a_callee_with_a_session_is_updated(b2b, agents, answers):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party = takes_the_callee(server, agents, call)
    invite = party.expect("INVITE")
    leg = picks_up(call) if answers == "before" else None
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=NEW)
    if answers == "before":
        again = call.callee.expect("INVITE")
        assert again.body == NEW
        call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=AGAIN)
        call.callee.expect("ACK")
    else:
        updated(call.callee, call.tag)
    assert party.expect("ACK").body == AGAIN
    if answers == "never":
        call.callee.reply(call.invite, 486, "Busy Here", tag=call.tag)
        call.callee.expect("ACK")
        party.reply(party.expect("BYE"), 200, "OK")
        return no_state(server)
    call.hang_up(leg or picks_up(call), Leg.asked(party, invite, "new"))


def test_a_callee_refuses_while_the_new_party_rings(b2b, agents):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party = takes_the_callee(server, agents, call)
    invite = party.expect("INVITE")
    party.reply(invite, 180, "Ringing", tag="new", headers=[contact_of(party)])
    call.callee.reply(call.invite, 486, "Busy Here", tag=call.tag)
    call.callee.expect("ACK")
    party.reply(party.expect("CANCEL"), 200, "OK")
    party.reply(invite, 487, "Request Terminated", tag="new")
    party.expect("ACK")
    no_state(server)


def test_a_fork_that_was_not_updated_answers(b2b, agents):
    server = b2b(EXTRA=EARLY)
    call = agreed(server, agents)
    party = takes_the_callee(server, agents, call)
    offers(party)
    updated(call.callee, call.tag)
    party.expect("ACK")
    # Reliable responses are acknowledged also now.
    call.callee.reply(call.invite, 180, "Ringing", tag=call.tag,
                      headers=[contact_of(call.callee), "Require: 100rel", "RSeq: 701"])
    call.callee.reply(call.callee.expect("PRACK"), 200, "OK")
    picks_up(call, "other")
    bye = call.callee.expect("BYE")
    assert bye.tag("to") == "other"
    call.callee.reply(bye, 200, "OK")
    party.reply(party.expect("BYE"), 200, "OK")
    no_state(server)


@pytest.mark.parametrize("parameter, has_session, flag", [("", True, 0), ("", True, 1), (EARLY, False, 1)])
def test_who_is_not_bridged_early(b2b, agents, parameter, has_session, flag):
    server = b2b(EXTRA=parameter)
    call = agreed(server, agents) if has_session else Call(server, agents)
    error = ask_to_bridge(server, "sip:x@127.0.0.1:9", flag=flag)["error"]
    assert error["code"] == 409
    call.pick_up()
    call.a.cseq = 2
    call.confirm().hang_up()


PICKUP = """
	if ($rU == "pickup") {
		b2b_bridge_request("$hdr(X-Key)", 1);
		exit;
	}""" + INIT


@pytest.mark.parametrize("offer", [NEW, ""])
def test_a_caller_joins_who_rings(scripted, agents, offer):
    server = scripted(EXTRA=EARLY, init=PICKUP)
    call = agreed(server, agents)
    third = agents(server)
    sent = third.request("INVITE", "sip:pickup@%s:%d" % (server.address, server.port), body=offer,
                         headers=[*([SDP] if offer else []), "X-Key: " + b2b_sessions(server)[0]["key"]])
    if not offer:
        # An UPDATE can't ask for an offer.
        third.ack(sent, third.expect(481))
        call.caller.cancel(call.sent)
        assert {call.caller.receive().status, call.caller.receive().status} == {200, 487}
        cancelled(call)
        return no_state(server)
    call.caller.ack(call.sent, call.caller.expect(480))
    updated(call.callee, call.tag)
    ok = third.expect(200)
    assert ok.body == AGAIN
    leg = Leg.asking(third, sent, ok)
    leg.request("ACK", cseq=1)
    call.hang_up(picks_up(call), leg)


def test_an_update_leaves_an_early_dialog_early(b2b, agents):
    """The fork that answers is the call's, also when another one was updated before."""
    server = b2b()
    call = agreed(server, agents)
    call.early.request("UPDATE", headers=[SDP], body=NEW)
    update = call.callee.expect("UPDATE")
    call.callee.reply(update, 200, "OK", headers=[contact_of(call.callee), SDP], body=AGAIN)
    call.caller.expect(200)
    call.tag = "other"
    call.pick_up()
    call.a.cseq = 3
    call.confirm()
    assert call.ack.tag("to") == "other"
    call.a.request("BYE")
    bye = call.callee.expect("BYE")
    assert bye.tag("to") == "other"
    call.callee.reply(bye, 200, "OK")
    call.caller.expect(200)
    no_state(server)
