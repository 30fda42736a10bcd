"""Back-to-back calls by the built-in topology hiding: what passes, and how calls end."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, contact_of, no_state, uri_of
from sip import token

def test_top_hiding_hides_each_side_from_the_other(b2b, agents):
    server = b2b()
    call = Call(server, agents)
    invite = call.invite
    assert invite.get("call-id").startswith("B2B.") and invite.get("call-id") != call.sent["call_id"]
    assert invite.tag("from") != call.sent["from_tag"]
    assert uri_of(invite.get("from")) == call.sent["caller"]
    assert uri_of(invite.get("contact")) == "sip:%s:%d" % (server.address, server.port)
    assert len(invite.all("via")) == 1 and call.caller.name not in str(invite)
    assert invite.get("max-forwards") == "69" and invite.body == OFFER
    assert call.ringing.tag("to").startswith("B2B.") and call.ringing.tag("to") != call.tag
    assert call.callee.name not in str(call.ringing)
    call.pick_up()
    assert call.ok.body == ANSWER and call.ok.tag("to") == call.ringing.tag("to")
    assert uri_of(call.ok.get("contact")) == "sip:%s:%d" % (server.address, server.port)
    call.confirm()
    assert call.ack.uri == "sip:me@%s" % call.callee.name
    sessions = b2b_sessions(server)
    assert len(sessions) == 1 and len(server.mi("b2be_list")) == 2
    call.hang_up()


def test_the_callee_may_hang_up(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    call.hang_up(call.b, call.a)


def test_a_call_is_cancelled_before_it_is_answered(b2b, agents):
    server = b2b()
    call = Call(server, agents)
    call.caller.cancel(call.sent)
    statuses = {call.caller.receive().status, call.caller.receive().status}
    assert statuses == {200, 487}
    cancel = call.callee.expect("CANCEL")
    assert cancel.get("call-id") == call.invite.get("call-id")
    call.callee.reply(cancel, 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")
    no_state(server)


def test_a_200_that_crosses_the_cancel_is_acknowledged_and_ended(b2b, agents):
    server = b2b()
    call = Call(server, agents)
    call.caller.cancel(call.sent)
    call.callee.expect("CANCEL")
    call.callee.reply(call.invite, 200, "OK", tag=call.tag, headers=[contact_of(call.callee), SDP], body=ANSWER)
    assert {call.callee.receive().method, call.callee.receive().method} == {"ACK", "BYE"}
    no_state(server)


@pytest.mark.parametrize("status, reason", [(486, "Busy Here"), (603, "Decline"), (404, "Not Found")])
def test_a_refusal_goes_back_as_it_came(b2b, agents, status, reason):
    server = b2b()
    call = Call(server, agents, rings=False)
    call.callee.reply(call.invite, status, reason, tag=call.tag, headers=["Retry-After: 7"])
    call.callee.expect("ACK")
    reply = call.caller.expect(status)
    assert reply.first == "SIP/2.0 %d %s" % (status, reason) and reply.get("retry-after") == "7"
    call.caller.ack(call.sent, reply)
    no_state(server)


def test_nobody_answers(b2b, agents):
    server = b2b(ARGUMENTS=', "setup-timeout=2"')
    call = Call(server, agents)
    reply = call.caller.expect(408)
    call.caller.ack(call.sent, reply)
    call.callee.expect("CANCEL")
    no_state(server)


@pytest.mark.parametrize("side", "ab")
def test_reinvites_go_both_ways_with_their_descriptions(b2b, agents, side):
    call = Call(b2b(), agents).pick_up().confirm()
    asks, answers = (call.a, call.b) if side == "a" else (call.b, call.a)
    hold = OFFER.replace("s=-", "s=hold")
    asks.request("INVITE", body=hold, headers=[SDP])
    again = answers.agent.expect("INVITE")
    assert again.body == hold and again.tag("to") == answers.local_tag
    answers.agent.reply(again, 200, "OK", headers=[contact_of(answers.agent), SDP], body=ANSWER)
    assert asks.agent.expect(200).body == ANSWER
    asks.request("ACK", cseq=asks.cseq)
    answers.agent.expect("ACK")
    call.hang_up()


def test_an_offer_in_the_200_is_answered_in_the_ack(b2b, agents):
    call = Call(b2b(), agents, offer="")
    assert call.invite.body == ""
    call.pick_up().confirm(body=OFFER)
    assert call.ack.body == OFFER and call.ack.get("content-type") == "application/sdp"
    call.hang_up()


@pytest.mark.parametrize("side", "ab")
def test_both_hang_up_at_once(b2b, agents, side):
    call = Call(b2b(), agents).pick_up().confirm()
    first, second = (call.a, call.b) if side == "a" else (call.b, call.a)
    first.request("BYE")
    bye = second.agent.expect("BYE")
    second.request("BYE")  # before it saw the other
    second.agent.expect(200)
    second.agent.reply(bye, 200, "OK")
    first.agent.expect(200)
    first.agent.nothing(0.1)
    no_state(call.server)


@pytest.mark.parametrize("side", "ab")
def test_updates_go_both_ways(b2b, agents, side):
    call = Call(b2b(), agents).pick_up().confirm()
    asks, answers = (call.a, call.b) if side == "a" else (call.b, call.a)
    asks.request("UPDATE", headers=[SDP], body=OFFER)
    update = answers.agent.expect("UPDATE")
    assert update.body == OFFER and update.tag("to") == answers.local_tag
    answers.agent.reply(update, 200, "OK", headers=[contact_of(answers.agent), SDP], body=ANSWER)
    assert asks.agent.expect(200).body == ANSWER
    call.hang_up()


@pytest.mark.parametrize("side", "ab")
def test_an_early_dialog_is_updated(b2b, agents, side):
    """RFC 3311: before the call is answered, from either side."""
    server = b2b()
    call = Call(server, agents)
    caller = Leg.asking(call.caller, call.sent, call.ringing)
    callee = Leg.asked(call.callee, call.invite, call.tag, cseq=50)
    asks, answers = (caller, callee) if side == "a" else (callee, caller)
    asks.request("UPDATE", headers=[SDP], body=OFFER)
    update = answers.agent.expect("UPDATE")
    answers.agent.reply(update, 200, "OK", headers=[contact_of(answers.agent), SDP], body=ANSWER)
    assert asks.agent.expect(200).body == ANSWER
    call.pick_up()
    call.a.cseq, call.b.cseq = 10, 60
    call.confirm().hang_up()


def test_a_reinvite_is_refused_and_the_call_goes_on(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    sent = call.a.request("INVITE", headers=[SDP], body=OFFER)
    call.callee.reply(call.callee.expect("INVITE"), 488, "Not Acceptable Here")
    call.callee.expect("ACK")
    call.caller.ack(sent, call.caller.expect(488))
    call.hang_up()


def test_a_reinvite_is_cancelled_and_the_call_goes_on(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    sent = call.a.request("INVITE", headers=[SDP], body=OFFER)
    again = call.callee.expect("INVITE")
    call.callee.reply(again, 180, "Ringing")
    call.caller.expect(180)
    call.caller.cancel(sent)
    assert {call.caller.receive().status, call.caller.receive().status} == {200, 487}
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(again, 487, "Request Terminated")
    call.callee.expect("ACK")
    call.hang_up()


@pytest.mark.parametrize("route", ["", 't_newtran();\n\tt_reply(180, "Wait");'])
def test_a_caller_hangs_up_while_it_rings(b2b, agents, route):
    """BYE in an early dialog (RFC 3261 §15): what rings is cancelled. Also before who is called has said anything, in the dialog
    of the script's own reply."""
    server = b2b(ROUTE=route)
    call = Call(server, agents, rings=not route)
    ringing = call.caller.expect(180) if route else call.ringing
    early = Leg.asking(call.caller, call.sent, ringing)
    early.request("BYE")
    found = {(m.status, m.method): m for m in (call.caller.receive(), call.caller.receive())}
    assert set(found) == {(200, "BYE"), (487, "INVITE")}
    call.caller.ack(call.sent, found[487, "INVITE"])
    if route:
        call.callee.reply(call.invite, 180, "Ringing", tag=call.tag, headers=[contact_of(call.callee)])
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")
    no_state(server)


@pytest.mark.parametrize("change, status", [(dict(contact=False), 400), (dict(max_forwards=0), 483)])
def test_invites_that_begin_nothing(b2b, agents, change, status):
    server = b2b()
    caller, callee = agents(server), agents(server, server.uas_port)
    sent = caller.request("INVITE", "sip:x@%s:%d" % (server.address, server.port), headers=[SDP], body=OFFER, **change)
    caller.ack(sent, caller.expect(status))
    callee.nothing(0.1)
    no_state(server)


@pytest.mark.parametrize("answer", [None, 481])
def test_a_callee_that_is_gone_keeps_nobody_in_the_call(b2b, agents, answer):
    call = Call(b2b(EXTRA='modparam("tm", "fr_timeout", 1)'), agents).pick_up().confirm()
    call.a.request("BYE")
    bye = call.callee.expect("BYE")
    if answer:
        call.callee.reply(bye, answer, "No Such Call")
    call.caller.expect(answer or 200)
    no_state(call.server)


@pytest.mark.parametrize("change, status", [("cseq", 500), ("tag", 481), ("hops", 483)])
def test_requests_that_do_not_fit_the_dialog(b2b, agents, change, status):
    call = Call(b2b(), agents).pick_up().confirm()
    if change == "cseq":
        call.a.request("INFO", cseq=1)
    elif change == "tag":
        call.caller.request("INFO", call.a.target, caller=call.a.local, callee=call.a.remote, call_id=call.a.call_id,
                            cseq=2, from_tag="other", to_tag=call.a.remote_tag)
    else:
        call.a.request("INFO", max_forwards=0)
    call.caller.expect(status)
    call.callee.nothing(0.1)
    call.a.cseq = 5
    call.hang_up()


def test_reinvites_that_meet_are_refused(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    first = call.a.request("INVITE", body=OFFER, headers=[SDP])
    again = call.callee.expect("INVITE")
    sent = call.b.request("INVITE", body=ANSWER, headers=[SDP])
    refused = call.callee.expect(491)
    call.callee.ack(sent, refused)
    call.callee.reply(again, 491, "Request Pending")
    call.callee.expect("ACK")
    call.caller.ack(first, call.caller.expect(491))
    call.hang_up()


def test_a_lost_ack_is_sent_again(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    # The callee lost the ACK: it gets the same once more.
    call.callee.reply(call.invite, 200, "OK", tag=call.tag, headers=[contact_of(call.callee), SDP], body=ANSWER)
    assert call.callee.expect("ACK").raw == call.ack.raw
    call.hang_up()


def test_a_second_fork_that_answers_is_ended(b2b, agents):
    call = Call(b2b(), agents).pick_up().confirm()
    call.callee.reply(call.invite, 200, "OK", tag="other", headers=[contact_of(call.callee), SDP], body=ANSWER)
    messages = {m.method: m for m in (call.callee.receive(), call.callee.receive())}
    assert set(messages) == {"ACK", "BYE"} and messages["BYE"].tag("to") == "other"
    call.callee.reply(messages["BYE"], 200, "OK")
    call.hang_up()


@pytest.mark.parametrize("method, headers, body", [
    ("INFO", ["Content-Type: application/dtmf-relay"], "Signal=5\r\n"), ("UPDATE", [SDP], OFFER), ("MESSAGE", [], ""),
    ("OPTIONS", [], ""), ("NOTIFY", ["Event: refer", "Subscription-State: active"], ""),
    ("REFER", ["Refer-To: <sip:x@127.0.0.1>"], "")])
def test_requests_in_the_dialog_pass(b2b, agents, method, headers, body):
    call = Call(b2b(), agents).pick_up().confirm()
    call.a.request(method, headers=headers, body=body)
    passed = call.callee.expect(method)
    assert passed.body == body and passed.get("call-id") == call.invite.get("call-id")
    for header in headers:
        name, _, value = header.partition(": ")
        assert passed.get(name) == value
    call.callee.reply(passed, 202, "Taken", headers=["Supported: x"])
    reply = call.caller.expect(202)
    assert reply.get("supported") == "x"
    call.hang_up()


@pytest.mark.parametrize("through", [0, 1])
def test_reliable_provisional_responses(b2b, agents, through):
    server = b2b(EXTRA='modparam("b2b_entities", "passthru_prack", %d)' % through)
    call = Call(server, agents, rings=False, headers=["Supported: 100rel"])
    assert call.invite.get("supported") == "100rel"
    call.callee.reply(call.invite, 183, "Progress", tag=call.tag,
                      headers=[contact_of(call.callee), "Require: 100rel", "RSeq: 700", SDP], body=ANSWER)
    progress = call.caller.expect(183)
    assert progress.get("rseq") == "700" and progress.get("require") == "100rel" and progress.body == ANSWER
    early = Leg.asking(call.caller, call.sent, progress)
    if not through:
        prack = call.callee.expect("PRACK")
        call.callee.reply(prack, 200, "OK")
    early.request("PRACK", headers=["RAck: 700 1 INVITE"])
    if through:
        prack = call.callee.expect("PRACK")
        call.callee.reply(prack, 200, "OK")
    assert prack.get("rack") == "700 %s" % call.invite.get("cseq")
    call.caller.expect(200)
    call.pick_up()
    call.a.cseq = 2
    call.a.request("ACK", cseq=1)
    call.callee.expect("ACK")
    call.hang_up()


def test_headers_of_the_parameters(b2b, agents):
    extra = "\n".join('modparam("b2b_logic", "%s", %s)' % pair for pair in [
        ("custom_headers", '"Subject;X-One"'), ("custom_headers_regexp", '"/^x-two/i"'), ("contact_user", "1"),
        ("init_callid_hdr", '"X-Was"'), ("custom_contact_header_params", '"audio"')])
    call = Call(b2b(EXTRA=extra), agents, headers=["Subject: s", "X-One: 1", "X-Two-A: 2", "X-Three: 3"])
    invite = call.invite
    assert (invite.get("subject"), invite.get("x-one"), invite.get("x-two-a"), invite.get("x-three")) == \
        ("s", "1", "2", None)
    assert invite.get("x-was") == call.sent["call_id"]
    assert uri_of(invite.get("contact")).startswith("sip:caller@")
    call.pick_up().confirm().hang_up()


def test_parameters_of_a_contact_go_through(b2b, agents):
    server = b2b(EXTRA='modparam("b2b_logic", "custom_contact_header_params", "audio;video")')
    caller, callee = agents(server), agents(server, server.uas_port)
    sent = caller.request("INVITE", "sip:x@%s:%d" % (server.address, server.port), headers=[SDP], body=OFFER,
                          contact="<sip:me@%s>;audio=1;other=2;video" % caller.name)
    invite = callee.expect("INVITE")
    own = "<sip:%s:%d>" % (server.address, server.port)
    assert invite.get("contact") == own + ";audio=1;video"
    callee.reply(invite, 200, "OK", tag="b", body=ANSWER,
                 headers=["Contact: <sip:me@%s>;video=high;x" % callee.name, SDP])
    ok = caller.expect(200)
    assert ok.get("contact") == own + ";video=high"
    a = Leg(caller, sent["call_id"], sent["caller"], sent["from_tag"], sent["callee"], ok.tag("to"), uri_of(own))
    a.request("ACK", cseq=1)
    callee.expect("ACK")
    a.request("BYE")
    callee.reply(callee.expect("BYE"), 200, "OK")
    caller.expect(200)
    no_state(server)


@pytest.mark.parametrize("prefixes", [("B2B", "B2B"), ("ONE", "TWO")])
def test_servers_in_a_row(b2b, agents, prefixes):
    """What one server's keys look like does not confuse the next."""
    prefix = 'modparam("b2b_entities", "b2b_key_prefix", "%s")'
    second = b2b(EXTRA=prefix % prefixes[1])
    first = b2b(EXTRA=prefix % prefixes[0], UAS_PORT=second.port)
    first.callee = second.callee = agents(second, second.uas_port)
    call = Call(first, agents)
    assert call.invite.get("call-id").startswith(prefixes[1] + ".")
    assert call.ringing.tag("to").startswith(prefixes[0] + ".")
    call.pick_up().confirm()
    for leg, other in ((call.a, call.b), (call.b, call.a)):
        leg.request("INFO")
        other.agent.reply(other.agent.expect("INFO"), 200, "OK")
        leg.agent.expect(200)
    call.hang_up(call.b, call.a)
    no_state(second)


def test_a_session_lives_as_long_as_it_may(b2b, agents):
    server = b2b(EXTRA='modparam("b2b_logic", "max_duration", 3)\nmodparam("b2b_logic", "cleanup_period", 1)')
    call = Call(server, agents).pick_up().confirm()
    for agent in (call.caller, call.callee):
        agent.reply(agent.expect("BYE", timeout=15), 200, "OK")
    no_state(server)


