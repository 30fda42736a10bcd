"""Parties of back-to-back calls: both sides raw user agents, so that each line that crosses the server is looked at."""
import pytest

from conftest import free_port, wait_for
from sip import Agent, StreamAgent, token

OFFER = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
ANSWER = OFFER.replace("4000", "5000")
SDP = "Content-Type: application/sdp"
# What cfg/b2b.cfg needs besides ports.
NOTHING = {"GLOBAL": "", "ARGUMENTS": "", "ROUTES": "", "TARGET": "", "LOCAL": "route(noted);"}


@pytest.fixture
def b2b(start):
    """b2b(...) → Server whose calls go to `uas_port` of 127.0.0.1, by topology hiding unless ROUTE says otherwise."""
    def make(**values):
        port = values.pop("UAS_PORT", None) or free_port()
        if values.pop("tcp", False):
            values["port"] = free_port()
            values["GLOBAL"] = 'tcp_workers=1\nsocket=tcp:127.0.0.1:%d\nloadmodule "proto_tcp.so"' % values["port"]
        server = start("b2b.cfg", UAS_PORT=port, **{**NOTHING, **values})
        server.uas_port = port
        return server

    return make


@pytest.fixture
def agents():
    """agents(server, port=0) → Agent, agents(server, port, tcp=True) → StreamAgent; all are closed at the end. Once `absorb` is
    set, those that it makes pass over what is repeated: for tests with a T1 that a slow machine does not keep up with."""
    made = []

    def make(server, port=0, tcp=False):
        address = (server.address, server.port)
        made.append((StreamAgent if tcp else Agent)(address, port=port))
        made[-1].seen = set() if make.absorb else None
        return made[-1]

    make.absorb = False
    yield make
    for agent in made:
        agent.close()


def parties(b2b, agents, caller, callee, **values):
    """A server with its callee, and a caller, each by its transport ("udp", "tcp")."""
    server = b2b(tcp=True, TARGET=";transport=tcp" if callee == "tcp" else "",
                 UAS_PORT=free_port(), **values)
    server.callee = agents(server, server.uas_port, tcp=callee == "tcp")
    return server, agents(server, tcp=caller == "tcp")


class Leg:
    """One side's dialog with the server."""

    def __init__(self, agent, call_id, local, local_tag, remote, remote_tag, target, cseq=1):
        self.agent, self.call_id, self.cseq = agent, call_id, cseq
        self.local, self.local_tag, self.remote, self.remote_tag = local, local_tag, remote, remote_tag
        self.target = target

    @classmethod
    def asking(cls, agent, sent, reply, **more):
        """Of who sent the INVITE, by a reply with a tag."""
        return cls(agent, sent["call_id"], sent["caller"], sent["from_tag"], sent["callee"], reply.tag("to"),
                   uri_of(reply.get("contact") or sent["uri"]), **more)

    @classmethod
    def asked(cls, agent, invite, tag, **more):
        """Of who got it, and answers with this tag."""
        return cls(agent, invite.get("call-id"), uri_of(invite.get("to")), tag, uri_of(invite.get("from")),
                   invite.tag("from"), uri_of(invite.get("contact")), **more)

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
    return "Contact: " + agent.contact


def b2b_sessions(server):
    """The sessions of `b2b_logic`, as management shows them."""
    return server.mi("b2b_list")["Tuples"]


def entities(session):
    """All entities of a session, in the order in which scripts count them."""
    return sorted(session["SERVERS"] + session["CLIENTS"], key=lambda entity: entity["no"])


def no_state(server):
    wait_for(lambda: server.statistic("b2b_logic:sessions") == 0, "every session to end")
    assert b2b_sessions(server) == []
    assert server.mi("b2be_list") == []


class Call:
    """A caller and a callee that talk through the server."""

    def __init__(self, server, agents, offer=OFFER, answer=ANSWER, rings=True, headers=(), user="someone", caller=None):
        self.server, self.caller = server, caller or agents(server)
        if not hasattr(server, "callee"):
            server.callee = agents(server, server.uas_port)
        self.callee = server.callee
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
        self.a = Leg.asking(self.caller, self.sent, self.ok)
        self.b = Leg.asked(self.callee, self.invite, self.tag, cseq=100)
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
        no_state(self.server)


ROUTES = """
route[b2b_request] {
	xlog("B2B $rm from $b2b_logic.entity(id) of $b2b_logic.scenario, $b2b_logic.ctx(what)\\n");
	@BEFORE@
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
@MORE@
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
    """scripted(...) → Server whose calls pass the routes of ROUTES: `refer` is done for a REFER, `before` for any
    request, `reply` for any reply, `more` are further routes, `init` begins the call."""
    def make(refer="", reply="", init=INIT, before="", more="", **values):
        port = free_port()
        routes = ROUTES
        for name, text in (("REFER", refer), ("REPLY", reply), ("BEFORE", before), ("MORE", more)):
            routes = routes.replace("@%s@" % name, text)
        return b2b(UAS_PORT=port, ROUTES=routes, ROUTE=init.replace("@UAS_PORT@", str(port)), **values)

    return make


def held_up(service):
    """Of a scripted server: an INFO with X-Wait holds the turn of its session until the HTTP service is released; other INFOs
    are answered at once."""
    return dict(before="""if (is_method("INFO")) {
		if ($hdr(X-Wait) != NULL) { xlog("WAITING\\n"); rest_get("%s/hold", $var(b)); }
		b2b_send_reply(200, "OK");
		exit;
	}""" % service.url, EXTRA='loadmodule "rest_client.so"')


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
    return Leg.asked(party, invite, "new")


