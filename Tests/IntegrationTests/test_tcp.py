"""SIP over TCP: framing, reuse of connections, limits, calls over mixed transports, management and events."""
import socket
import threading
import time

import pytest

from conftest import HERE, free_port, sessions, wait_for
from sip import Agent, Message, token
from stream import Stream, StreamServer


@pytest.fixture
def tcp(start):
    """Starts a server of cfg/tcp.cfg."""

    def make(**values):
        address = values.get("address", "127.0.0.1")
        host = "[%s]" % address if ":" in address else address
        values = {"UDP_PORT": 9, "TCP_PORT": 9, "GLOBAL": "", "REGISTER": "", **values, "address": host}
        server = start("tcp.cfg", port=free_port(address), **values)
        server.host = address
        server.name = "%s:%d" % (host, server.port)
        server.tcp = (address, server.port)
        return server

    return make


def connections(server):
    return server.mi("tcp:list")["Connections"]


def options(stream, server, **more):
    return stream.request("OPTIONS", "sip:%s;transport=tcp" % server.name, **more)


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
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server, headers=header, length=what == "doubled"))
            stream.expect(status)
            assert stream.closed()
        assert server.statistic("tcp:framing_faults") == 1

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
        assert server.statistic("tcp:message_timeouts") == 1


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

    def test_idle_life(self, tcp):
        server = tcp(GLOBAL="tcp_connection_lifetime=1")
        with Stream(server.tcp) as stream:
            assert stream.closed(4)
        assert server.statistic("tcp:idle_closed") == 1

    def test_slow_reader_is_cut(self, tcp):
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_send_timeout", 500)')
        with Stream(server.tcp, receive_buffer=4096) as stream:
            text = options(stream, server, headers=["X-Fill: " + "x" * 4000] + [
                "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK" + "y" * 4000]) * 20
            stream.socket.settimeout(1)
            with pytest.raises(OSError):
                for _ in range(2000):
                    stream.send(text)
            wait_for(lambda: server.statistic("tcp:slow_readers") == 1, "the slow reader to be cut")
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

    def test_a_thousand_idle_connections(self, tcp):
        server = tcp(GLOBAL="open_files_limit=4096")
        streams = [Stream(server.tcp) for _ in range(1000)]
        wait_for(lambda: server.statistic("tcp:open_connections") == 1000, "a thousand connections")
        for stream in (streams[0], streams[500], streams[999]):
            stream.send(options(stream, server))
            stream.expect(200)
        for stream in streams:
            stream.close()
        wait_for(lambda: server.statistic("tcp:open_connections") == 0, "all to end")

    def test_a_listener_needs_its_module(self, start):
        text = (HERE / "cfg" / "tcp.cfg").read_text().replace('loadmodule "proto_tcp.so"', "")
        server = start(text, wait=False, UDP_PORT=9, TCP_PORT=9, GLOBAL="", REGISTER="")
        assert server.process.wait(10) != 0
        assert "no transport protocol loaded for tcp" in server.tail()
        server.stop = lambda: None


class TestRouting:
    def test_reply_goes_back_over_the_connection(self, tcp):
        """The Via names a port where nobody listens; the replies come over the connection all the same."""
        with Agent(None) as callee:
            server = tcp(UDP_PORT=callee.port)
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:udp@%s" % server.name, via_port=9))
                invite = callee.expect("INVITE")
                vias = invite.all("via")
                assert vias[0].startswith("SIP/2.0/UDP 127.0.0.1:%d;" % server.port)
                assert vias[1].startswith("SIP/2.0/TCP 127.0.0.1:9;")
                callee.reply(invite, 180, "Ringing", tag="t")
                callee.reply(invite, 200, "OK", tag="t", headers=["Contact: <sip:me@%s>" % callee.name])
                caller.expect(180)
                caller.expect(200)

    def test_reply_opens_a_connection_when_the_first_is_gone(self, tcp):
        with Agent(None) as callee, StreamServer() as listener:
            server = tcp(UDP_PORT=callee.port)
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:udp@%s" % server.name, via_port=listener.port))
                invite = callee.expect("INVITE")
            wait_for(lambda: not connections(server), "the connection to end")
            callee.reply(invite, 486, "Busy Here", tag="t")
            with listener.accept() as back:
                assert back.expect(486)

    def test_double_record_route(self, tcp):
        """TCP caller, UDP callee: both listeners are in the route set, and requests of both sides find their way."""
        with Agent(None) as callee:
            server = tcp(UDP_PORT=callee.port)
            with Stream(server.tcp) as caller:
                call = dict(call_id=token("c"), from_tag="a")
                caller.send(caller.request("INVITE", "sip:udp@%s" % server.name, **call))
                invite = callee.expect("INVITE")
                routes = [r.replace(";ftag=a", "") for r in invite.all("record-route")]
                assert routes == ["<sip:%s;r2=on;lr>" % server.name, "<sip:%s;transport=tcp;r2=on;lr>" % server.name]
                contact = "Contact: <sip:callee@%s>" % callee.name
                callee.reply(invite, 200, "OK", tag="b", headers=[contact])
                answer = caller.expect(200)
                assert [r.replace(";ftag=a", "") for r in answer.all("record-route")] == routes
                route = ["Route: " + r for r in reversed(routes)]
                caller.send(caller.request("ACK", "sip:callee@%s" % callee.name, headers=route, to=";tag=b", **call))
                ack = callee.expect("ACK")
                assert ack.all("route") == []
                # The callee ends the call: over UDP to the first route, to the caller over its connection.
                target = invite.get("contact").strip("<>")
                callee.request("BYE", target, headers=["Route: " + r for r in routes], call_id=call["call_id"],
                               from_tag="b", to_tag="a", cseq=2, destination=("127.0.0.1", server.port))
                bye = caller.expect("BYE")
                assert bye.all("via")[0].startswith("SIP/2.0/TCP 127.0.0.1:%d;" % server.port)
                caller.reply(bye, 200)
                callee.expect(200)

    def test_udp_to_tcp(self, tcp):
        with StreamServer() as listener, Agent(None) as caller:
            server = tcp(TCP_PORT=listener.port)
            caller.server = ("127.0.0.1", server.port)
            caller.request("INVITE", "sip:tcp@%s" % server.name)
            with listener.accept() as callee:
                invite = callee.expect("INVITE")
                assert [r.partition(";ftag")[0] + ">" for r in invite.all("record-route")] == \
                    ["<sip:%s;transport=tcp;r2=on;lr>" % server.name, "<sip:%s;r2=on;lr>" % server.name]
                assert invite.all("via")[0].startswith("SIP/2.0/TCP ")
                callee.reply(invite, 200, tag="b")
                caller.expect(200)
                caller.request("MESSAGE", "sip:tcp@%s" % server.name)
                callee.expect("MESSAGE")
                assert len(connections(server)) == 1, "the second request takes the same connection"

    def test_register_and_call_back(self, tcp):
        """A client behind a NAT: its contact is its end of the connection, and calls come over that."""
        server = tcp()
        with Stream(server.tcp) as phone, Stream(server.tcp) as caller:
            phone.send(phone.request("REGISTER", "sip:%s" % server.name, to="").replace(
                "To: <sip:%s>" % server.name, "To: <sip:user1@%s>" % server.name))
            phone.expect(200)
            caller.send(caller.request("INVITE", "sip:user1@%s" % server.name))
            invite = phone.expect("INVITE")
            assert invite.uri == "sip:me@%s;transport=tcp" % phone.name
            phone.reply(invite, 486, "Busy Here")
            caller.expect(486)
            assert len(connections(server)) == 2

    def test_connection_of_a_registration_is_kept(self, tcp):
        server = tcp(GLOBAL="tcp_connection_lifetime=1", REGISTER='setflag("KEEP");',
                     EXTRA='modparam("registrar", "tcp_persistent_flag", "KEEP")')
        with Stream(server.tcp) as phone, Stream(server.tcp) as idle:
            phone.send(phone.request("REGISTER", "sip:%s" % server.name).replace(
                "To: <sip:%s>" % server.name, "To: <sip:user1@%s>" % server.name))
            phone.expect(200)
            assert idle.closed(4)
            wait_for(lambda: [c["Source"] for c in connections(server)] == [phone.name], "the kept one alone")

    def test_alias(self, tcp):
        """RFC 5923: requests to the port of the Via go over the connection that said so."""
        server = tcp(GLOBAL="tcp_accept_aliases=yes", TCP_PORT=9)
        with Stream(server.tcp) as proxy, Agent(("127.0.0.1", server.port)) as caller:
            proxy.send(options(proxy, server, via_port=9, via_parameters=";alias"))
            proxy.expect(200)
            assert connections(server)[0]["Alias port"] == 9
            caller.request("MESSAGE", "sip:tcp@%s" % server.name)
            proxy.expect("MESSAGE")

    def test_forced_alias_and_close(self, tcp):
        server = tcp(TCP_PORT=9, ROUTE="""
            if ($rU == "alias") { force_tcp_alias(9); send_reply(200, "OK"); exit; }
            if ($rU == "close") { tcp_close_conn(); exit; }""")
        with Stream(server.tcp) as proxy, Agent(("127.0.0.1", server.port)) as caller:
            proxy.send(proxy.request("OPTIONS", "sip:alias@%s" % server.name))
            proxy.expect(200)
            caller.request("MESSAGE", "sip:tcp@%s" % server.name)
            proxy.expect("MESSAGE")
            proxy.send(proxy.request("OPTIONS", "sip:close@%s" % server.name))
            assert proxy.closed()

    def test_refused_connection_fails_over(self, tcp):
        with Agent(None) as second:
            server = tcp(UDP_PORT=second.port, TCP_PORT=free_port(kind=socket.SOCK_STREAM))
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:tcpfailover@%s" % server.name))
                invite = second.expect("INVITE")
                second.reply(invite, 486, "Busy Here", tag="t")
                caller.expect(486)
                caller.send(caller.request("INVITE", "sip:tcp@%s" % server.name))
                caller.expect(500)

    def test_connect_timeout_fails_over(self, tcp):
        """A peer whose backlog is full: the connection is never made."""
        with Agent(None) as second, StreamServer(backlog=0) as dead:
            fill = [socket.socket() for _ in range(4)]
            for one in fill:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", dead.port))
            server = tcp(UDP_PORT=second.port, TCP_PORT=dead.port, GLOBAL="tcp_connect_timeout=300")
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:tcpfailover@%s" % server.name))
                started = time.monotonic()
                second.expect("INVITE")
                assert 0.2 < time.monotonic() - started < 2.5
            assert server.statistic("tcp:connect_failures") == 1
            for one in fill:
                one.close()

    def test_peer_restarts(self, tcp):
        listener = StreamServer()
        server = tcp(TCP_PORT=listener.port)
        with Agent(("127.0.0.1", server.port)) as caller:
            caller.request("MESSAGE", "sip:tcp@%s" % server.name)
            with listener.accept() as first:
                first.reply(first.expect("MESSAGE"), 200)
                caller.expect(200)
            wait_for(lambda: not connections(server), "the connection to end")
            caller.request("MESSAGE", "sip:tcp@%s" % server.name)
            with listener.accept() as second:
                second.reply(second.expect("MESSAGE"), 200)
                caller.expect(200)
        listener.close()

    def test_no_new_connection(self, tcp):
        with StreamServer() as listener:
            server = tcp(TCP_PORT=listener.port, GLOBAL='tcp_no_new_conn_bflag = "REUSE"',
                         ROUTE='if (is_method("MESSAGE")) setbflag("REUSE");')
            with Agent(("127.0.0.1", server.port)) as caller:
                caller.request("MESSAGE", "sip:tcp@%s" % server.name)
                caller.expect(477)
            assert connections(server) == []

    def test_ipv6(self, tcp):
        server = tcp(address="::1")
        with Stream(("::1", server.port)) as stream:
            stream.send(options(stream, server))
            assert stream.expect(200).get("x-way") == \
                "TCP ::1:%d tcp:[::1]:%d" % (stream.port, server.port)
            listed = connections(server)
            assert listed[0]["Source"] == "[::1]:%d" % stream.port


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


class TestCalls:
    @pytest.mark.parametrize("caller, callee", [("t1", "t1"), ("t1", "u1"), ("u1", "t1"), ("tn", "t1")])
    def test_calls(self, tcp, sipp, caller, callee):
        kind = socket.SOCK_STREAM if callee[0] == "t" else socket.SOCK_DGRAM
        port = free_port(kind=kind)
        server = tcp(UDP_PORT=port, TCP_PORT=port)
        answering = sipp("uas_call", port=port, calls=None, arguments=["-t", callee])
        calling = sipp("uac_call", server.name, calls=200, rate=200, port=free_port(kind=socket.SOCK_STREAM),
                       arguments=["-t", caller, "-s", "tcp" if callee[0] == "t" else "udp", "-max_socket", "500"])
        calling.finish()
        assert answering.process.poll() is None
        wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "the transactions to end", timeout=20)
