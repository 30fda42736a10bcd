"""The scripts of Tests/Scripts that fork, forward without transactions and keep state, with each message looked at."""
import re

import pytest

from conftest import wait_for
from script_server import answer, line, run  # noqa: F401 (fixture)


# Forking

@pytest.fixture
def forking(run):
    server = run("forking.cfg")
    peers = [server.agent() for _ in range(4)]
    headers = ["X-%s: sip:%s@%s" % (name.title(), name, peer.name)
               for name, peer in zip(("one", "two", "three"), peers[1:])]

    def call(user, method="INVITE", extra=()):
        return peers[0].request(method, "sip:%s@x.example" % user, headers=headers + list(extra))

    return call, peers, server


def test_parallel_branches_one_answers(forking):
    call, (caller, one, two, _), server = forking
    call("parallel")
    first, second = one.expect("INVITE"), two.expect("INVITE")
    assert first.get("x-branch") == "0" and second.get("x-branch") == "1"
    assert first.get("x-second") is None and second.get("x-second") == "yes"
    assert first.get("x-one") is None and first.get("x-added") == second.get("x-added") == "to all"
    one.reply(first, 180, "Ringing", tag="one")
    assert caller.expect(180).get("x-seen") == "180 of branch 0"
    answer(two, second, "two")
    assert caller.expect(200).get("x-seen") == "200 of branch 1"
    cancel = one.expect("CANCEL")
    assert cancel.all("via") == first.all("via")[:1] and cancel.get("cseq") == "1 CANCEL"
    one.reply(cancel, 200, "OK")
    one.reply(first, 487, "Request Terminated", tag="one")
    one.expect("ACK")
    caller.nothing(0.05)


def test_all_branches_fail(forking):
    call, (caller, one, two, _), server = forking
    sent = call("parallel")
    one.reply(one.expect("INVITE"), 486, "Busy", tag="one")
    two.reply(two.expect("INVITE"), 404, "Not Found", tag="two")
    # the failure route sees one of the negative replies and may send its own
    final = caller.receive()
    while final.status == 100:
        final = caller.receive()
    assert final.status in (404, 486)
    caller.ack(sent, final)
    assert "flag true" in line(server, "all branches failed: %d" % final.status)


def test_serial_forking_by_q(forking):
    call, (caller, one, two, three), server = forking
    call("serial")
    one.reply(one.expect("INVITE"), 486, "Busy", tag="one")
    one.expect("ACK")
    second, third = two.expect("INVITE"), three.expect("INVITE")
    two.reply(second, 404, "Gone", tag="two")
    two.expect("ACK")
    answer(three, third, "three")
    assert caller.expect(200).tag("to") == "three"
    one.nothing(0.05)


def test_a_redirection_is_followed(forking):
    call, (caller, one, two, _), server = forking
    call("redirected")
    one.reply(one.expect("INVITE"), 302, "Moved", tag="one", headers=["Contact: <sip:new@%s>" % two.name])
    one.expect("ACK")
    invite = two.expect("INVITE")
    assert invite.uri == "sip:new@" + two.name
    answer(two, invite, "two")
    caller.expect(200)


def test_a_request_of_our_own_passes_the_local_route(forking):
    call, (caller, one, _, _), server = forking
    sent = call("announce")
    message = one.expect("MESSAGE")
    assert message.get("x-local") == "MESSAGE" and message.body == "a call for you"
    assert message.get("max-forwards") == "70" and message.tag("from") and message.tag("to") is None
    one.reply(message, 200, "OK", tag="one")
    ringing = caller.expect(180)
    final = caller.expect(480)
    assert ringing.tag("to") == final.tag("to")
    caller.ack(sent, final)


def test_a_copy_goes_elsewhere_without_a_way_back(forking):
    call, (caller, one, two, _), server = forking
    call("copy", method="MESSAGE")
    copy, message = two.expect("MESSAGE"), one.expect("MESSAGE")
    assert copy.uri.startswith("sip:two@") and copy.get("record-route") == message.get("record-route")
    two.reply(copy, 500, "Not for the caller", tag="two")
    one.reply(message, 200, "OK", tag="one")
    assert caller.expect(200).tag("to") == "one"
    caller.nothing(0.05)


def test_an_unresolvable_destination(forking):
    call, (caller, *_), server = forking
    sent = call("nowhere")
    reply = caller.expect(404, timeout=15)
    assert reply.first.endswith("Nowhere")
    caller.ack(sent, reply)
    assert "relay failed with -4" in line(server, "relay failed")


# Without transactions

def test_stateless_forwarding_and_replies(run):
    server = run("stateless.cfg")
    caller, callee = server.agent(), server.agent()
    caller.request("OPTIONS", "sip:" + server.here)
    reply = caller.expect(200)
    assert reply.get("accept") == "application/sdp" and reply.get("accept-language") == "de"
    assert reply.get("supported") == "path" and reply.get("server") is None
    caller.request("INVITE", "sip:moved@x.example")
    assert caller.expect(302).get("contact") == "<sip:elsewhere@192.0.2.1>, <sip:else@192.0.2.2>;q=0.5"
    caller.request("INVITE", "sip:b@nowhere.example", headers=["X-To: udp:" + callee.name])
    invite = callee.expect("INVITE")
    assert invite.uri == "sip:b@nowhere.example" and invite.get("max-forwards") == "69"
    answer(callee, invite)
    ok = caller.expect(200)
    assert ok.get("x-stateless") == "200" and len(ok.all("via")) == 1


@pytest.mark.parametrize("damage, reason", [
    (("CSeq: 1 INVITE", "CSeq: nonsense"), "Bad Header Field"),
    (("From: ", "From "), "Bad Header Line"),
    (("Content-Length: 0", "Content-Length: 50"), "Body Shorter Than Content-Length"),
])
def test_broken_requests_reach_the_error_route(run, damage, reason):
    server = run("stateless.cfg")
    caller = server.agent()
    text = ("INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKbad;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
            "To: <sip:x@y>\r\nCall-ID: bad\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n" % caller.name)
    caller.send(text.replace(*damage))
    assert caller.expect(400).first.endswith(reason)
    assert "rcode=400" in line(server, "--- error class=1")
    caller.send(b"\x00\x01")
    caller.send("\r\n\r\n")
    caller.request("OPTIONS", "sip:" + server.here)
    caller.expect(200)


# State

@pytest.mark.parametrize("user, header, value", [
    ("count", "x-counter", "6"),
    ("sleep", "x-woken", "1 yes <null>"),
    ("nap", "x-kept", "yes"),
    ("time", "x-time", None),
    ("chance", "x-chance", "1"),
    ("list", "x-list", "3 3, two, 1 1"),
    ("loop", "x-loops", "50"),
    ("param", "x-sum", "7 42 route"),
    ("missing", "x-code", "-1"),
])
def test_state_of_the_script(state_server, user, header, value):
    agent = state_server.agent()
    agent.request("MESSAGE", "sip:%s@x" % user, caller="sip:joe@x")
    reply = agent.expect(200)
    found = reply.get(header)
    if value is None:
        assert re.match(r"1999900 1 \d{4}-\d\d-\d\d (\d{4}) \d{10} ", found)
    else:
        assert found == value


@pytest.fixture
def state_server(run):
    return run("state.cfg")


def test_events_reach_the_event_route(state_server):
    agent = state_server.agent()
    agent.request("MESSAGE", "sip:raise@x")
    agent.expect(200)

    def event():
        agent.request("MESSAGE", "sip:event@x")
        return agent.expect(200).get("x-event")

    assert wait_for(lambda: next((e for e in [event()] if e != "0"), None), "the event route to run") == "answer=42"
    agent.request("MESSAGE", "sip:launch@x", caller="sip:joe@x")
    agent.expect(200)
    wait_for(lambda: event() == "report for joe", "the report route to run")


def test_script_errors_name_file_and_line(state_server):
    agent = state_server.agent()
    for user in ("loop", "missing", "assert"):
        agent.request("MESSAGE", "sip:%s@x" % user)
        agent.receive()
    for text in ("cut off after 50 rounds", '"no_such_route" does not exist', 'assertion failed: this is "false"'):
        said = line(state_server, text)
        number = int(re.search(r"%s:(\d+): " % re.escape(str(state_server.cfg)), said).group(1))
        assert 0 < number <= len(state_server.cfg.read_text().splitlines())
        assert re.search(r"\[\d+\] (ERROR|CRITICAL):core: ", said)
