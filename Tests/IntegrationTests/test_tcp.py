"""SIP over TCP: framing, limits, management and records."""
import os
import socket

import pytest

from conftest import HERE, sessions, wait_for
from stream import Stream
from tcp_server import connections, flood, options, tcp  # noqa: F401 (fixture)


class TestFraming:
    def test_options(self, tcp):
        server = tcp()
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            reply = stream.expect(200)
            assert reply.get("x-way") == "TCP 127.0.0.1:%d tcp:127.0.0.1:%d" % (stream.port, server.port)
            stream.send(options(stream, server), by=1)
            stream.expect(200)
            stream.send("".join(options(stream, server, cseq=n) for n in range(1, 51)))
            assert [stream.expect(200).get("cseq") for n in range(1, 51)] == \
                ["%d OPTIONS" % n for n in range(1, 51)], "in order on one connection"
            text = options(stream, server, body="x" * 200_000)
            stream.send(text, by=7_001)
            stream.expect(200)
        assert [p["Type"] for p in server.processes("TCP")] == ["TCP receiver"] * 2
        assert server.statistic("tcp:received_messages") == 53

    def test_keepalives(self, tcp):
        server = tcp()
        with Stream(server.tcp) as stream:
            stream.send("\r\n\r\n")
            assert stream.socket.recv(100) == b"\r\n"
            stream.send("\r\n" + options(stream, server))
            stream.expect(200)
            stream.send("\r\n\r\n", by=1)
            assert stream.socket.recv(100) == b"\r\n"
        assert server.statistic("tcp:keepalives") == 2

    def test_pings_may_stay_unanswered(self, tcp):
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_crlf_pingpong", 0)')
        with Stream(server.tcp) as stream:
            stream.send("\r\n\r\n" + options(stream, server))
            assert stream.socket.recv(1) == b"S"

    @pytest.mark.parametrize("what, status", [
        ("missing", 400), ("doubled", 400), ("letters", 400), ("huge", 513)])
    def test_unknown_end_is_answered_and_closed(self, tcp, what, status):
        server = tcp()
        header = {"missing": (), "doubled": ("Content-Length: 4",), "letters": ("Content-Length: abc",),
                  "huge": ("Content-Length: 5000000",)}[what]
        for ends in (False, True, True, True):  # Whether the peer says at once that it sends no more.
            with Stream(server.tcp) as stream:
                stream.send(options(stream, server, headers=header, length=what == "doubled"))
                if ends:
                    stream.socket.shutdown(socket.SHUT_WR)
                stream.expect(status)
                assert stream.closed()
        assert server.statistic("tcp:framing_faults") == 4

    @pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\0" * 100,
                                         b"x" * 20_000, b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * 20_000],
                             ids=["http", "tls", "zeros", "long-line", "long-head"])
    def test_garbage_is_closed(self, tcp, rubbish):
        server = tcp()
        with Stream(server.tcp) as stream:
            try:
                stream.send(rubbish)
            except ConnectionError:
                pass
            assert stream.closed()
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.expect(200)
        wait_for(lambda: not connections(server), "no connection to be left")

    def test_content_length_that_lies(self, tcp):
        server = tcp(GLOBAL="tcp_max_msg_time=1")
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server, headers=("Content-Length: 2",), length=False, body="too much\r\n"))
            assert stream.closed(), "the rest is no message"
        assert server.statistic("tcp:received_messages") == 1 and server.statistic("tcp:framing_faults") == 1
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server, headers=("Content-Length: 20",), length=False, body="too little"))
            assert stream.closed(), "never whole"
        wait_for(lambda: server.statistic("tcp:message_timeouts") == 1, "the count")


class TestLimits:
    def test_accepted_connections(self, tcp):
        server = tcp(GLOBAL="tcp_max_connections=3")
        open_ones = [Stream(server.tcp) for _ in range(3)]
        wait_for(lambda: len(connections(server)) == 3, "three connections")
        with Stream(server.tcp) as one_more:
            assert one_more.closed()
        assert server.statistic("tcp:refused_connections") == 1
        open_ones.pop().close()
        wait_for(lambda: len(connections(server)) == 2, "one to end")
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.expect(200)
        for stream in open_ones:
            stream.close()

    def test_idle_life(self, tcp, events):
        server = tcp(GLOBAL="tcp_connection_lifetime=1")
        server.subscribe(events, "E_CORE_TCP_DISCONNECT")
        with Stream(server.tcp) as stream:
            assert stream.closed(4)
        wait_for(lambda: server.statistic("tcp:idle_closed") == 1, "the count")
        with Stream(server.tcp) as other:
            other.send("\r\n\r\n")
        wait_for(lambda: [e["src_port"] for e in events.all()] == [stream.port, other.port], "both to be told")

    def test_slow_reader_is_cut(self, tcp):
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_send_timeout", 500)')
        with Stream(server.tcp, receive_buffer=4096) as stream:
            flood(stream, server)
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.expect(200)

    def test_half_open(self, tcp):
        server = tcp()
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.socket.shutdown(socket.SHUT_WR)
            stream.expect(200)
            assert stream.closed(10)
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server)[:50])
            stream.socket.shutdown(socket.SHUT_WR)
            assert stream.closed(), "what is missing will never come"

    def test_a_thousand_connections(self, tcp):
        """All are answered; one more than may be is closed, and counted. They leave nothing: descriptors, memory."""
        server = tcp(GLOBAL="open_files_limit=4096\ntcp_max_connections=1000")

        def round_of_all():
            streams = [Stream(server.tcp) for _ in range(1000)]
            wait_for(lambda: server.statistic("tcp:open_connections") == 1000, "a thousand connections")
            for stream in streams:
                stream.send(options(stream, server))
            for stream in streams:
                stream.expect(200)
            with Stream(server.tcp) as one_more:
                assert one_more.closed()
            held = descriptors()
            for stream in streams:
                stream.close()
            wait_for(lambda: server.statistic("tcp:open_connections") == 0, "all to end")
            return held

        def descriptors():
            return len(os.listdir("/proc/%d/fd" % server.process.pid))

        def allocated():
            return server.statistic("memory:allocated_bytes")

        before = descriptors()
        assert round_of_all() == before + 2000, "each has a second one, for SIP processes to write to"
        base = allocated()
        round_of_all()
        wait_for(lambda: descriptors() == before, "the descriptors to be closed")
        wait_for(lambda: allocated() - base < 256 << 10, "memory to go back to its base", timeout=20)
        assert server.statistic("tcp:refused_connections") == 2 and "is refused: 1000 are open" in server.tail()
        assert server.statistic("tcp:sent_directly") > 0

    def test_a_listener_needs_its_module(self, start):
        text = (HERE / "cfg" / "tcp.cfg").read_text().replace('loadmodule "proto_tcp.so"', "")
        server = start(text, wait=False, UDP_PORT=9, TCP_PORT=9, GLOBAL="", REGISTER="")
        assert server.process.wait(10) != 0
        assert "no transport protocol loaded for tcp" in server.tail()
        server.stop = lambda: None


class TestManagement:
    def test_list_close_and_event(self, tcp, events):
        server = tcp()
        server.subscribe(events, "E_CORE_TCP_DISCONNECT")
        with Stream(server.tcp) as one, Stream(server.tcp) as two:
            wait_for(lambda: len(connections(server)) == 2, "two connections")
            listed = {c["Source"]: c for c in connections(server)}
            entry = listed[one.name]
            assert entry["Type"] == "tcp" and entry["State"] == "CONN_OK" and entry["Direction"] == "in"
            assert entry["Destination"] == server.name and "Alias port" not in entry
            assert server.mi("list_tcp_conns") is not None
            assert server.mi("tcp:list", proto="tls")["Connections"] == []
            assert server.mi("tcp:close", ipport=one.name) == "OK"
            assert one.closed()
            assert server.mi("tcp:close", ipport=str(listed[two.name]["ID"])) == "OK"
            assert two.closed()
            wait_for(lambda: len(events.all("E_CORE_TCP_DISCONNECT")) == 2, "two events")
            event = next(e for e in events.all() if e["src_port"] == one.port)
            assert event == {"src_ip": "127.0.0.1", "src_port": one.port, "dst_ip": "127.0.0.1",
                             "dst_port": server.port, "proto": "tcp"}
            reply = server.mi_call("tcp:close", {"ipport": "127.0.0.1:1"})
            assert reply["error"]["code"] == 404

    def test_records(self, tcp, events):
        server = tcp()
        server.subscribe(events, "E_PROFILING_PROC")
        server.mi("profiling_proc", level=1)
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.expect(200)
        wait_for(lambda: any(r["name"] == "TCP receiver" and r["verb"] == "end" for r in events.all()), "the session")
        events.settle()
        found = [s for s in sessions(events.all("E_PROFILING_PROC")).values() if s[0]["name"] == "TCP receiver"]
        assert len(found) == 1 and all(r["type"] == 2 for r in found[0])
        assert [(r["verb"], r["name"]) for r in found[0]][:4] == [
            ("start", "TCP receiver"), ("enter", "tcp proto reading"), ("enter", "receive_msg"),
            ("enter", "request_script")]
        assert [r["name"] for r in found[0]][-3:] == ["receive_msg", "reading done", "TCP receiver"]
