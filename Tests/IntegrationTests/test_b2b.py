"""Back-to-back calls: both sides as raw user agents, so that every line that crosses the server is looked at."""
import pytest

from conftest import free_port, wait_for
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
    assert server.mi("b2b_list") == []
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
