"""Calls through a server that keeps dialogs, step by step, between end points that write every message by hand."""
import pytest

from sip import Agent, token

CALL = """
route[call] {
	create_dialog("%s");
	%s
	record_route();
}
"""
INSIDE = """
route[inside] {
	if (!loose_route()) { send_reply(404, "Not here"); exit; }
	append_hf("X-Dialog: $DLG_status $DLG_dir $DLG_did $dlg_val(who)\\r\\n");
	%s
}
"""


class Call:
    """One call between two agents through the server."""

    def __init__(self, server, caller, callee, headers=(), body="", call_id=None):
        self.server, self.caller, self.callee = server, caller, callee
        self.uri = "sip:bob@127.0.0.1:%d" % server.port
        self.sent = caller.request("INVITE", self.uri, headers=headers, body=body, call_id=call_id)
        self.invite = callee.expect("INVITE")
        self.tag = token("t")
        self.routes = []
        self.target = callee.uri("bob")

    def reply(self, status, reason="Whatever", tag=None, headers=(), body="", contact=None):
        """The callee's reply to the INVITE, as the caller gets it."""
        self.callee.reply(self.invite, status, reason, tag=tag or self.tag, body=body,
                          headers=["Contact: <%s>" % (contact or self.callee.uri("bob")), *headers])
        reply = self.caller.expect(status)
        self.routes = reply.all("record-route") or self.routes
        return reply

    def answer(self, status=200, reason="OK", tag=None, headers=(), body="", ack=True, contact=None):
        reply = self.reply(status, reason, tag, headers, body, contact)
        if status >= 300:
            self.callee.expect("ACK")
        elif status >= 200 and ack:
            self.ack()
        return reply

    def ack(self, cseq=1, **options):
        self.within("ACK", cseq, **options)
        return self.callee.expect("ACK")

    def within(self, method, cseq, headers=(), side="caller", body="", tag=None, target=None, **options):
        """A request of either side inside the dialog, along the recorded routes."""
        if side == "caller":
            routes = ["Route: " + r for r in reversed(self.routes)]
            return self.caller.request(
                method, target or self.target, callee=self.uri, call_id=self.sent["call_id"], cseq=cseq,
                from_tag=self.sent["from_tag"], to_tag=tag or self.tag, headers=[*routes, *headers], body=body, **options)
        routes = ["Route: " + r for r in self.invite.all("record-route")]
        return self.callee.request(
            method, target or self.caller.uri("me"), caller=self.uri, callee="sip:caller@127.0.0.1",
            call_id=self.sent["call_id"], cseq=cseq, from_tag=tag or self.tag, to_tag=self.sent["from_tag"],
            headers=[*routes, *headers], body=body, destination=(self.server.address, self.server.port), **options)

    def exchange(self, method, cseq, side="caller", status=200, reason="OK", answer=(), **options):
        """A request and its reply: what each side got."""
        self.within(method, cseq, side=side, **options)
        one, other = (self.caller, self.callee) if side == "caller" else (self.callee, self.caller)
        request = other.expect(method)
        other.reply(request, status, reason, headers=answer)
        return request, one.expect(status)

    def bye(self, side="caller", cseq=2):
        return self.exchange("BYE", cseq, side)[0]


@pytest.fixture
def peers():
    with Agent(None) as caller, Agent(None) as callee:
        yield caller, callee


def serve(start, peers, flags="", call="", inside="", routes="", extra="", **values):
    caller, callee = peers
    server = start("dialog.cfg", CALLEE="%d%s" % (callee.port, callee.uri_parameters), EXTRA=extra,
                   ROUTE=CALL % (flags, call) + INSIDE % inside + routes, **values)
    caller.server = (server.address, server.port)
    return server


def dialogs(server, **arguments):
    return server.mi("dialog:list", **arguments)["Dialogs"]


def states(server):
    return [dialog["state"] for dialog in dialogs(server)]


def stat(server, name):
    return server.mi("statistics:get", statistics=["dialog:" + name])["dialog:" + name]


def next_request(agent, method):
    """The next request of that method; others (pings) are passed over unanswered."""
    while True:
        message = agent.receive()
        if message.method == method and not message.is_reply:
            return message


def next_reply(agent, method):
    """The next reply to a request of that method; what comes between is passed over."""
    while True:
        message = agent.receive()
        if message.method == method and message.is_reply:
            return message


def hangs_up(*agents):
    """Each agent gets a BYE of the server's own, perhaps behind pings, and answers it; gives them."""
    byes = [next_request(agent, "BYE") for agent in agents]
    for agent, bye in zip(agents, byes):
        agent.reply(bye, 200, "OK")
    return byes


def answer_bye(*agents):
    """Each agent gets a BYE of the server's own and answers it."""
    byes = [agent.expect("BYE") for agent in agents]
    for agent, bye in zip(agents, byes):
        agent.reply(bye, 200, "OK")
    return byes
