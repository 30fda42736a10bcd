"""What a dialog keeps of the sides' sessions: of which leg, as it was sent, and what is said again in a ping or an ACK."""
from threading import Thread

import pytest

from dialog_calls import Call, dialogs, next_request, peers, serve  # noqa: F401 (fixture)

TYPE = ["Content-Type: application/sdp"]
EACH_SECOND = 'modparam("dialog", "reinvite_ping_interval", 1)\n'
LONG = 8193


def sdp(name):
    return ("v=0\r\no=%s 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" % name)


def media(body):
    return [line for line in body.split("\r\n") if line.startswith("m=")]


@pytest.mark.parametrize("way", ["early", "late", "both answer", "silent"])
def test_the_caller_hears_the_leg_that_answered(start, peers, way):
    """What other legs of a fork said, before or behind the answer, is not the caller's session."""
    server = serve(start, peers, flags="reinvite-ping-caller", extra=EACH_SECOND)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=sdp("caller"))
    if way == "early":
        call.reply(183, tag="a", headers=TYPE, body=sdp("a"))
        call.reply(183, tag="b", headers=TYPE, body=sdp("b"))
        call.reply(200, tag="a")
    elif way == "silent":
        call.reply(183, tag="b", headers=TYPE, body=sdp("b"))
        call.reply(200, tag="a")
    else:
        call.reply(200, tag="a", headers=TYPE, body=sdp("a"))
    call.ack(tag="a")
    if way == "both answer":
        call.reply(200, tag="b", headers=TYPE, body=sdp("b"))
        call.ack(tag="b")
    ping = caller.receive(15)
    if way == "silent":
        assert ping.method == "OPTIONS", "what it agreed on is not known here"
    else:
        assert ping.method == "INVITE" and ping.body == sdp("a")
    caller.reply(ping, 481, "Gone")


def test_a_session_that_is_not_kept_is_not_offered(start, peers):
    """A body over 8 KiB: OPTIONS in the place of a re-INVITE, be it that there was none before or an older one."""
    server = serve(start, peers, flags="reinvite-ping-caller", extra=EACH_SECOND)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=sdp("caller"))
    call.answer(headers=TYPE, body=sdp("callee") + "a=" + "x" * LONG + "\r\n")
    ping = caller.receive(15)
    assert ping.method == "OPTIONS"
    caller.reply(ping, 481, "Gone")


@pytest.mark.parametrize("offers", [True, False])
def test_an_invite_without_a_session_is_acknowledged_with_the_agreed_one(start, peers, offers):
    """dialog:send_sequential asks the caller for an offer: the ACK says what was agreed before. An answer without one needs none."""
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=sdp("caller"))
    call.answer(headers=TYPE, body=sdp("callee"))
    sending = Thread(target=server.mi, args=("dialog:send_sequential",), kwargs=dict(callid=call.sent["call_id"]))
    sending.start()
    invite = caller.expect("INVITE")
    assert invite.body == ""
    caller.reply(invite, 200, "OK", headers=["Contact: " + caller.contact, *(TYPE if offers else [])],
                 body=sdp("caller") if offers else "")
    ack = caller.expect("ACK")
    assert ack.body == (sdp("callee") if offers else "")
    sending.join()


def test_what_the_script_changed_counts(start, peers):
    """codec_delete() before t_relay(), in the reply, in a re-INVITE and its ACK: a ping says what the side was sent."""
    server = serve(start, peers, flags="reinvite-ping-callee,reinvite-ping-caller", extra=EACH_SECOND, call='''
            codec_delete("PCMA");
            t_on_reply("answer");''',
                   inside='codec_delete("PCMU"); t_on_reply("again");', routes='''
        onreply_route[answer] { codec_delete("PCMU"); }
        onreply_route[again] { codec_delete("PCMA"); }''')
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=sdp("caller"))
    assert media(call.invite.body) == ["m=audio 4000 RTP/AVP 0"]
    reply = call.answer(headers=TYPE, body=sdp("callee"))
    assert media(reply.body) == ["m=audio 4000 RTP/AVP 8"]
    for agent, kept in ((caller, reply.body), (callee, call.invite.body)):
        ping = agent.expect("INVITE", timeout=15)
        assert ping.body == kept
        agent.reply(ping, 200, "OK", headers=["Contact: " + agent.contact])
        agent.expect("ACK")
    listed, = dialogs(server)
    assert listed["caller_sdp"] == sdp("caller"), "what it said itself stays as it said it"


def test_a_repeated_200_tells_nothing(start, peers):
    """It comes again behind a re-INVITE of the callee with another Contact and session: those stay."""
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=sdp("caller"))
    call.answer(headers=TYPE, body=sdp("first"))
    moved = "sip:moved@%s" % callee.name
    call.within("INVITE", 1, side="callee", headers=TYPE, body=sdp("second"), contact="<%s>" % moved)
    again = caller.expect("INVITE")
    caller.reply(again, 200, "OK", headers=["Contact: " + caller.contact, *TYPE], body=sdp("caller2"))
    callee.expect(200)
    call.within("ACK", 1, side="callee")
    caller.expect("ACK")
    call.reply(200, headers=TYPE, body=sdp("first"))
    leg, = dialogs(server)[0]["CALLEES"]
    assert leg["callee_contact"] == moved and leg["callee_sdp"] == sdp("second")


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_one_invite_at_a_time(start, peers, whose):
    """While an INVITE has no answer, be it a ping or a relayed one, no ping is sent (RFC 3261 §14.1)."""
    server = serve(start, peers, flags="reinvite-ping-callee", extra=EACH_SECOND)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=sdp("caller"))
    call.answer(headers=TYPE, body=sdp("callee"))
    first = callee.expect("INVITE", timeout=15)
    if whose == "theirs":
        # The first ping is answered; the caller's own INVITE follows.
        callee.reply(first, 200, "OK", headers=["Contact: " + callee.contact])
        callee.expect("ACK")
        call.within("INVITE", 2, headers=TYPE, body=sdp("caller2"))
        while (first := next_request(callee, "INVITE")).body != sdp("caller2"):
            # Another ping came before.
            callee.reply(first, 200, "OK", headers=["Contact: " + callee.contact])
            callee.expect("ACK")
    callee.reply(first, 180, "Ringing", tag=call.tag)
    callee.nothing(3)
    callee.reply(first, 200, "OK", headers=["Contact: " + callee.contact])
    if whose == "theirs":
        caller.expect(200, skipping=(100, 180))
        # Nor before its ACK, which may have the answer to what the 200 offered (RFC 3264 §4).
        callee.nothing(2.2)
        call.within("ACK", 2)
    callee.expect("ACK")
    ping = callee.expect("INVITE", timeout=15)
    assert number(ping) > number(first), "pings go on"
    callee.reply(ping, 481, "Gone")


def number(message):
    return int(message.get("cseq").split()[0])
