"""Pings of both sides: OPTIONS and re-INVITE, what ends a call and what does not."""
import pytest

from conftest import wait_for
from dialog_calls import Call, dialogs, hangs_up, next_request, peers, serve, stat, states  # noqa: F401 (fixture)

SDP = "v=0\r\no=%s 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
TYPE = ["Content-Type: application/sdp"]
EACH_SECOND = 'modparam("dialog", "options_ping_interval", 1)\nmodparam("dialog", "reinvite_ping_interval", 1)\n'


def test_pings_keep_numbers_in_order_and_end_a_dead_call(start, peers):
    server = serve(start, peers, flags="options-ping-callee", extra='modparam("dialog", "options_ping_interval", 1)')
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    ping = callee.expect("OPTIONS")
    assert ping.get("cseq") == "2 OPTIONS" and ping.tag("to") == call.tag
    callee.reply(ping, 200, "OK")
    call.within("INFO", 2)
    info = next_request(callee, "INFO")
    assert int(info.get("cseq").split()[0]) > 2, "behind the ping's"
    callee.reply(info, 200, "OK")
    assert caller.expect(200).get("cseq") == "2 INFO", "the caller sees its own"
    callee.reply(next_request(callee, "OPTIONS"), 481, "Call Does Not Exist")
    hangs_up(caller, callee)
    assert dialogs(server) == []


def test_a_ping_that_nobody_answers_ends_the_call(start, peers):
    server = serve(start, peers, flags="options-ping-caller", extra='modparam("dialog", "options_ping_interval", 1)', FR=3)
    call = Call(server, *peers)
    call.answer()
    bye = peers[1].expect("BYE", timeout=15)
    peers[1].reply(bye, 200, "OK")
    assert dialogs(server) == []


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_re_invite_ping_says_again_what_was_agreed_and_acknowledges(start, peers, side):
    server = serve(start, peers, flags="reinvite-ping-%s,options-ping-%s" % (side, side), extra=EACH_SECOND)
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=SDP % "caller")
    call.answer(headers=TYPE, body=SDP % "callee")
    pinged, number, heard = (caller, 1, SDP % "callee") if side == "caller" else (callee, 2, SDP % "caller")
    other = callee if side == "caller" else caller
    ping = pinged.expect("INVITE")
    # The other side's session once more, under its Contact, with a number of its own.
    assert ping.body == heard and ping.get("content-type") == "application/sdp"
    assert ping.get("cseq") == "%d INVITE" % number
    assert ping.get("contact") == "<%s>" % other.uri("bob" if other is callee else "me")
    assert ping.tag("to") == (call.sent["from_tag"] if side == "caller" else call.tag)
    answer = SDP % side
    ok = lambda: pinged.reply(ping, 200, "OK", headers=["Contact: <sip:moved@%s>" % pinged.name, *TYPE], body=answer)
    ok()
    ack = next_request(pinged, "ACK")
    assert ack.uri == "sip:moved@" + pinged.name and ack.get("cseq") == "%d ACK" % number and not ack.body
    # The ACK was lost: the 200 comes again, and so does the ACK.
    ok()
    again = next_request(pinged, "ACK")
    assert again.get("via") == ack.get("via") and again.tag("to") == ack.tag("to")
    # A side that has no time for it is there all the same.
    ping = next_request(pinged, "INVITE")
    pinged.reply(ping, 491, "Request Pending")
    next_request(pinged, "ACK")
    assert states(server) == [4]
    # One that does not know the call is not.
    ping = next_request(pinged, "INVITE")
    pinged.reply(ping, 481, "Call Does Not Exist")
    bye = next_request(pinged, "BYE")
    pinged.reply(bye, 481, "Call Does Not Exist")
    hangs_up(other)
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0


def test_a_re_invite_ping_says_what_was_accepted_last_in_its_own_type(start, peers):
    """Not an offer that was refused; and what the caller said is labelled as the caller did."""
    server = serve(start, peers, flags="reinvite-ping-callee", extra=EACH_SECOND)
    caller, callee = peers
    mixed = "multipart/mixed;boundary=b"
    parts = "--b\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--b--\r\n" % (SDP % "caller")
    call = Call(server, *peers, headers=["Content-Type: " + mixed], body=parts)
    call.answer(headers=TYPE, body=SDP % "callee")

    def pinged():
        ping = next_request(callee, "INVITE")
        callee.reply(ping, 200, "OK", headers=TYPE, body=SDP % "callee")
        next_request(callee, "ACK")
        return ping.get("content-type"), ping.body

    def asks(cseq, status, body, answer=SDP % "callee", ack=""):
        """A re-INVITE of the caller's; pings of the server's that come before it are answered."""
        sent = call.within("INVITE", cseq, headers=TYPE if body else [], body=body)
        while True:
            invite = next_request(callee, "INVITE")
            if invite.body == body and invite.get("content-type") != mixed:
                break
            callee.reply(invite, 200, "OK", headers=TYPE, body=SDP % "callee")
        callee.reply(invite, status, "Whatever", headers=["Contact: <%s>" % callee.uri("bob"), *TYPE], body=answer)
        reply = caller.expect(status)
        if status < 300:
            call.within("ACK", cseq, headers=TYPE if ack else [], body=ack)
        else:
            caller.ack(sent, reply)

    assert pinged() == (mixed, parts)
    asks(2, 488, SDP % "refused", answer="")
    assert pinged() == (mixed, parts)
    asks(3, 200, SDP % "accepted")
    wait_for(lambda: pinged() == ("application/sdp", SDP % "accepted"), "a ping with what was accepted")
    # The callee offers, and the ACK answers.
    asks(4, 200, "", ack=SDP % "answered")
    wait_for(lambda: pinged() == ("application/sdp", SDP % "answered"), "a ping with what was answered")
    legs = dialogs(server)[0]
    assert legs["caller_sdp"] == SDP % "answered" and legs["CALLEES"][0]["callee_sdp"] == SDP % "callee"


def test_both_sides_are_pinged_each_in_its_way(start, peers):
    server = serve(start, peers, flags="options-ping-caller,reinvite-ping-callee", extra=EACH_SECOND,
                   routes='route[gone] { xlog("L_NOTICE", "gone: $DLG_end_reason\\n"); }\n',
                   call='dlg_on_hangup("gone");')
    caller, callee = peers
    call = Call(server, *peers, headers=TYPE, body=SDP % "caller")
    call.answer()
    ping = caller.expect("OPTIONS")
    assert ping.get("contact") == "<%s>" % callee.uri("bob")
    caller.reply(ping, 404, "Not Found")
    ping = callee.expect("INVITE")
    assert ping.body == SDP % "caller"
    callee.reply(ping, 408, "Request Timeout")
    next_request(callee, "ACK")
    callee.reply(next_request(callee, "BYE"), 200, "OK")
    next_request(caller, "BYE")
    wait_for(lambda: "gone: ReINVITE Ping Timeout" in server.tail(), "the reason")


def test_a_prack_inside_the_call_names_the_number_that_its_invite_left_with(start, peers):
    """Pings went between: the re-INVITE has another number behind the server, and so has RAck."""
    server = serve(start, peers, flags="options-ping-callee", extra=EACH_SECOND)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    callee.reply(callee.expect("OPTIONS"), 200, "OK")
    call.within("INVITE", 2)
    invite = next_request(callee, "INVITE")
    number = int(invite.get("cseq").split()[0])
    assert number > 2
    callee.reply(invite, 183, "Progress", headers=["Require: 100rel", "RSeq: 9"])
    assert caller.expect(183).get("cseq") == "2 INVITE"
    call.within("PRACK", 3, headers=["RAck: 9 2 INVITE"])
    prack = next_request(callee, "PRACK")
    assert prack.get("rack") == "9 %d INVITE" % number and int(prack.get("cseq").split()[0]) > number
    callee.reply(prack, 200, "OK")
    assert caller.expect(200).get("cseq") == "3 PRACK"
    call.within("UPDATE", 4)
    update = next_request(callee, "UPDATE")
    assert int(update.get("cseq").split()[0]) > int(prack.get("cseq").split()[0])
    callee.reply(update, 200, "OK")
    assert caller.expect(200).get("cseq") == "4 UPDATE"
    callee.reply(invite, 200, "OK", headers=["Contact: <%s>" % callee.uri("bob")])
    assert caller.expect(200).get("cseq") == "2 INVITE"
    call.within("ACK", 2)
    assert next_request(callee, "ACK").get("cseq") == "%d ACK" % number
    call.within("BYE", 5)
    callee.reply(next_request(callee, "BYE"), 200, "OK")
    assert caller.expect(200).get("cseq") == "5 BYE"
