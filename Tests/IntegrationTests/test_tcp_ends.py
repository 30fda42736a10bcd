"""Every end of a connection over TCP: told once (E_CORE_TCP_DISCONNECT), counted, and with its reason in the log."""
import contextlib
import re
import socket
import time

from conftest import free_port, wait_for
from sip import Agent
from stream import Stream, StreamServer
from tcp_server import connections, flood, options, send_in_pieces, tcp  # noqa: F401 (fixture)


def send(text):
    """Sends, though the server may close in between, and closes when the server has."""
    def action(stream, server):
        with contextlib.suppress(ConnectionError):
            stream.send(text(stream, server) if callable(text) else text)
        stream.closed(10)
        stream.close()
    return action


def in_pieces(stream, server):
    text = options(stream, server, body="x" * 100)
    with contextlib.suppress(ConnectionError):
        send_in_pieces(stream, server, text, 12)


ENDS = {
    "peer": (lambda stream, server: stream.close(), "closed by the peer", None),
    "peer in a message": (lambda stream, server: (stream.send(options(stream, server)[:60]), stream.close()), "closed by the peer",
                          None),
    "half open": (lambda stream, server: stream.socket.shutdown(socket.SHUT_WR), "closed by the peer", None),
    "idle": (lambda stream, server: None, "idle for too long", "tcp:idle_closed"),
    "garbage": (send(b"\x16\x03\x01\x02\x00\x01\r\n"), "what came is not SIP", "tcp:framing_faults"),
    "garbage behind a request": (send(lambda stream, server: options(stream, server) + "\0\0\0\0"), "what came is not SIP",
                                 "tcp:framing_faults"),
    "long first line": (send(b"OPTIONS sip:" + b"x" * 20_000), "the first line passes startLineBytesMax", "tcp:framing_faults"),
    "long head": (send(b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * 20_000), "the header fields pass headBytesMax",
                  "tcp:framing_faults"),
    "no length": (send(lambda stream, server: options(stream, server, length=False)), "a message without Content-Length",
                  "tcp:framing_faults"),
    "bad length": (send(lambda stream, server: options(stream, server, headers=["Content-Length: x"], length=False)),
                   "a Content-Length that is no number, or two that differ", "tcp:framing_faults"),
    "huge": (send(lambda stream, server: options(stream, server, headers=["Content-Length: 5000000"], length=False)),
             "a message that passes messageBytesMax", "tcp:framing_faults"),
    "never whole": (send(lambda stream, server: options(stream, server)[:60]), "a message did not come in whole in time",
                    "tcp:message_timeouts"),
    "in pieces": (in_pieces, "a message came in too many pieces", "tcp:message_timeouts"),
    "slow reader": (flood, "the peer takes too little of what is sent to it", "tcp:slow_readers"),
    "management": (lambda stream, server: server.mi("tcp:close", ipport=stream.name), "closed on demand", None),
    "script": (send(lambda stream, server: stream.request("OPTIONS", "sip:close@%s" % server.name)), "closed on demand", None)}


def test_every_end_is_told_with_its_reason(tcp, events):
    server = tcp(GLOBAL="tcp_connection_lifetime=5\ntcp_max_msg_time=3", ROUTE='if ($rU == "close") { tcp_close_conn(); exit; }',
                 EXTRA='modparam("proto_tcp", "tcp_max_msg_chunks", 24)\nmodparam("proto_tcp", "tcp_send_timeout", 500)')
    server.mi("core:log_level", level=4)
    server.subscribe(events, "E_CORE_TCP_DISCONNECT")
    for name, (action, words, figure) in ENDS.items():
        # A port may come again: only what is new counts.
        told, logged, before = len(events.all()), server.log_path.stat().st_size, server.statistic(figure) if figure else 0
        with Stream(server.tcp, receive_buffer=4096 if action is flood else None) as stream:
            wait_for(lambda: any(c["Source"] == stream.name for c in connections(server)), "the connection: " + name)
            action(stream, server)
            wait_for(lambda: len(events.all()) > told, "the end: " + name)
        assert events.all()[told:] == [{"src_ip": "127.0.0.1", "src_port": stream.port, "dst_ip": "127.0.0.1",
                                        "dst_port": server.port, "proto": "tcp"}], name

        def reasons():
            return re.findall(r"connection \d+ tcp:127\.0\.0\.1:%d \(accepted .*\) is closed: (.*)" % stream.port,
                              server.log_path.read_bytes()[logged:].decode(errors="replace"))

        wait_for(reasons, "the log: " + name)
        assert len(reasons()) == 1 and reasons()[0].startswith(words), (name, reasons())
        assert not figure or server.statistic(figure) == before + 1, name
    assert [c for c in connections(server) if c["Direction"] == "in"] == []


def test_a_refused_connection_is_told_to_the_log(tcp, events):
    """One that never was open is no disconnect."""
    server = tcp(TCP_PORT=free_port())
    server.subscribe(events, "E_CORE_TCP_DISCONNECT")
    with Agent(("127.0.0.1", server.port)) as caller:
        caller.request("MESSAGE", "sip:tcp@%s" % server.name)
        reply = caller.receive()
        while reply.status == 100:
            reply = caller.receive()
        assert reply.status >= 400
    # Told by the process of connections, perhaps behind the reply.
    wait_for(lambda: "could not be made: Connection refused" in server.tail(), "the line")
    assert server.statistic("tcp:connect_failures") == 1
    assert events.all() == []


class TestHalfOpen:
    def test_what_is_due_still_comes(self, tcp):
        """The peer sends no more, but waits for the answer to its request: the connection stays for that, hidden from others."""
        with Agent(None) as callee, Agent(None) as other:
            server = tcp(UDP_PORT=callee.port)
            other.server = ("127.0.0.1", server.port)
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:udp@%s" % server.name))
                invite = callee.expect("INVITE")
                caller.socket.shutdown(socket.SHUT_WR)
                wait_for(lambda: [c["State"] for c in connections(server)] != ["CONN_OK"], "the half of it to be gone")
                callee.reply(invite, 180, "Ringing", tag="t")
                caller.expect(180)
                assert len(connections(server)) == 1, "a provisional answer is not what it waits for"
                callee.reply(invite, 486, "Busy Here", tag="t")
                caller.expect(486)
                began = time.monotonic()
                assert caller.closed() and time.monotonic() - began < 3.5, "all is answered"

    def test_it_is_not_kept_for_ever(self, tcp):
        """Unanswered for 4 s: closed; the answer opens a connection then."""
        with Agent(None) as callee, StreamServer() as listener:
            server = tcp(UDP_PORT=callee.port)
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:udp@%s" % server.name, via_port=listener.port))
                invite = callee.expect("INVITE")
                callee.reply(invite, 180, "Ringing", tag="t")
                caller.expect(180)
                began = time.monotonic()
                caller.socket.shutdown(socket.SHUT_WR)
                assert caller.closed(10) and time.monotonic() - began > 3
            callee.reply(invite, 486, "Busy Here", tag="t")
            with listener.accept() as back:
                back.expect(486)
