"""What spans say of messages that are not everyday's: over TCP, long ones, relayed without state."""
import socket

import pytest

from collector import collector, module, sent  # noqa: F401 (fixture)
from conftest import free_port
from sip import Agent, StreamAgent

ANSWER = """
    route { send_reply(200, "OK"); }
    """
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def root(server, collector):
    span, = (s for s in sent(server, collector) if s["sipray.session.id"])
    return span


def test_a_request_over_tcp(start, collector):
    port = free_port(kind=socket.SOCK_STREAM)
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
