"""What spans say of messages that are not everyday's: over TCP, long ones, relayed without state."""
import socket

import pytest

from collector import check_attributes, collector, module, sent  # noqa: F401 (fixture)
from conftest import HERE, free_port
from peer import Peer
from sip import Agent, Message, StreamAgent

ANSWER = """
    route { send_reply(200, "OK"); }
    """
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def root(server, collector):
    span, = (s for s in sent(server, collector) if s["sipray.session.id"])
    return span


def test_a_request_over_tcp(start, collector):
    port = free_port()
    tcp = 'loadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\n' % port
    server = start("waiting.cfg", EXTRA=tcp + module(collector, "enable=1"), ROUTE=ANSWER)
    with StreamAgent(("127.0.0.1", port)) as one:
        one.request("OPTIONS", "sip:x@127.0.0.1")
        one.expect(200)
    span = root(server, collector)
    assert span["network.transport"] == "tcp" and span["network.local.port"] == port
    assert span["network.peer.address"] == "127.0.0.1" and span["network.peer.port"] not in (None, port)


def test_a_long_request_is_shown_whole(start, collector):
    """Longer than a note may be: it comes in pieces, put together in their order."""
    server = start("waiting.cfg", EXTRA=module(collector, "enable=1", "sip_raw=1"), ROUTE=ANSWER)
    body = "".join("%06d\n" % number for number in range(1000))
    with Agent((server.address, server.port)) as one:
        one.request("MESSAGE", "sip:x@127.0.0.1", body=body)
        one.expect(200)
    raw = root(server, collector)["sip.raw"]
    assert raw.startswith("MESSAGE sip:x@127.0.0.1 SIP/2.0\r\n") and raw.endswith("\r\n\r\n" + body)


@pytest.mark.parametrize("statement", ['forward("udp:127.0.0.1:%d");', '$du = "sip:127.0.0.1:%d"; t_relay();'])
def test_a_relayed_request_stays_in_its_trace(start, collector, statement):
    with Agent(("127.0.0.1", 1)) as callee:
        server = start("waiting.cfg", EXTRA=module(collector, "enable=1", "propagate=1"),
                       ROUTE="\n    route { %s }\n" % (statement % callee.port))
        with Agent((server.address, server.port)) as one:
            one.request("MESSAGE", "sip:x@127.0.0.1", headers=["traceparent: 00-%s-%s-01" % (TRACE, PARENT)])
            request = callee.expect("MESSAGE")
            callee.server = one.server
            callee.reply(request, 200, "OK", tag="t")
            one.expect(200)
    value, = request.all("traceparent")
    version, trace, parent, _ = value.split("-")
    assert (version, trace) == ("00", TRACE) and parent != PARENT
    spans = {s.id: s for s in sent(server, collector)}
    assert spans[parent].trace == TRACE
    assert [s.parent for s in spans.values() if s["sipray.session.id"] and s["sip.message.type"] == "request"] == [PARENT]


def test_a_request_over_ipv6(start, collector):
    """Addresses are without brackets, as everywhere in OpenTelemetry; the URI is as it stands."""
    port = free_port("::1")
    server = start("waiting.cfg", address="[::1]", port=port, EXTRA=module(collector, "enable=1"), ROUTE=ANSWER)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.bind(("::1", 0))
        peer.settimeout(5)
        peer.sendto(("OPTIONS sip:x@[::1]:%d SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:%d;branch=z9hG4bK1\r\nFrom: <sip:a@[::1]>;tag=1\r\n"
                     "To: <sip:x@[::1]>\r\nCall-ID: six@[::1]\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n" % (
                         port, peer.getsockname()[1])).encode(), ("::1", port))
        assert Message(peer.recv(65536)).status == 200
        source = peer.getsockname()[1]
    span = root(server, collector)
    assert (span["network.peer.address"], span["network.peer.port"]) == ("::1", source)
    assert (span["network.local.address"], span["network.local.port"]) == ("::1", port)
    assert (span["server.address"], span["server.port"]) == ("::1", port)
    assert span["url.full"] == span["sip.request.uri"] == "sip:x@[::1]:%d" % port and span["sip.call_id"] == "six@[::1]"


FAILING = """
    if (is_method("MESSAGE")) {
        lookup("location");
        route(bad);
        route(worse);
        send_reply(200, "OK");
        exit;
    }
"""


def test_an_error_is_a_route_that_returned_less_than_zero(start, collector):
    """A function that fails is no error, nor is what is around a route that fails; each says what it returned."""
    script = (HERE / "cfg" / "spine.cfg").read_text().replace('\troute(sanity, "10");\n', '\troute(sanity, "10");\n' + FAILING, 1)
    script += "route[bad] { return(-7); }\nroute[worse] { if (!lookup(\"location\")) return(-1); }\n"
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(collector, "enable=1"))
    peer = Peer(server)
    peer.request("MESSAGE", "nobody")
    peer.expect(200)
    peer.close()
    spans = sent(server, collector)
    check_attributes(spans)
    lookups = [s for s in spans if s.name == "lookup"]
    assert [s["sipray.status"] for s in lookups] == [-1, -1] and not any("error.type" in s.attributes for s in lookups)
    failed = {s.name: (s["sipray.status"], s["error.type"], s.message) for s in spans if s.status == 2}
    assert failed == {"bad": (-7, "-7", "route bad returned -7"), "worse": (-1, "-1", "route worse returned -1")}
    assert {s.status for s in spans} == {0, 2} and next(s for s in spans if s.name == "sanity").status == 0
