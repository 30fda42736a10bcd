"""Parties that do anything at any time: whatever comes in whatever order, the server lives on and keeps nothing.

A failing seed is a test: put it into SEEDS.
"""
import random
import socket

import pytest

from b2bcalls import ANSWER, OFFER, SDP, agents, b2b, scripted
from conftest import wait_for
from sip import Message, branch, unread

SEEDS = [1, 2]
STEPS = 400
METHODS = ["ACK", "BYE", "INFO", "INVITE", "UPDATE", "PRACK", "REFER", "NOTIFY", "OPTIONS", "MESSAGE", "NONSENSE"]
STATUSES = [100, 180, 183, 200, 200, 202, 302, 401, 404, 407, 481, 486, 491, 503, 603]


class Party:
    """Sends what chance says, of what it knows from the messages that it saw."""

    def __init__(self, agent, chance):
        self.agent, self.chance = agent, chance
        self.dialogs, self.requests, self.raw = [], [], []

    def send(self, text):
        self.raw.append(text)
        self.agent.send(text)

    def look(self):
        """Takes in what came."""
        self.agent.socket.setblocking(False)
        while True:
            try:
                message = Message(*self.agent.socket.recvfrom(65536))
            except (BlockingIOError, socket.timeout):
                return
            own, other = ("from", "to") if message.is_reply else ("to", "from")
            cseq = message.get("cseq").split()[0]
            self.dialogs.append((message.get("call-id"), message.get(own), message.get(other), cseq))
            if not message.is_reply:
                self.requests.append(message)

    def begin(self):
        self.agent.request("INVITE", "sip:x@%s:%d" % self.agent.server, headers=[SDP], body=OFFER)

    def answer(self):
        if self.requests:
            request, status = self.chance.choice(self.requests), self.chance.choice(STATUSES)
            more = self.chance.choice([[], [SDP], ["Require: 100rel", "RSeq: %d" % self.chance.randint(1, 3)],
                                       ["Require: 100rel", "RSeq: %d" % self.chance.randint(1, 3), SDP],
                                       ['WWW-Authenticate: Digest realm="r", nonce="n"'],
                                       ["Contact: <sip:x@127.0.0.1:9>"]])
            self.agent.reply(request, status, "Whatever", tag=self.chance.choice("abc"),
                             headers=["Contact: " + self.agent.contact, *more],
                             body=ANSWER if SDP in more else "")

    def ask(self):
        if self.dialogs:
            call_id, own, other, cseq = self.chance.choice(self.dialogs)
            method = self.chance.choice(METHODS)
            body = self.chance.choice(["", OFFER])
            self.send("\r\n".join([
                "%s sip:%s:%d SIP/2.0" % (method, *self.agent.server),
                "Via: SIP/2.0/UDP %s;branch=%s;rport" % (self.agent.name, branch()),
                "Max-Forwards: %d" % self.chance.choice([0, 70]), "From: " + own, "To: " + other, "Call-ID: " + call_id,
                "CSeq: %d %s" % (int(cseq) + self.chance.randint(0, 30), method), "Contact: " + self.agent.contact,
                "Refer-To: <sip:new@%s>" % self.agent.name, "RAck: %d 1 INVITE" % self.chance.randint(1, 3), SDP,
                "Content-Length: %d" % len(body), "", ""]) + body)

    def cancel(self):
        if self.dialogs:
            call_id, own, other, cseq = self.chance.choice(self.dialogs)
            known = [r.get("via").partition("branch=")[2].partition(";")[0] for r in self.requests] or [branch()]
            self.send("\r\n".join([
                "CANCEL sip:x@%s:%d SIP/2.0" % self.agent.server,
                "Via: SIP/2.0/UDP %s;branch=%s;rport" % (self.agent.name, self.chance.choice(known)),
                "Max-Forwards: 70", "From: " + own, "To: " + other, "Call-ID: " + call_id, "CSeq: %s CANCEL" % cseq,
                "Content-Length: 0", "", ""]))

    def repeat(self):
        if self.raw:
            self.agent.send(self.chance.choice(self.raw))


def end_some(server):
    """Ends calls as many as one reply tells of. True when there are none."""
    some = server.mi("b2b_list", index=0, counter=10)["Tuples"]
    for session in some:
        server.mi_call("b2b_terminate_call", {"key": session["key"]})
    return not some


def is_over(server):
    """Nothing is left, and nothing comes any more: INVITEs that are not read yet begin calls, and timers send more, so all of it at
    once, again and again."""
    return (end_some(server) and not unread(server.port) and not server.mi("b2be_list")
            and all(server.statistic(name) == 0 for name in ("b2b_logic:sessions", "tm:inuse_transactions"))
            and not unread(server.port))


@pytest.mark.parametrize("seed", SEEDS)
def test_anything_may_come(scripted, agents, seed):
    chance = random.Random(seed)
    timers = [("fr_timeout", 1), ("fr_inv_timeout", 2), ("wt_timer", 1), ("T1_timer", 20), ("T2_timer", 80)]
    server = scripted("""b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new", , "notify,rollback-failed");""", reply="""if ($rs == 486) {
		b2b_client_new("other", "sip:callee@127.0.0.1:9");
		b2b_bridge_retry("other");
	}""", WORKERS=2, EXTRA='modparam("b2b_logic", "b2bl_early_update", 1)\n' + "\n".join(
        'modparam("tm", "%s", %d)' % timer for timer in timers))
    caller, callee = Party(agents(server), chance), Party(agents(server, server.uas_port), chance)
    for _ in range(STEPS):
        party = chance.choice([caller, callee])
        party.look()
        act = chance.choice([caller.begin, party.answer, party.answer, party.answer, party.ask, party.ask, party.cancel,
                             party.repeat])
        act()
        if chance.random() < 0.03:
            for session in server.mi("b2b_list", index=0, counter=1)["Tuples"]:
                server.mi_call("b2b_bridge", {"dialog_id": session["key"], "flag": chance.randint(0, 1),
                                                 "new_uri": "sip:n@" + callee.agent.name})
        assert server.process.poll() is None, server.tail()
    wait_for(lambda: is_over(server), "every call, entity and transaction to end", timeout=60)
