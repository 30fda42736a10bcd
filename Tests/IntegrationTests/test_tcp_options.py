"""SIP over TCP: what the script and the command line may set, each seen on the wire or in the kernel."""
import os
import pathlib
import re
import select
import signal
import socket
import time

import pytest

from conftest import free_port, wait_for
from sip import Agent
from stream import Stream, StreamServer
from tcp_server import connections, flood, options, send_in_pieces, tcp  # noqa: F401 (fixture)


def kernel_timer(server, stream):
    """(kind, seconds left) of the timer that the kernel keeps for the server's end of a connection; 2 is keep-alive."""
    ends = ":%04X" % server.port, ":%04X" % stream.port
    for line in open("/proc/net/tcp").readlines()[1:]:
        _, local, remote, _, _, timer = line.split()[:6]
        if local.endswith(ends[0]) and remote.endswith(ends[1]):
            kind, left = timer.split(":")
            return int(kind, 16), int(left, 16) / 100
    pytest.fail("the kernel does not know the connection")


class TestKernel:
    @pytest.mark.parametrize("settings, seconds", [
        ("tcp_keepalive=no", None), ("tcp_keepidle=100", 100),
        ("tcp_keepalive=yes\ntcp_keepidle=30\ntcp_keepinterval=5\ntcp_keepcount=3", 30)])
    def test_keepalive(self, tcp, settings, seconds):
        server = tcp(GLOBAL=settings)
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.expect(200)
            wait_for(lambda: kernel_timer(server, stream)[0] != 1, "the kernel to have nothing to send again")
            kind, left = kernel_timer(server, stream)
            if seconds is None:
                assert kind == 0
            else:
                assert kind == 2 and seconds - 5 < left <= seconds

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a socket that sees packets")
    @pytest.mark.parametrize("way", ["core", "socket"])
    def test_type_of_service(self, tcp, way):
        """Of both ends that the server has: the one that it accepted and the one that it opened."""
        with StreamServer() as listener, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as packets:
            own = free_port()
            server = tcp(TCP_PORT=listener.port, GLOBAL="tos=0x68" if way == "core" else
                         "tos=0x10\nsocket=tcp:127.0.0.3:%d tos 0x68" % own,
                         ROUTE="" if way == "core" else '$socket_out = "tcp:127.0.0.3:%d";' % own)
            with Stream(server.tcp if way == "core" else ("127.0.0.3", own)) as stream:
                stream.send(stream.request("MESSAGE", "sip:tcp@%s" % server.name))
                with listener.accept() as callee:
                    found = {}
                    for _ in range(50):  # the socket sees all traffic of the machine, and may miss ours
                        callee.reply(callee.expect("MESSAGE"), 200)
                        stream.expect(200)
                        found |= self.types_of_service(packets, {stream.port, listener.port})
                        if len(found) == 2:
                            break
                        stream.send(stream.request("MESSAGE", "sip:tcp@%s" % server.name))
                    assert found == {stream.port: 0x68, listener.port: 0x68}

    @staticmethod
    def types_of_service(packets, ports):
        """{port: type} of what was sent to these ports and carries bytes, of the packets that wait."""
        found = {}
        for _ in range(5000):
            try:
                packet = packets.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            head = (packet[0] & 15) * 4
            target = int.from_bytes(packet[head + 2:head + 4], "big")
            if target in ports and len(packet) > head + (packet[head + 12] >> 4) * 4:
                found[target] = packet[1]
        return found


    @pytest.mark.parametrize("setting, taken", [("", 30), ("tcp_socket_backlog=2", 3)])
    def test_connections_that_nobody_has_accepted(self, tcp, setting, taken):
        """While the server stands still the kernel takes as many as the backlog says, and one."""
        server = tcp(GLOBAL=setting)
        os.kill(server.process.pid, signal.SIGSTOP)
        tasks = pathlib.Path("/proc/%d/task" % server.process.pid)
        wait_for(lambda: all(") T " in (task / "stat").read_text() for task in tasks.iterdir()), "each thread to stand still")
        waiting = [socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(30)]
        try:
            for one in waiting:
                one.connect_ex(server.tcp)
            time.sleep(0.3)
            ready = select.select([], waiting, [], 0)[1]
            assert len(ready) == taken
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
            for one in waiting:
                one.close()
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server))
            stream.expect(200)


class TestProcesses:
    PID = 'if (is_method("OPTIONS")) { append_to_reply("X-Process: $pp\\r\\n"); }'

    @pytest.mark.parametrize("parallel", [0, 1])
    def test_messages_of_one_connection(self, tcp, parallel):
        """One process takes them all in order; with tcp_parallel_handling each goes to the next."""
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_parallel_handling", %d)' % parallel, ROUTE=self.PID)
        with Stream(server.tcp) as stream:
            stream.send("".join(options(stream, server, cseq=n) for n in range(1, 41)))
            replies = [stream.expect(200) for _ in range(40)]
        own = {str(p["PID"]) for p in server.processes("TCP receiver")}
        taken = {r.get("x-process") for r in replies}
        assert len(own) == 2 and taken <= own and len(taken) == (2 if parallel else 1)
        order = [int(r.get("cseq").split()[0]) for r in replies]
        assert sorted(order) == list(range(1, 41)) and (parallel or order == sorted(order))

    def test_what_can_not_be_read_is_answered_behind_what_another_process_handles(self, tcp):
        """With tcp_parallel_handling too: whoever refuses it closes the connection, which is not yet the end for the others."""
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_parallel_handling", 1)', ROUTE="""if ($rU == "busy") { $var(i) = 0;
                     while ($var(i) < 5000) { $var(x) = $(mb{s.sha512}); $var(i) = $var(i) + 1; }
                     send_reply(200, "OK"); exit; }""")
        for _ in range(4):
            with Stream(server.tcp) as stream:
                stream.send(stream.request("OPTIONS", "sip:busy@" + server.name) + options(stream, server, length=False))
                stream.expect(200, 20)
                stream.expect(400)
                assert stream.closed()


class TestLimits:
    def test_connections_that_the_server_opens(self, tcp):
        """One more than tcp_max_opened_connections: sending fails; over those that are open it does not."""
        with StreamServer() as one, StreamServer() as two, Agent(None) as caller:
            server = tcp(EXTRA='modparam("proto_tcp", "tcp_max_opened_connections", 1)', UDP_PORT=9,
                         ROUTE='if ($rU =~ "^port") { $du = "sip:127.0.0.1:" + $(rU{s.substr,4,0}) + ";transport=tcp"; }')
            caller.server = ("127.0.0.1", server.port)
            callee = None
            for listener, status in ((one, 200), (two, 500), (one, 200)):
                caller.request("MESSAGE", "sip:port%d@%s" % (listener.port, server.name))
                if status == 200:
                    callee = callee or listener.accept()
                    callee.reply(callee.expect("MESSAGE"), 200)
                reply = caller.receive()
                while reply.status == 100:
                    reply = caller.receive()
                assert reply.status == status if status == 200 else reply.status in (477, 500, 503)
            assert len(connections(server)) == 1
            callee.close()

    def test_reads_of_one_message(self, tcp):
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_max_msg_chunks", 4)')
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server, body="x" * 100))
            stream.expect(200)
            text = options(stream, server, body="x" * 100)
            try:
                send_in_pieces(stream, server, text, 40)
            except ConnectionError:
                pass
            assert stream.closed()
        wait_for(lambda: server.statistic("tcp:message_timeouts") == 1, "the count")

    def test_messages_that_wait_for_a_slow_peer(self, tcp):
        server = tcp(EXTRA='modparam("proto_tcp", "tcp_async_max_postponed_chunks", 16)')
        with Stream(server.tcp, receive_buffer=4096) as stream:
            flood(stream, server)

    def test_more_than_a_process_takes_at_once(self, tcp):
        """Reading pauses while too many wait for their process, and all are answered in the end."""
        server = tcp(GLOBAL="max_while_loops=10000000", WORKERS=1, ROUTE="""if ($rU == "busy") {
                     $var(end) = $Ts + 2; while ($Ts < $var(end)) { $var(x) = $(mb{s.sha512}); } exit; }""")
        with Stream(server.tcp) as stream:
            # While it is busy until the second after the next begins, the rest comes in.
            stream.send(stream.request("OPTIONS", "sip:busy@" + server.name) + "".join(options(stream, server, cseq=n) for n in range(1, 1001)))
            assert [stream.expect(200, 20).get("cseq") for n in range(1, 1001)][-1].endswith("OPTIONS")
        assert server.statistic("tcp:read_pauses") > 0 and server.statistic("net:waiting_tcp") == 0

    @pytest.mark.parametrize("way", ["tcp", "udp"])
    def test_a_message_over_64_kib(self, tcp, way):
        """Over TCP it arrives whole; no datagram is that long, which its sender is told."""
        with StreamServer() as listener, Agent(None) as other:
            server = tcp(TCP_PORT=listener.port, UDP_PORT=other.port)
            with Stream(server.tcp) as caller:
                body = "0123456789" * 10_000
                caller.send(caller.request("MESSAGE", "sip:%s@%s" % (way, server.name), body=body,
                                           headers=["Content-Type: text/plain"]))
                if way == "udp":
                    reply = caller.receive()
                    while reply.status == 100:
                        reply = caller.receive()
                    assert reply.status in (477, 500, 503, 513)
                    return
                with listener.accept() as callee:
                    message = callee.expect("MESSAGE")
                    assert message.body == body
                    callee.reply(message, 200, body=body)
                    assert caller.expect(200).body == body


class TestBehindAMessage:
    @pytest.mark.parametrize("rubbish", ["GET / HTTP/1.1\r\n\r\n", "\0\0\0\0", "x" * 20_000], ids=["http", "zeros", "long-line"])
    def test_garbage_does_not_take_the_answer(self, tcp, rubbish):
        """What came in whole in front of it, in the same write, is answered; then the connection ends."""
        server = tcp()
        with Stream(server.tcp) as stream:
            stream.send("".join(options(stream, server, cseq=n) for n in range(1, 6)) + rubbish)
            assert [stream.expect(200).get("cseq") for _ in range(5)] == ["%d OPTIONS" % n for n in range(1, 6)]
            assert stream.closed()
        assert server.statistic("tcp:framing_faults") == 1

    def test_a_call_in_front_of_garbage(self, tcp):
        """An answer that is not there at once does not hold the connection up; it opens one to the Via's port."""
        with Agent(None) as callee, StreamServer() as listener:
            server = tcp(UDP_PORT=callee.port)
            with Stream(server.tcp) as caller:
                caller.send(caller.request("INVITE", "sip:udp@%s" % server.name, via_port=listener.port) + "\0\0\0")
                invite = callee.expect("INVITE")
                assert caller.closed()
            callee.reply(invite, 486, "Busy Here", tag="t")
            with listener.accept() as back:
                back.expect(486)


class TestSockets:
    def test_forced_socket(self, tcp):
        """A request leaves in the name of the listener that the script forces, over a connection of that listener."""
        second = free_port()
        with StreamServer() as listener, Agent(None) as caller:
            server = tcp(TCP_PORT=listener.port, GLOBAL="socket=tcp:127.0.0.2:%d" % second, ROUTE="""
                if ($rU == "tcpsecond") force_send_socket("tcp:127.0.0.2:%d");
                if ($rU == "tcpvariable") $socket_out = "tcp:127.0.0.2:%d";
                if ($rU == "tcpudp") $socket_out = $socket_in;
                """ % (second, second))
            caller.server = ("127.0.0.1", server.port)
            seen = {}
            for user in ("tcpfirst", "tcpsecond", "tcpvariable", "tcpudp"):
                caller.request("MESSAGE", "sip:%s@%s" % (user, server.name))
                if user in ("tcpfirst", "tcpsecond"):
                    callee = listener.accept()
                    seen[user] = callee, callee.socket.getpeername()[0]
                # A socket of UDP is no choice for TCP: the newest connection that leads there is taken.
                callee, address = seen.get(user) or seen["tcpsecond"]
                message = callee.expect("MESSAGE")
                via = re.match(r"SIP/2.0/TCP ([\d.]+:\d+);", message.get("via"))[1]
                expected = ("127.0.0.1", server.port) if user == "tcpfirst" else ("127.0.0.2", second)
                assert via == "%s:%d" % expected and address == expected[0], user
                callee.reply(message, 200)
                caller.expect(200)
            for callee, _ in seen.values():
                callee.close()

    def test_listeners_of_the_command_line(self, tcp):
        """-l takes the place of the script's sockets."""
        port = free_port()
        server = tcp(arguments=["-l", "tcp:127.0.0.1:%d" % port])
        with Stream(("127.0.0.1", port)) as stream:
            stream.send(options(stream, server))
            assert stream.expect(200).get("x-way").endswith("tcp:127.0.0.1:%d" % port)
        with pytest.raises(ConnectionRefusedError):
            Stream(server.tcp)

    def test_replies_that_may_not_open_a_connection(self, tcp):
        """tcp_no_new_conn_rplflag: the reply to a request whose connection is gone is lost, not sent elsewhere."""
        for flag in ("", 'setflag("STAY");'):
            with Agent(None) as callee, StreamServer() as listener:
                server = tcp(UDP_PORT=callee.port, GLOBAL='tcp_no_new_conn_rplflag = "STAY"', ROUTE=flag)
                with Stream(server.tcp) as caller:
                    caller.send(caller.request("INVITE", "sip:udp@%s" % server.name, via_port=listener.port))
                    invite = callee.expect("INVITE")
                wait_for(lambda: not connections(server), "the connection to end")
                callee.reply(invite, 486, "Busy Here", tag="t")
                callee.expect("ACK")
                if flag:
                    with pytest.raises(socket.timeout):
                        listener.accept(0.5)
                    assert server.statistic("tcp:opened_connections") == 0
                else:
                    with listener.accept() as back:
                        back.expect(486)
