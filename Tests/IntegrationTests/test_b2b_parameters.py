"""Times and listeners of back-to-back calls; who is told of a call that a REFER outside of any asked for."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, Leg, agents, b2b, contact_of, no_state, scripted
from conftest import free_port


@pytest.mark.parametrize("arguments, ends", [("", True), (', "setup-timeout=2"', True), (', "setup-timeout=0"', False)])
def test_how_long_a_call_may_be_set_up(b2b, agents, arguments, ends):
    """The parameter's time is the usual one of hidden topology; 0 is the life of the session."""
    usual = {"": 2, ', "setup-timeout=2"': 60, ', "setup-timeout=0"': 1}[arguments]
    server = b2b(ARGUMENTS=arguments, EXTRA='modparam("b2b_logic", "b2bl_th_init_timeout", %d)' % usual)
    call = Call(server, agents)
    if not ends:
        call.caller.nothing(1.5)
        call.pick_up().confirm().hang_up()
        return
    refused = call.caller.expect(408)
    call.caller.ack(call.sent, refused)
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")
    no_state(server)


def test_a_script_chooses_the_listener_of_the_callees_side(b2b, agents):
    other = free_port()
    server = b2b(GLOBAL="socket=udp:127.0.0.1:%d" % other, ROUTE='force_send_socket("udp:127.0.0.1:%d");' % other)
    call = Call(server, agents)
    name = "127.0.0.1:%d" % other
    assert call.invite.source[1] == other and call.invite.get("contact") == "<sip:%s>" % name
    assert call.invite.get("via").startswith("SIP/2.0/UDP %s;" % name)
    assert call.ringing.get("contact") == "<sip:127.0.0.1:%d>" % server.port
    call.pick_up().confirm()
    assert call.ack.source[1] == other
    # In both directions each side goes on by its own listener.
    call.callee.server = ("127.0.0.1", other)
    call.b.request("INFO")
    info = call.caller.expect("INFO")
    assert info.source[1] == server.port
    call.caller.reply(info, 200, "OK")
    call.callee.expect(200)
    call.hang_up()


@pytest.mark.parametrize("status", [200, 486])
def test_who_sent_a_refer_outside_of_a_call_is_told(scripted, agents, status):
    ports = free_port(), free_port()
    server = scripted(init="""
	if (is_method("REFER")) {
		if (b2b_trigger_scenario("refer", "n", "one,sip:one@127.0.0.1:%d", , , "two,sip:two@127.0.0.1:%d"))
			send_reply(202, "Accepted");
		exit;
	}""" % ports)
    one, two = (agents(server, port) for port in ports)
    asker = agents(server)
    sent = asker.request("REFER", "sip:x@%s:%d" % (server.address, server.port), cseq=7,
                         headers=["Refer-To: <sip:one@127.0.0.1>"])
    told = []

    def hears():
        message = asker.receive()
        if message.is_reply:
            # The 202 of the script, before or behind the first NOTIFY (RFC 3515 §2.4.4).
            assert message.status == 202
            told.insert(0, message.tag("to"))
            message = asker.receive()
        assert message.method == "NOTIFY" and message.get("event") == "refer"
        assert message.get("content-type").startswith("message/sipfrag")
        assert message.get("call-id") == sent["call_id"] and message.tag("to") == sent["from_tag"]
        asker.reply(message, 200, "OK")
        return message

    first = hears()
    invite = one.expect("INVITE")
    if not told:
        told.insert(0, asker.expect(202).tag("to"))
    assert first.tag("from") == told[0], "in the dialog that the 202 made"
    assert first.body == "SIP/2.0 100 Trying\r\n" and first.get("subscription-state").startswith("active")
    one.reply(invite, 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
    second = two.expect("INVITE")
    two.reply(second, status, "Whatever", tag="2", headers=[contact_of(two), *([SDP] if status == 200 else [])],
              body=ANSWER if status == 200 else "")
    two.expect("ACK")
    one.expect("ACK")
    last = hears()
    assert last.body.startswith("SIP/2.0 %d " % status) and last.get("subscription-state").startswith("terminated")
    assert int(last.get("cseq").split()[0]) == int(first.get("cseq").split()[0]) + 1
    if status == 200:
        leg = Leg.asked(one, invite, "1")
        leg.request("BYE")
        two.reply(two.expect("BYE"), 200, "OK")
        one.expect(200)
    else:
        one.reply(one.expect("BYE"), 200, "OK")
    no_state(server)
