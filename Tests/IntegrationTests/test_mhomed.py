"""`mhomed`: the kernel's route says by which address a request leaves."""
import socket

import pytest

from conftest import free_port
from sip import Agent, StreamAgent

ROUTE = """
route {
    if (is_method("CANCEL|ACK")) { t_relay(); exit; }
    if ($hdr(X-How) == "forward") { forward(); exit; }
    if ($hdr(X-How) == "forced") $socket_out = "udp:127.0.0.2:@SECOND@";
    if ($hdr(X-How) == "recorded") record_route();
    t_relay();
}
"""


def serve(start, mhomed, extra="", second=None):
    """A server on 127.0.0.1 and 127.0.0.2. What goes to another loopback address starts at 127.0.0.1."""
    second = second or free_port("127.0.0.2")
    server = start("waiting.cfg", ROUTE=ROUTE.replace("@SECOND@", str(second)),
                   EXTRA="mhomed=%s\nsocket=udp:127.0.0.2:%d\n%s" % (mhomed, second, extra))
    server.second = second
    return server


@pytest.mark.parametrize("mhomed", ["true", "false"])
def test_a_datagram_leaves_by_the_address_of_its_route(start, mhomed):
    server = serve(start, mhomed)
    routed = ("127.0.0.1", server.port) if mhomed == "true" else ("127.0.0.2", server.second)
    with Agent(("127.0.0.2", server.second), "127.0.0.5") as caller, Agent(None, "127.0.0.5") as callee:
        for how in ("relay", "relay", "forward", "recorded", "forced"):
            caller.request("MESSAGE", callee.uri("x"), headers=["X-How: " + how])
            request = callee.expect("MESSAGE")
            wanted = ("127.0.0.2", server.second) if how == "forced" else routed
            assert request.source == wanted, (how, str(request))
            assert request.get("via").startswith("SIP/2.0/UDP %s:%d;" % wanted)
            hosts = [route.partition(";")[0] for route in request.all("record-route")]
            assert (hosts[:1] == ["<sip:%s:%d" % wanted]) == (how == "recorded"), str(request)
            callee.reply(request, 200, "OK", tag="b")
            # The reply goes back by where the request came in, unless nothing of that is kept.
            reply = caller.expect(200)
            assert reply.source == (routed if how == "forward" else ("127.0.0.2", server.second)), how


@pytest.mark.parametrize("mhomed", ["true", "false"])
def test_a_connection_begins_at_the_address_of_its_route(start, mhomed):
    first, second = free_port(), free_port("127.0.0.2")
    server = serve(start, mhomed, 'loadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\nsocket=tcp:127.0.0.2:%d\n' % (
        first, second))
    wanted = ("127.0.0.1", first) if mhomed == "true" else ("127.0.0.2", second)
    with StreamAgent(("127.0.0.2", second), "127.0.0.5") as caller, StreamAgent(None, "127.0.0.5") as callee:
        caller.request("MESSAGE", callee.uri("x"))
        request = callee.expect("MESSAGE")
        assert request.get("via").startswith("SIP/2.0/TCP %s:%d;" % wanted)
        callee.reply(request, 200, "OK", tag="b")
        caller.expect(200)


def test_an_address_that_nothing_listens_on_changes_nothing(start):
    """The route begins at 127.0.0.1, where this server has no listener."""
    second = free_port("127.0.0.3")
    server = start("waiting.cfg", address="127.0.0.2", ROUTE="route { t_relay(); }",
                   EXTRA="mhomed=yes\nsocket=udp:127.0.0.3:%d\n" % second)
    with Agent(("127.0.0.3", second), "127.0.0.5") as caller, Agent(None, "127.0.0.5") as callee:
        caller.request("MESSAGE", callee.uri("x"))
        request = callee.expect("MESSAGE")
        assert request.source == ("127.0.0.3", second)
        callee.reply(request, 200, "OK", tag="b")
        caller.expect(200)
    assert server.process.poll() is None


class SixAgent(Agent):
    """An end point on an IPv6 address."""

    def __init__(self, server, address):
        self.server = self.other = server
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port = self.socket.getsockname()[1]
        self.host = "[%s]" % address


def global_six():
    """An IPv6 address of this machine that is not loopback's or a link's, where it has one."""
    with open("/proc/net/if_inet6") as table:
        for line in table:
            address, _, _, scope = line.split()[:4]
            if scope == "00":
                return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
    return None


@pytest.mark.skipif(not socket.has_ipv6 or not global_six(), reason="a second IPv6 address is needed")
@pytest.mark.parametrize("mhomed", ["true", "false"])
def test_ipv6_too(start, mhomed):
    outer = global_six()
    first, second = free_port("::1"), free_port(outer)
    serve(start, mhomed, "socket=udp:[::1]:%d\nsocket=udp:[%s]:%d\n" % (first, outer, second))
    with SixAgent((outer, second), outer) as caller, SixAgent(None, "::1") as callee:
        caller.request("MESSAGE", callee.uri("x"))
        request = callee.expect("MESSAGE")
        assert request.get("via").startswith(
            "SIP/2.0/UDP [::1]:%d;" % first if mhomed == "true" else "SIP/2.0/UDP [%s]:%d;" % (outer, second))
        if mhomed == "true":
            callee.reply(request, 200, "OK", tag="b")
            caller.expect(200)
