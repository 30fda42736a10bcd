"""The scripts that docs/ shows, as they stand there, each with calls through it."""
import re

import pytest

from b2bcalls import b2b_sessions
from collector import collector, sent  # noqa: F401 (fixture)
from conftest import HERE, wait_for
from http_service import Service
from sip import Agent, token
from test_uac_auth import check

DOCS = HERE.parent.parent / "docs"
HEAD = """
log_level=3
stderror_enabled=yes
syslog_enabled=no
udp_workers=2
socket=udp:@ADDRESS@:@PORT@
loadmodule "proto_udp.so"
loadmodule "signaling.so"
loadmodule "sl.so"
loadmodule "tm.so"
modparam("tm", "fr_timeout", 5)
loadmodule "rr.so"
loadmodule "sipmsgops.so"
loadmodule "mi_datagram.so"
modparam("mi_datagram", "socket_name", "udp:127.0.0.1:@MI_PORT@")
"""


def shown(page, mark):
    """The script of a page that has `mark` in it: between fences, or indented where a page has none."""
    lines = (DOCS / page).read_text().split("\n")
    fences = [n for n, line in enumerate(lines) if line.startswith("```")]
    blocks = ["\n".join(lines[a + 1:b]) + "\n" for a, b in zip(fences[::2], fences[1::2])]
    if not fences:
        blocks = re.split(r"\n(?=\S)", "\n".join(lines))
        blocks = ["\n".join(line[4:] for line in block.split("\n") if line[:4] == "    ") + "\n" for block in blocks]
    found = [block for block in blocks if mark in block]
    assert len(found) == 1, "%s: %d scripts with %s" % (page, len(found), mark)
    return found[0]


@pytest.fixture
def agents():
    with Agent(None) as caller, Agent(None) as callee:
        yield caller, callee


def ring(server, caller, callee, uri=None, answer=200):
    """A call up to its ACK; gives the requests that the callee had, and how to end it."""
    caller.server = callee.server = (server.address, server.port)
    sent = caller.request("INVITE", uri or "sip:bob@%s" % callee.name)
    invite = callee.expect("INVITE")
    tag = token("t")
    callee.reply(invite, 180, "Ringing", tag=tag)
    callee.reply(invite, answer, "OK", tag=tag, headers=["Contact: <sip:bob@%s>" % callee.name])
    caller.expect(180)
    reply = caller.expect(200)
    contact = re.search("<(.*?)>", reply.get("contact")).group(1)
    within = dict(callee=sent["callee"], call_id=sent["call_id"], from_tag=sent["from_tag"], to_tag=reply.tag("to"),
                  headers=["Route: " + r for r in reversed(reply.all("record-route"))])
    caller.request("ACK", contact, cseq=1, **within)
    callee.expect("ACK")

    def hang_up(cseq=2):
        caller.request("BYE", contact, cseq=cseq, **within)
        bye = callee.expect("BYE")
        callee.reply(bye, 200, "OK")
        caller.expect(200)

    return invite, hang_up


def test_dialogs(start, agents):
    script = shown("dialogs.md", "create_dialog")
    server = start(HEAD + 'loadmodule "dialog.so"\n' + script)
    _, hang_up = ring(server, *agents)
    dialog, = server.mi("dialog:list_ctx")["Dialogs"]
    assert dialog["state"] == 4 and {"caller": "caller"} in dialog["context"]["profiles"]
    assert abs(dialog["timeout"] - dialog["timestart"] - 3600) <= 1
    assert server.mi("dialog:profile_get_size", profile="caller", value="caller")["Profile"]["count"] == 1
    hang_up()
    wait_for(lambda: re.search(re.escape(dialog["ID"]) + r": \S.* after [01] s", server.tail()), "the route of the end")
    assert server.mi("dialog:list")["Dialogs"] == []


def test_back_to_back(start, agents):
    caller, callee = agents
    script = shown("b2b.md", "b2b_init_request").replace("192.0.2.7", callee.name)
    server = start(HEAD + 'loadmodule "b2b_entities.so"\nloadmodule "b2b_logic.so"\n' + script)
    invite, hang_up = ring(server, caller, callee, uri="sip:bob@127.0.0.1")
    assert invite.get("call-id").startswith("B2B.") and caller.name not in str(invite)
    assert [s["phase"] for s in b2b_sessions(server)] == ["established"]
    hang_up()
    wait_for(lambda: b2b_sessions(server) == [], "the session to end")


def test_waiting(start, agents):
    script = shown("async.md", "rest_get(")
    service = Service()
    try:
        script = script.replace("http://127.0.0.1:8080", service.url)
        server = start(HEAD + 'loadmodule "rest_client.so"\n' + script)
        _, hang_up = ring(server, *agents)
        assert [r[:2] for r in service.requests] == [("GET", "/credit?user=caller")]
        hang_up()
    finally:
        service.close()
    caller, callee = agents
    refused = caller.request("INVITE", "sip:bob@%s" % callee.name)
    caller.ack(refused, caller.expect(403))
    callee.nothing()


def test_challenges(start, agents):
    caller, callee = agents
    script = shown("uac.md", "credential") + shown("uac.md", "t_check_status")
    server = start(HEAD + script + """
route {
	if (has_totag()) loose_route();
	else {
		record_route();
		t_on_failure("challenged");
	}
	t_relay();
}
""")
    caller.server = callee.server = (server.address, server.port)
    for realm, password in (("sip.example.org", "secret"), ("other.example.org", None)):
        caller.request("INVITE", "sip:bob@%s" % callee.name)
        first = callee.expect("INVITE")
        callee.reply(first, 401, "Unauthorized", tag="x", headers=[
            'WWW-Authenticate: Digest realm="%s", nonce="n", algorithm=MD5, qop="auth"' % realm])
        callee.expect("ACK")
        again = callee.expect("INVITE")
        assert again.get("cseq") == "2 INVITE"
        if password:
            check(again.get("authorization"), "INVITE", "alice", password)
        else:
            assert 'username="alice"' in again.get("authorization")
        callee.reply(again, 486, "Busy Here", tag="y")
        callee.expect("ACK")
        caller.expect(486)


def test_traces(start, agents, collector):
    endpoint = re.compile(r'"http://127.0.0.1:4318/v1/traces"')
    script = shown("traces.md", "proc_profiling")
    assert endpoint.search(script)
    server = start(HEAD + endpoint.sub('"%s"' % collector.endpoint, script) + """
route {
	if (has_totag()) loose_route();
	else record_route();
	t_relay();
}
""")
    _, hang_up = ring(server, *agents)
    hang_up()
    names = {s.name for s in sent(server, collector)}
    assert {"INVITE request", "request_script", "t_relay", "reply_forward", "BYE request"} <= names, names


def test_connections(start):
    script = shown("connections.md", "proto_tcp").replace("10.0.0.1:5060", "@ADDRESS@:@PORT@")
    head = "".join(line + "\n" for line in HEAD.split("\n") if "proto_udp" not in line and "socket=udp" not in line)
    server = start(script + head + 'route { send_reply(200, "OK"); }\n')
    assert len(server.processes("TCP receiver")) == 4 and len(server.processes("SIP receiver")) == 2
