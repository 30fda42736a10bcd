"""Back-to-back calls: both sides as raw user agents, so that every line that crosses the server is looked at."""
import pytest

from conftest import free_port, sessions, wait_for
from sip import Agent, token

OFFER = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
ANSWER = OFFER.replace("4000", "5000")
SDP = "Content-Type: application/sdp"


@pytest.fixture
def b2b(start):
    def make(**values):
        port = values.pop("UAS_PORT", None) or free_port()
        server = start("b2b.cfg", UAS_PORT=port, **{"ARGUMENTS": "", "ROUTES": "", **values})
        server.uas_port = port
        return server

    return make


@pytest.fixture
def agents():
    """agents(server, port=0) → Agent; all are closed at the end."""
    made = []

    def make(server, port=0):
        agent = Agent((server.address, server.port), port=port)
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.close()


class Leg:
    """One side's dialog with the server."""

    def __init__(self, agent, call_id, local, local_tag, remote, remote_tag, target, cseq=1):
        self.agent, self.call_id, self.cseq = agent, call_id, cseq
        self.local, self.local_tag, self.remote, self.remote_tag, self.target = local, local_tag, remote, remote_tag, target

    def request(self, method, headers=(), body="", cseq=None, **more):
        if cseq is None and method != "ACK":
            self.cseq += 1
            cseq = self.cseq
        return self.agent.request(method, self.target, caller=self.local, callee=self.remote, call_id=self.call_id,
                                  cseq=cseq or self.cseq, from_tag=self.local_tag, to_tag=self.remote_tag,
                                  headers=headers, body=body, **more)


def uri_of(value):
    return value.partition("<")[2].partition(">")[0] if "<" in value else value.partition(";")[0]


def contact_of(agent):
    return "Contact: <sip:me@%s>" % agent.name


def no_state(server):
    wait_for(lambda: server.mi("b2b_list") == [], "every session to end")
    assert server.mi("b2be_list") == []


class Call:
    """A caller and a callee that talk through the server."""

    def __init__(self, server, agents, offer=OFFER, answer=ANSWER, rings=True, headers=(), user="someone"):
        self.server, self.caller = server, agents(server)
        self.callee = agents(server, server.uas_port) if not hasattr(server, "callee") else server.callee
        server.callee = self.callee
        self.sent = self.caller.request("INVITE", "sip:%s@%s:%d" % (user, server.address, server.port), body=offer,
                                        headers=[*([SDP] if offer else []), *headers])
        self.invite = self.callee.expect("INVITE")
        self.tag = token("b")
        if rings:
            self.callee.reply(self.invite, 180, "Ringing", tag=self.tag, headers=[contact_of(self.callee)])
            self.ringing = self.caller.expect(180)
        self.answer = answer

    def pick_up(self):
        self.callee.reply(self.invite, 200, "OK", tag=self.tag, headers=[contact_of(self.callee), SDP],
                          body=self.answer)
        self.ok = self.caller.expect(200)
        self.a = Leg(self.caller, self.sent["call_id"], self.sent["caller"], self.sent["from_tag"],
                     self.sent["callee"], self.ok.tag("to"), uri_of(self.ok.get("contact")))
        self.b = Leg(self.callee, self.invite.get("call-id"), uri_of(self.invite.get("to")), self.tag,
                     uri_of(self.invite.get("from")), self.invite.tag("from"), uri_of(self.invite.get("contact")), cseq=100)
        return self

    def confirm(self, body=""):
        self.a.request("ACK", cseq=1, body=body, headers=[SDP] if body else [])
        self.ack = self.callee.expect("ACK")
        return self

    def hang_up(self, first=None, second=None):
        first, second = first or self.a, second or self.b
        first.request("BYE")
        bye = second.agent.expect("BYE")
        second.agent.reply(bye, 200, "OK")
        first.agent.expect(200)
        wait_for(lambda: self.server.mi("b2b_list") == [], "the session to end")
        no_state(self.server)


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
    sessions = server.mi("b2b_list")
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
    server = b2b(ARGUMENTS=', "setup-timeout=1"')
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


def test_the_answer_is_repeated_until_it_is_acknowledged(b2b, agents):
    call = Call(b2b(), agents).pick_up()
    assert call.caller.expect(200).body == ANSWER
    call.confirm()
    # The callee lost the ACK: it gets the same once more.
    call.callee.reply(call.invite, 200, "OK", tag=call.tag, headers=[contact_of(call.callee), SDP], body=ANSWER)
    assert call.callee.expect("ACK").raw == call.ack.raw
    call.caller.nothing(0.7)
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
    early = Leg(call.caller, call.sent["call_id"], call.sent["caller"], call.sent["from_tag"], call.sent["callee"],
                progress.tag("to"), uri_of(progress.get("contact")))
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


def test_a_challenge_is_passed_or_answered(b2b, agents):
    challenge = 'WWW-Authenticate: Digest realm="there", nonce="abc", qop="auth"'
    call = Call(b2b(ARGUMENTS=', "transparent-auth"'), agents, rings=False)
    call.callee.reply(call.invite, 401, "Unauthorized", tag=call.tag, headers=[challenge])
    call.callee.expect("ACK")
    assert 'realm="there"' in call.caller.expect(401).get("www-authenticate")
    extra = 'loadmodule "uac_auth.so"\nmodparam("uac_auth", "credential", "me:there:secret")'
    call = Call(b2b(EXTRA=extra), agents, rings=False)
    call.callee.reply(call.invite, 401, "Unauthorized", tag=call.tag, headers=[challenge])
    call.callee.expect("ACK")
    again = call.callee.expect("INVITE")
    assert 'username="me"' in again.get("authorization") and again.get("cseq") == "2 INVITE" and again.body == OFFER
    call.invite, call.tag = again, token("c")
    call.pick_up().confirm().hang_up()


ROUTES = """
route[b2b_request] {
	xlog("B2B $rm from $b2b_logic.entity(id) of $b2b_logic.scenario, $b2b_logic.ctx(what)\\n");
	if (is_method("REFER")) {
		b2b_send_reply(202, "Accepted");
		@REFER@
		exit;
	}
	b2b_pass_request();
}

route[b2b_reply] {
	xlog("B2B reply $rs $rm from $b2b_logic.entity(id)\\n");
	@REPLY@
	b2b_handle_reply();
}
"""
INIT = """
	$b2b_logic.ctx(what) = "early";
	b2b_server_new("caller");
	b2b_client_new("callee", "sip:callee@127.0.0.1:@UAS_PORT@");
	b2b_init_request("mine", "", "b2b_request", "b2b_reply");
	exit;
"""


@pytest.fixture
def scripted(b2b):
    def make(refer="", reply="", init=INIT, **values):
        port = free_port()
        return b2b(UAS_PORT=port, ROUTES=ROUTES.replace("@REFER@", refer).replace("@REPLY@", reply),
                   ROUTE=init.replace("@UAS_PORT@", str(port)), **values)

    return make


def test_a_script_decides(scripted, agents):
    server = scripted()
    call = Call(server, agents).pick_up().confirm()
    session, = server.mi("b2b_list")
    assert session["scenario"] == "mine" and session["context"] == {"what": "early"}
    assert [e["id"] for e in session["entities"]] == ["caller", "callee"]
    call.hang_up()
    log = server.tail()
    assert "B2B ACK from caller of mine, early" in log and "B2B BYE from caller of mine, early" in log
    for line in ("180 INVITE from callee", "200 INVITE from callee", "200 BYE from callee"):
        assert "B2B reply " + line in log


def new_party(server, agents):
    party = agents(server)
    return party, '"sip:new@%s"' % party.name


def complete_bridge(call, old, party, offer=OFFER.replace("s=-", "s=new")):
    """The new party is called without a body, offers, and the old one takes it. Returns the new party's leg."""
    invite = party.expect("INVITE")
    assert invite.body == "" and invite.uri == "sip:new@%s" % party.name
    party.reply(invite, 180, "Ringing", tag="new", headers=[contact_of(party)])
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=offer)
    again = old.agent.expect("INVITE")
    assert again.body == offer and again.get("call-id") == old.call_id
    old.agent.reply(again, 200, "OK", headers=[contact_of(old.agent), SDP], body=ANSWER)
    old.agent.expect("ACK")
    ack = party.expect("ACK")
    assert ack.body == ANSWER
    return Leg(party, invite.get("call-id"), uri_of(invite.get("to")), "new", uri_of(invite.get("from")),
               invite.tag("from"), uri_of(invite.get("contact")))


REFER_UNATTENDED = """b2b_end_dlg_leg();
		b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new"@FLAGS@);"""


def refer(call, target):
    call.a.request("REFER", headers=["Refer-To: <%s>" % target.strip('"')])


def test_refer_without_notify(scripted, agents):
    server = scripted(REFER_UNATTENDED.replace("@FLAGS@", ""))
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    refer(call, uri)
    call.caller.expect(202)
    bye = call.caller.expect("BYE")
    call.caller.reply(bye, 200, "OK")
    leg = complete_bridge(call, call.b, party)
    session, = server.mi("b2b_list")
    assert [e["id"] for e in session["entities"]] == ["callee", "new"] and session["state"] == "established"
    call.hang_up(call.b, leg)


def test_refer_with_notify(scripted, agents):
    server = scripted("""b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new", , "notify");""")
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    refer(call, uri)
    call.caller.expect(202)
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


def test_a_failed_refer_leaves_the_call_as_it_was(scripted, agents):
    server = scripted("""b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new", , "notify,rollback-failed");""")
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    refer(call, uri)
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("NOTIFY"), 200, "OK")
    invite = party.expect("INVITE")
    party.reply(invite, 486, "Busy Here", tag="new")
    party.expect("ACK")
    notify = call.caller.expect("NOTIFY")
    assert notify.body == "SIP/2.0 486 Busy Here\r\n"
    call.caller.reply(notify, 200, "OK")
    call.callee.nothing()
    call.hang_up()


def test_a_failed_refer_ends_the_call(scripted, agents):
    server = scripted(REFER_UNATTENDED.replace("@FLAGS@", ""))
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    refer(call, uri)
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    party.reply(party.expect("INVITE"), 404, "Not Found", tag="new")
    party.expect("ACK")
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    no_state(server)


def test_a_failed_bridge_is_tried_elsewhere(scripted, agents):
    retry = free_port()
    server = scripted(REFER_UNATTENDED.replace("@FLAGS@", ""), reply="""if ($rs == 486) {
		b2b_client_new("other", "sip:new@127.0.0.1:%d");
		b2b_bridge_retry("other");
		exit;
	}""" % retry)
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    other = agents(server, retry)
    refer(call, uri)
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    party.reply(party.expect("INVITE"), 486, "Busy Here", tag="new")
    party.expect("ACK")
    leg = complete_bridge(call, call.b, other)
    call.hang_up(call.b, leg)


def test_music_while_the_new_party_rings(scripted, agents):
    media = free_port()
    server = scripted("""b2b_end_dlg_leg();
		b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new", "sip:music@127.0.0.1:%d");""" % media)
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    player = agents(server, media)
    refer(call, uri)
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
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


def test_no_late_offer(scripted, agents):
    server = scripted(REFER_UNATTENDED.replace("@FLAGS@", ', , "no-late-sdp"'))
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    refer(call, uri)
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
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
    leg = Leg(party, invite.get("call-id"), uri_of(invite.get("to")), "new", uri_of(invite.get("from")),
              invite.tag("from"), uri_of(invite.get("contact")))
    call.hang_up(leg, call.b)


def test_attended_transfer_names_the_dialog_that_the_target_knows(scripted, agents):
    server = scripted(REFER_UNATTENDED.replace("@FLAGS@", ""))
    call = Call(server, agents).pick_up().confirm()
    consult = Call(server, agents).pick_up().confirm()  # the same callee plays the target
    replaces = "%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s" % (consult.a.call_id, consult.a.remote_tag, consult.a.local_tag)
    refer(call, "sip:callee@%s:%d?Replaces=%s" % (server.address, server.port, replaces))
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    invite = call.callee.expect("INVITE")
    assert invite.uri == "sip:me@%s" % call.callee.name
    assert invite.get("replaces") == "%s;to-tag=%s;from-tag=%s" % (
        consult.b.call_id, consult.b.local_tag, consult.b.remote_tag)
    call.callee.reply(invite, 486, "Busy Here", tag="n")
    messages = [call.callee.receive(), call.callee.receive()]
    assert {m.method for m in messages} == {"ACK", "BYE"}
    call.callee.reply([m for m in messages if m.method == "BYE"][0], 200, "OK")
    consult.hang_up()


def test_commands_bridge_and_end_calls(b2b, agents):
    server = b2b()
    call = Call(server, agents).pick_up().confirm()
    session, = server.mi("b2b_list")
    assert server.mi_call("b2b_bridge", {"dialog_id": "1.2", "new_uri": "sip:a@b"})["error"]["code"] == 404
    party, uri = new_party(server, agents)
    assert server.mi("b2b_bridge", dialog_id=session["key"], new_uri=uri.strip('"')) == "OK"
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    complete_bridge(call, call.a, party)
    triple = ";".join([call.a.call_id, call.a.local_tag, call.a.remote_tag])
    assert server.mi("b2b_terminate_call", key=triple) == "OK"
    for agent in (call.caller, party):
        agent.reply(agent.expect("BYE"), 200, "OK")
    no_state(server)
    assert server.mi_call("b2b_terminate_call", {"key": triple})["error"]["code"] == 404


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
    session, = server.mi("b2b_list")
    assert session["context"] == {"k": "v"}
    leg = Leg(one, first.get("call-id"), uri_of(first.get("to")), "1", uri_of(first.get("from")), first.tag("from"),
              uri_of(first.get("contact")))
    leg.request("BYE")
    other.reply(other.expect("BYE"), 200, "OK")
    one.expect(200)
    no_state(server)


def test_a_caller_joins(scripted, agents):
    server = scripted(init="""
	if ($rU == "pickup") {
		b2b_bridge_request("$hdr(X-Key)", 1);
		exit;
	}""" + INIT)
    call = Call(server, agents).pick_up().confirm()
    session, = server.mi("b2b_list")
    third = agents(server)
    fresh = OFFER.replace("s=-", "s=third")
    sent = third.request("INVITE", "sip:pickup@%s:%d" % (server.address, server.port), body=fresh,
                         headers=[SDP, "X-Key: " + session["key"]])
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    again = call.callee.expect("INVITE")
    assert again.body == fresh
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    ok = third.expect(200)
    assert ok.body == ANSWER
    leg = Leg(third, sent["call_id"], sent["caller"], sent["from_tag"], sent["callee"], ok.tag("to"),
              uri_of(ok.get("contact")))
    leg.request("ACK", cseq=1)
    call.callee.expect("ACK")
    call.hang_up(call.b, leg)


def test_a_session_lives_as_long_as_it_may(b2b, agents):
    server = b2b(EXTRA='modparam("b2b_logic", "max_duration", 1)\nmodparam("b2b_logic", "cleanup_period", 1)')
    call = Call(server, agents).pick_up().confirm()
    for agent in (call.caller, call.callee):
        agent.reply(agent.expect("BYE"), 200, "OK")
    no_state(server)


def enter(name, file, line):
    return "enter", name, file, line


def leave(name, file, line):
    return "exit", name, file, line


def inside(records):
    return [enter("receive_msg", "receive_msg", 120), *records, leave("receive_msg", "receive_msg", 316)]


def in_prescript(records, line):
    return [enter("request_pre_script", "receive_msg", 223), enter("B2BE_request_prescript", "b2b_prescript_f", 893),
            *records, leave("B2BE_request_prescript", "b2b_prescript_f", line),
            leave("request_pre_script", "receive_msg", 225)]


def around(name, file, line, inner):
    return [enter(name, file, line), *inner, leave(name, file, line)]


def passed_reply(line):
    return inside([
        enter("reply_forward", "receive_msg", 291), enter("TM_reply_received", "reply_received", 1663),
        enter("B2BE_reply_received", "b2b_tm_cback", 3271),
        enter("B2BL client received a reply", "b2b_logic_notify", 2432),
        *around("send_reply", "_b2b_handle_reply", line, around("t_reply_with_body", "_b2b_send_reply", 2187, [])),
        leave("B2BL_notify_received", "b2b_logic_notify", 2661), leave("B2BE_reply_received", "b2b_tm_cback", 4207),
        leave("TM_reply_received", "reply_received", 1822), leave("reply_forward", "receive_msg", 293)])


PASSED_REQUEST = inside(in_prescript([
    enter("B2BL server received a request", "b2b_logic_notify", 2432),
    *around("send_request", "_b2b_pass_request", 1692,
            around("t_request_within", "b2b_send_indlg_req", 2553, [])),
    leave("B2BL_notify_received", "b2b_logic_notify", 2661)], 1652))

# What the peer sent for such a call (shared/reference/captures, L1_g_b2b_tophiding): one list a datagram.
CAPTURED = [
    inside([*in_prescript([], 1655),
            *around("request_script", "receive_msg", 235,
                    around("client_new", "create_top_hiding_entities", 2861,
                           around("t_request_within", "_client_new", 237, [])))]),
    passed_reply(1425), passed_reply(1352), PASSED_REQUEST, PASSED_REQUEST, passed_reply(1234)]
CAPTURED[0] = [("exit", "request_script", "receive_msg", 237) if r == leave("request_script", "receive_msg", 235) else r
               for r in CAPTURED[0]]


def test_records_of_a_call_are_the_captured_ones(b2b, agents, events):
    server = b2b(WORKERS=1)
    assert server.mi("core:profiling_proc", level=1) == "OK"
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    Call(server, agents).pick_up().confirm().hang_up()
    events.settle()
    groups = [g for g in sessions(events.all("E_PROFILING_PROC")).values() if g[0]["name"].startswith("SIP receiver")]
    found = [[(r["verb"], r["name"], r.get("file"), r.get("line")) for r in g[2:-2]] for g in groups]
    assert found == CAPTURED
    by_name = {(r["verb"], r["line"]): r["status"] for g in groups for r in g if r["verb"] == "exit" and "line" in r}
    assert by_name["exit", 1655] == -1 and by_name["exit", 1652] == 1 and by_name["exit", 2187] == 1
    local = [g for g in sessions(events.all("E_PROFILING_SCRIPT")).values() if g[0]["type"] == 32]
    assert len(local) == 3  # INVITE, ACK, BYE


def test_500_calls_at_once_leave_nothing(b2b, sipp):
    server = b2b(WORKERS=2)
    most, memory = 0, []
    for _ in range(2):
        callee = sipp("uas_call", port=server.uas_port, calls=500)
        caller = sipp("uac_hold", "%s:%d" % (server.address, server.port), calls=500, rate=250)
        while caller.process.poll() is None:
            most = max(most, server.statistic("b2b_logic:sessions"))
        caller.finish()
        callee.finish()
        no_state(server)
        wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "every transaction to end", 45)
        memory.append(server.statistic("memory:resident_bytes"))
    assert most == 500
    print("resident after each round: %s" % memory)
    # What the first 500 calls took is used again by the next 500.
    assert memory[1] < memory[0] * 1.05, memory
