"""RFC 3263 over the wire: NAPTR and SRV records choose TCP, the port and the order of destinations."""
import pytest

from conftest import free_port, wait_for
from dns_server import NameServer
from sip import Agent
from stream import StreamServer
from tcp_server import connections, tcp  # noqa: F401 (fixture)

HOST = {("host.test", "A"): ["127.0.0.1"]}
ROUTE = 'if ($rU == "go") { t_relay(); exit; }'


def test_srv_of_tcp(tcp):
    """`;transport=tcp` without a port asks for _sip._tcp; NAPTR is not asked (RFC 3263 §4.1)."""
    with StreamServer() as listener, Agent(None) as caller, NameServer({
            ("_sip._tcp.srv.test", "SRV"): [(1, 1, listener.port, "host.test")], **HOST}) as names:
        server = tcp(ROUTE=ROUTE, arguments=["--dns-server", names.name])
        caller.server = ("127.0.0.1", server.port)
        caller.request("MESSAGE", "sip:go@srv.test;transport=tcp")
        with listener.accept() as callee:
            message = callee.expect("MESSAGE")
            assert message.get("via").startswith("SIP/2.0/TCP ") and message.uri == "sip:go@srv.test;transport=tcp"
            callee.reply(message, 200)
            caller.expect(200)
        assert ("_sip._tcp.srv.test", "SRV") in names.asked and not any(k == "NAPTR" for _, k in names.asked)


@pytest.mark.parametrize("first", ["tcp", "udp"])
def test_naptr_chooses_the_transport(tcp, first):
    """The lower order wins: the same name is reached over TCP or over UDP."""
    order = (10, 20) if first == "tcp" else (20, 10)
    with StreamServer() as listener, Agent(None) as datagrams, Agent(None) as caller, NameServer({
            ("naptr.test", "NAPTR"): [(order[0], 1, "s", "SIP+D2T", "_sip._tcp.there.test"),
                                      (order[1], 1, "s", "SIP+D2U", "_sip._udp.there.test")],
            ("_sip._tcp.there.test", "SRV"): [(1, 1, listener.port, "host.test")],
            ("_sip._udp.there.test", "SRV"): [(1, 1, datagrams.port, "host.test")], **HOST}) as names:
        server = tcp(ROUTE=ROUTE, arguments=["--dns-server", names.name])
        caller.server = ("127.0.0.1", server.port)
        caller.request("MESSAGE", "sip:go@naptr.test")
        if first == "tcp":
            with listener.accept() as callee:
                callee.reply(callee.expect("MESSAGE"), 200)
                caller.expect(200)
        else:
            datagrams.reply(datagrams.expect("MESSAGE"), 200, "OK", tag="t")
            caller.expect(200)
            assert connections(server) == []


def test_a_refusal_goes_to_the_next_record(tcp):
    """Where nobody listens at the first of two SRV records, the second is tried at once."""
    nobody = free_port()
    with StreamServer() as listener, Agent(None) as caller, NameServer({
            ("_sip._tcp.two.test", "SRV"): [(1, 1, nobody, "host.test"), (2, 1, listener.port, "host.test")],
            **HOST}) as names:
        server = tcp(ROUTE=ROUTE, arguments=["--dns-server", names.name])
        caller.server = ("127.0.0.1", server.port)
        caller.request("INVITE", "sip:go@two.test;transport=tcp")
        with listener.accept() as callee:
            callee.reply(callee.expect("INVITE"), 486, "Busy Here")
            caller.expect(486)
        wait_for(lambda: server.statistic("tcp:connect_failures") == 1, "the count")
