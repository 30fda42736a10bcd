"""The scripts of Tests/Scripts, run as an operator has them but for ports and paths, with each message looked at."""
import pathlib
import re
import socket

import pytest

from conftest import free_port, wait_for
from sip import Agent

SCRIPTS = pathlib.Path(__file__).parent / "../Scripts"
MANAGEMENT = """
loadmodule "mi_datagram.so"
modparam("mi_datagram", "socket_name", "udp:127.0.0.1:@MI_PORT@")
"""


@pytest.fixture
def run(start):
    """run(script, **{text: replacement}) → a server whose socket, FIFO and log are this test's; `.agent()` makes peers."""
    agents = []

    def make(name, replace=None, **values):
        text = (SCRIPTS / name).read_text()
        for old, new in (replace or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        text = text.replace("127.0.0.1:5060", "@ADDRESS@:@PORT@").replace("/tmp/opensips_fifo", "@FIFO@")
        text = text.replace('"udp_port", 5060', '"udp_port", @PORT@')
        text = text.replace("stderror_enabled=no", "stderror_enabled=yes")
        text = text.replace("syslog_enabled=yes", "syslog_enabled=no")
        server = start(text + MANAGEMENT, **values)
        server.here = "%s:%d" % (server.address, server.port)

        def agent(address="127.0.0.1", port=0, to=None):
            agents.append(Agent(to or (server.address, server.port), address, port))
            return agents[-1]

        server.agent = agent
        server.lines = lambda: server.log_path.read_text().splitlines()
        return server

    yield make
    for agent in agents:
        agent.close()


def line(server, text):
    """The log line that holds `text`, which may still be on its way."""
    return wait_for(lambda: next((one for one in server.lines() if text in one), None), text)


def answer(agent, request, tag="callee"):
    agent.reply(request, 200, "OK", tag=tag, headers=["Contact: <sip:callee@%s>" % agent.name])


def dialog(sent, tag="callee"):
    return dict(caller=sent["caller"], callee=sent["callee"], call_id=sent["call_id"], from_tag=sent["from_tag"],
                to_tag=tag, contact=False)


# A residential service

def test_a_residential_call_between_registered_users(run):
    server = run("stock_residential.cfg")
    alice, bob = server.agent(), server.agent()
    aor = "sip:bob@" + server.here
    bob.request("REGISTER", "sip:" + server.here, caller=aor, callee=aor, headers=["Expires: 600"])
    registered = bob.expect(200)
    assert registered.get("contact") == "<sip:me@%s>;expires=600" % bob.name
    assert registered.tag("to")

    sent = alice.request("INVITE", aor, caller="sip:alice@" + server.here, body="hello",
                         headers=["Content-Type: text/plain"])
    trying = alice.expect(100)
    assert trying.tag("to") is None
    assert trying.get("via") == "SIP/2.0/UDP %s;branch=%s;received=127.0.0.1;rport=%d" % (
        alice.name, sent["branch"], alice.port)
    invite = bob.expect("INVITE")
    assert invite.uri == "sip:me@" + bob.name
    own, upstream = invite.all("via")
    assert own.startswith("SIP/2.0/UDP %s;branch=z9hG4bK" % server.here) and upstream == trying.get("via")
    assert invite.all("record-route") == ["<sip:%s;lr>" % server.here]
    assert invite.get("max-forwards") == "69" and invite.body == "hello"
    assert invite.get("contact") == "<sip:me@%s>" % alice.name

    bob.reply(invite, 180, "Ringing", tag="callee")
    ringing = alice.expect(180)
    assert ringing.all("via") == [trying.get("via")]
    answer(bob, invite)
    ok = alice.expect(200)
    assert ok.tag("to") == "callee" and ok.all("record-route") == invite.all("record-route")

    routes = ["Route: " + route for route in reversed(ok.all("record-route"))]
    alice.request("ACK", "sip:callee@" + bob.name, headers=routes, **dialog(sent))
    ack = bob.expect("ACK")
    assert ack.all("route") == [] and len(ack.all("via")) == 2 and ack.uri == "sip:callee@" + bob.name
    alice.request("BYE", "sip:callee@" + bob.name, cseq=2, headers=routes, **dialog(sent))
    bye = bob.expect("BYE")
    assert bye.all("route") == [] and bye.get("cseq") == "2 BYE"
    bob.reply(bye, 200, "OK")
    alice.expect(200)

    said = line(server, "method=BYE")
    assert re.search(r"\[\d+\] ACC: transaction answered: timestamp=\d+;method=BYE;from_tag=%s;to_tag=callee;"
                     r"call_id=%s;code=200;reason=OK$" % (sent["from_tag"], sent["call_id"]), said)
    assert re.search(r"^\w{3} [ \d]\d [\d:]{8} \[\d+\] ringing sip:me@", line(server, "ringing sip"))
    assert "180 for alice" in line(server, "180 for")


@pytest.mark.parametrize("method, uri, options, status, reason", [
    ("BYE", "sip:bob@192.0.2.1", dict(to_tag="gone"), 404, "No Way Known"),
    ("INVITE", "sip:nobody@@", {}, 404, "Not Found"),
    ("INVITE", "sip:x@example.org", dict(caller="sip:stranger@example.org"), 403, "Neither End Is Ours"),
    ("INVITE", "sip:bob@@", dict(max_forwards=0), 483, "Too Many Hops"),
    ("INVITE", "sip:@", {}, 484, "Address Incomplete"),
    ("SUBSCRIBE", "sip:bob@@", {}, 503, "Service Unavailable"),
    ("INVITE", "sip:bob@@", dict(headers=["Route: <sip:192.0.2.1;lr>"]), 403, "Own Route Refused"),
])
def test_what_a_residential_service_refuses(run, method, uri, options, status, reason):
    server = run("stock_residential.cfg")
    alice = server.agent()
    uri = uri.replace("@@", "@" + server.here) if "@@" in uri else uri.replace("sip:@", "sip:" + server.here)
    alice.request(method, uri, **dict(dict(caller="sip:alice@" + server.here), **options))
    reply = alice.expect(status)
    assert reply.first == "SIP/2.0 %d %s" % (status, reason)
    assert reply.tag("to") and reply.get("via").endswith(";received=127.0.0.1;rport=%d" % alice.port)


def test_a_missed_call_is_accounted_and_goes_to_voice_mail(run):
    mail = free_port()
    server = run("stock_residential.cfg", {"127.0.0.1:5099": "127.0.0.1:%d" % mail})
    alice, bob, box = server.agent(), server.agent(), server.agent(port=mail)
    aor = "sip:bob@" + server.here
    bob.request("REGISTER", "sip:" + server.here, caller=aor, callee=aor)
    bob.expect(200)
    sent = alice.request("INVITE", aor, caller="sip:alice@" + server.here)
    bob.reply(bob.expect("INVITE"), 486, "Busy Here", tag="callee")
    ack = bob.expect("ACK")
    assert ack.tag("to") == "callee" and len(ack.all("via")) == 1 and ack.get("cseq") == "1 ACK"
    stored = box.expect("INVITE")
    assert stored.uri == "sip:box-me@127.0.0.1:%d" % mail
    answer(box, stored, "box")
    assert alice.expect(200).tag("to") == "box"
    bob.nothing()
    assert sent["call_id"] in line(server, "ACC: transaction answered")


# Trunks and load balancing

def test_trunks_are_tried_in_turn(run):
    first, second = free_port(), free_port()
    server = run("stock_trunking.cfg", {"127.0.0.1:5081": "127.0.0.1:%d" % first,
                                        "127.0.0.1:5082": "127.0.0.1:%d" % second})
    customer, one, two = server.agent(), server.agent(port=first), server.agent(port=second)
    sent = customer.request("INVITE", "sip:+4930123456@" + server.here,
                            headers=["P-Asserted-Identity: <sip:me@x>"])
    invite = one.expect("INVITE")
    assert invite.uri == "sip:4930123456@" + one.name and invite.get("max-forwards") == "20"
    assert invite.get("p-asserted-identity") is None and invite.get("x-attempt") is None
    one.reply(invite, 503, "Down", tag="one")
    one.expect("ACK")
    again = two.expect("INVITE")
    assert again.uri == "sip:4930123456@" + two.name and again.get("x-attempt") == "1"
    assert again.get("via") != invite.get("via") and again.all("via")[1] == invite.all("via")[1]
    answer(two, again, "two")
    ok = customer.expect(200)
    route = "Route: " + ok.get("record-route")
    assert ";ftag=%s" % sent["from_tag"] in route
    customer.request("ACK", "sip:callee@" + two.name, headers=[route], **dialog(sent, "two"))
    two.expect("ACK")
    # the gateway hangs up: who called stays who called in the record
    two.request("BYE", "sip:me@" + customer.name, headers=[route], caller=sent["callee"], callee=sent["caller"],
                call_id=sent["call_id"], from_tag="two", to_tag=sent["from_tag"])
    customer.reply(customer.expect("BYE"), 200, "OK")
    two.expect(200)
    assert "from_tag=%s;to_tag=two;" % sent["from_tag"] in line(server, "method=BYE")
    assert "trunking:ACC: " in line(server, "method=INVITE")
    assert line(server, "method=INVITE").endswith("code=200;reason=OK;gw=%s;dst=4930123456" % two.name)


def test_a_cancelled_call_leaves_the_trunk_with_its_reason(run):
    first = free_port()
    server = run("stock_trunking.cfg", {"127.0.0.1:5081": "127.0.0.1:%d" % first})
    customer, one = server.agent(), server.agent(port=first)
    sent = customer.request("INVITE", "sip:030123@" + server.here)
    invite = one.expect("INVITE")
    assert invite.uri.startswith("sip:4930123@")
    one.reply(invite, 180, "Ringing", tag="one")
    customer.expect(180)
    customer.request("CANCEL", sent["uri"], caller=sent["caller"], call_id=sent["call_id"], from_tag=sent["from_tag"],
                     via=sent["branch"], contact=False, headers=["Reason: SIP;cause=200"])
    assert customer.expect(200).get("cseq") == "1 CANCEL"
    cancel = one.expect("CANCEL")
    assert cancel.get("reason") == "SIP;cause=200" and cancel.all("via") == invite.all("via")[:1]
    one.reply(cancel, 200, "OK")
    one.reply(invite, 487, "Request Terminated", tag="one")
    one.expect("ACK")
    customer.ack(sent, customer.expect(487))
    customer.nothing(0.05)


def test_servers_are_taken_in_turn_and_replaced_when_they_fail(run):
    first, second = free_port(), free_port()
    server = run("stock_loadbalancer.cfg", {"127.0.0.1:5071": "127.0.0.1:%d" % first,
                                            "127.0.0.1:5072": "127.0.0.1:%d" % second})
    caller, one, two = server.agent(), server.agent(port=first), server.agent(port=second)
    for expected in (one, two, one):
        sent = caller.request("INVITE", "sip:conference@balanced.example")
        invite = expected.expect("INVITE")
        assert invite.uri == "sip:conference@balanced.example"
        answer(expected, invite)
        route = "Route: " + caller.expect(200).get("record-route")
        caller.request("ACK", "sip:callee@" + expected.name, headers=[route], **dialog(sent))
        expected.expect("ACK")
    sent = caller.request("INVITE", "sip:conference@balanced.example")
    two.reply(two.expect("INVITE"), 500, "Full", tag="two")
    two.expect("ACK")
    one.reply(one.expect("INVITE"), 500, "Full too", tag="one")
    one.expect("ACK")
    refused = caller.expect(503)
    assert refused.first.endswith("All Servers Failed")
    caller.ack(sent, refused)
    assert "balancing over 2 servers" in line(server, "balancing over")


# Registrations

def test_registrations_behind_nat_and_path(run):
    server = run("registrar_edge.cfg")
    phone, edge, caller = server.agent(), server.agent(), server.agent()
    home = "sip:registrar.example"

    def register(user, contact, headers=(), status=200):
        aor = "sip:%s@registrar.example" % user
        phone.request("REGISTER", home, caller=aor, callee=aor, contact=contact, headers=headers)
        return phone.expect(status)

    short = register("Bob", "<sip:bob@%s>;expires=10;q=0.7" % phone.name)
    assert short.get("contact") == "<sip:bob@%s>;expires=60;q=0.7" % phone.name
    assert re.match(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", short.get("date"))
    assert register("bob", None).get("contact").startswith("<sip:bob@")  # listed, without regard to case
    nat = register("nat", "<sip:phone@192.0.2.9:5070>", ["Expires: 9999", "User-Agent: test"])
    assert nat.get("contact") == '<sip:phone@192.0.2.9:5070>;expires=600;q=0.5;rcv="sip:%s"' % phone.name
    many = register("bob", "<sip:b2@%s>, <sip:b3@%s>" % (phone.name, phone.name), status=503)
    assert many.get("retry-after") == "30"
    assert register("path", "<sip:p@192.0.2.9>", ["Path: <sip:%s;lr>" % edge.name], 420).get("unsupported") == "path"
    stored = register("path", "<sip:p@192.0.2.9>", ["Path: <sip:%s;lr>" % edge.name, "Supported: path"])
    assert stored.get("path") == "<sip:%s;lr>" % edge.name
    register("bob", "*", ["Expires: 5"], 400)

    caller.request("OPTIONS", "sip:nat@registrar.example")
    assert caller.expect(200).get("x-location") == "registered contact ip"
    sent = caller.request("INVITE", "sip:nat@registrar.example")
    invite = phone.expect("INVITE")  # sent to where the registration came from
    assert invite.uri == "sip:phone@192.0.2.9:5070" and invite.get("x-nat") == "yes"
    assert invite.get("x-attr") == "ua=test"
    phone.reply(invite, 486, "Busy", tag="n")
    phone.expect("ACK")
    caller.ack(sent, caller.expect(486))
    sent = caller.request("INVITE", "sip:path@registrar.example")
    invite = edge.expect("INVITE")
    assert invite.uri == "sip:p@192.0.2.9" and invite.all("route") == ["<sip:%s;lr>" % edge.name]
    edge.reply(invite, 404, "Gone", tag="e")
    assert edge.expect("ACK").all("route") == ["<sip:%s;lr>" % edge.name]  # RFC 3261 §17.1.1.3
    caller.ack(sent, caller.expect(404))
    caller.request("MESSAGE", "sip:admin@registrar.example", body="sip:nat@registrar.example")
    caller.expect(202)
    caller.request("OPTIONS", "sip:nat@registrar.example")
    assert caller.expect(200).get("x-location") == ""


# Two networks

def test_double_record_route_between_two_networks(run):
    port = free_port("127.0.0.2")
    server = run("multihomed.cfg", {"127.0.0.2:5060": "127.0.0.2:%d" % port, "127.0.0.3:5060": "127.0.0.3:%d" % port})
    inner = server.agent("127.0.0.2", to=("127.0.0.2", port))
    outer = server.agent()
    sent = inner.request("INVITE", "sip:b@" + outer.name)
    invite = outer.expect("INVITE")
    assert invite.source == (server.address, server.port)
    assert invite.get("via").startswith("SIP/2.0/UDP 127.0.0.3:%d;" % port)  # as advertised
    assert invite.all("record-route") == ["<sip:127.0.0.3:%d;r2=on;lr;side=inside>" % port,
                                          "<sip:127.0.0.2:%d;r2=on;lr;side=inside>" % port]
    answer(outer, invite)
    ok = inner.expect(200)
    assert ok.source == ("127.0.0.2", port)
    routes = ok.all("record-route")
    inner.request("BYE", "sip:callee@" + outer.name, cseq=2, headers=["Route: " + ", ".join(reversed(routes))],
                  **dialog(sent))
    bye = outer.expect("BYE")
    assert bye.all("route") == [] and bye.source == (server.address, server.port)
    assert bye.get("x-params") == ";r2=on;lr;side=inside"
    outer.reply(bye, 200, "OK")
    inner.expect(200)
    outer.request("INFO", "sip:me@" + inner.name, headers=["Route: " + route for route in routes],
                  caller=sent["callee"], callee=sent["caller"], call_id=sent["call_id"], from_tag="callee",
                  to_tag=sent["from_tag"])
    info = inner.expect("INFO")
    assert info.source == ("127.0.0.2", port) and info.all("route") == []
    assert info.get("via").startswith("SIP/2.0/UDP 127.0.0.2:%d;" % port)


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
