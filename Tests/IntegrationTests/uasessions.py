"""A controller of user agent sessions: hears E_UA_SESSION, gives commands; and its callers."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Leg, b2b
from conftest import wait_for

SERVE = """
	if (!is_method("INVITE")) { send_reply(405, "No"); exit; }
	ua_session_server_init($var(key), "%s", "%s");
	xlog("KEY $var(key)\\n");
	%s
	exit;"""


class Controller:
    """What stands outside and decides: hears E_UA_SESSION, gives commands."""

    def __init__(self, server, events):
        self.server, self.events, self.seen = server, events, 0
        server.subscribe(events, "E_UA_SESSION")

    def hear(self, **fields):
        """The next event, which must have these fields."""
        wait_for(lambda: len(self.events.raw) > self.seen, "an event with %s" % fields)
        found = self.events.all("E_UA_SESSION")[self.seen]
        self.seen += 1
        assert {name: found.get(name) for name in fields} == fields, found
        return found

    def silent(self):
        """Nothing was told: what is raised now is the next thing to be heard."""
        self.events.settle(0.1)
        self.server.mi("evi:raise", event="E_UA_SESSION", params={"event_type": "BY HAND"})
        self.hear(event_type="BY HAND")

    def order(self, command, **values):
        reply = self.server.mi_call("ua_session_" + command, values)
        assert reply.get("result") == "OK", reply

    def refused(self, command, error, **values):
        assert self.server.mi_call("ua_session_" + command, values)["error"]["code"] == error


@pytest.fixture
def serve(b2b, events):
    """serve(flags, then, extra) → server that answers INVITEs as sessions, and its controller."""
    def make(flags="arhb", then="", extra="", **values):
        server = b2b(ROUTE=SERVE % (flags, extra, then), **values)
        return server, Controller(server, events)

    return make


def ended(server):
    wait_for(lambda: server.mi("ua_session_list") == [], "every session to end")
    assert server.mi("b2be_list") == []


def calls(server, callee, **more):
    """Has the server call somebody; gives the key."""
    return server.mi("ua_session_client_start", ruri="sip:b@%s" % callee.name, to="sip:b@x",
                     **{"from": "sip:a@x"}, **more)


def invite(agents, server, **more):
    caller = agents(server)
    sent = caller.request("INVITE", "sip:box@%s:%d" % (server.address, server.port), body=OFFER,
                          headers=[SDP, *more.pop("headers", [])], **more)
    return caller, sent


def answered(server, control, agents, flags_report_ack=True):
    """A call that the controller answers; gives its key and the caller's leg."""
    caller, sent = invite(agents, server)
    key = control.hear(event_type="NEW", entity_type="UAS", method="INVITE")["key"]
    control.order("reply", key=key, method="INVITE", code=200, reason="OK", body=ANSWER)
    ok = caller.expect(200)
    assert ok.body == ANSWER and ok.get("content-type") == "application/sdp"
    leg = Leg.asking(caller, sent, ok)
    leg.request("ACK", cseq=1)
    if flags_report_ack:
        control.hear(key=key, event_type="UPDATED", method="ACK")
    return key, leg
