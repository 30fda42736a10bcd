"""SIP over TCP: which connection a message takes, aliases, mixed transports, calls."""
import re
import socket
import time

import pytest

from conftest import free_port, wait_for
from sip import Agent, token
from stream import Stream, StreamServer
from tcp_server import connections, options, tcp  # noqa: F401 (fixture)


class TerseAgent(Agent):
    """An end point on UDP that says no Content-Length: the datagram ends the body."""

    def send(self, text, to=None):
        super().send(re.sub(r"Content-Length: \d+\r\n", "", text), to)


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

    def test_rport_and_received(self, tcp):
        """RFC 3581: the reply says where the request came from, and goes there."""
        server = tcp()
        with Stream(server.tcp) as stream:
            stream.send(options(stream, server, via_port=9, via_parameters=";rport"))
            via = stream.expect(200).get("via")
            assert ";rport=%d" % stream.port in via and ";received=127.0.0.1" in via

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
        """UDP caller, TCP callee: two Record-Routes the other way round, one connection for all, and requests of both sides."""
        with StreamServer() as listener, Agent(None) as caller:
            server = tcp(TCP_PORT=listener.port)
            caller.server = ("127.0.0.1", server.port)
            sent = caller.request("INVITE", "sip:tcp@%s" % server.name)
            with listener.accept() as callee:
                invite = callee.expect("INVITE")
                assert [r.partition(";ftag")[0] + ">" for r in invite.all("record-route")] == \
                    ["<sip:%s;transport=tcp;r2=on;lr>" % server.name, "<sip:%s;r2=on;lr>" % server.name]
                assert invite.all("via")[0].startswith("SIP/2.0/TCP ")
                callee.reply(invite, 200, tag="b")
                answer = caller.expect(200)
                routes = answer.all("record-route")
                assert routes == invite.all("record-route") and len(routes) == 2
                call = dict(call_id=sent["call_id"], from_tag=sent["from_tag"], to_tag="b")
                caller.request("ACK", answer.get("contact").strip("<>"), headers=["Route: " + r for r in reversed(routes)],
                               cseq=1, **call)
                assert callee.expect("ACK").all("route") == []
                # The callee ends the call over its connection; the caller has the BYE over UDP.
                callee.send(callee.request("BYE", invite.get("contact").strip("<>"), headers=["Route: " + r for r in routes],
                                           call_id=sent["call_id"], from_tag="b", to=";tag=" + sent["from_tag"], cseq=2))
                bye = caller.expect("BYE")
                assert bye.all("route") == [] and bye.all("via")[0].startswith("SIP/2.0/UDP 127.0.0.1:%d;" % server.port)
                caller.reply(bye, 200, "OK")
                callee.expect(200)
                caller.request("MESSAGE", "sip:tcp@%s" % server.name)
                callee.expect("MESSAGE")
                assert len(connections(server)) == 1, "the second request takes the same connection"

    def test_length_is_given_to_what_came_by_udp_without(self, tcp):
        """RFC 3261 §20.14: a datagram may leave Content-Length out, a stream may not. Requests, replies, with and without state."""
        with StreamServer() as listener, TerseAgent(None) as terse:
            server = tcp(TCP_PORT=listener.port, UDP_PORT=terse.port, ROUTE="""
                if ($rU == "tcpsend") { send("tcp:127.0.0.1:%d", "P-Sent: 1\r\n"); exit; }
                if ($rU == "tcpforward") { forward("tcp:127.0.0.1:%d"); exit; }
                if ($rU == "tcpremove") remove_hf("Content-Length");""" % (listener.port, listener.port))
            terse.server = ("127.0.0.1", server.port)
            terse.request("MESSAGE", "sip:tcp@%s" % server.name, body="hello")
            with listener.accept() as stream:
                # The agent of the stream refuses what says no length, or another than that of the body.
                request = stream.expect("MESSAGE")
                assert request.body == "hello" and request.all("content-length") == ["5"]
                stream.reply(request, 200)
                terse.expect(200)
                for user in ("tcpsend", "tcpforward"):
                    terse.request("OPTIONS", "sip:%s@%s" % (user, server.name))
                    request = stream.expect("OPTIONS")
                    assert request.all("content-length") == ["0"] and len(request.all("p-sent")) == (user == "tcpsend")
                with Agent(terse.server) as plain:
                    plain.request("MESSAGE", "sip:tcpremove@%s" % server.name, body="hello")
                    assert stream.expect("MESSAGE").all("content-length") == ["5"]
            with Stream(server.tcp) as caller:
                caller.send(caller.request("MESSAGE", "sip:udp@%s" % server.name))
                terse.reply(terse.expect("MESSAGE"), 200, "OK", tag="b", body="done")
                assert caller.expect(200).body == "done"

    def test_own_route_without_transport_is_udp(self, tcp):
        """Two listeners on one port, TCP first: the BYE leaves from the UDP one, as the second own Route says."""
        second = free_port()
        with Agent(None) as caller, Agent(None) as callee:
            server = tcp(GLOBAL="socket=tcp:127.0.0.1:%d\nsocket=udp:127.0.0.1:%d" % (second, second))
            caller.server = ("127.0.0.1", server.port)
            routes = ["Route: <sip:%s;r2=on;lr>" % server.name, "Route: <sip:127.0.0.1:%d;r2=on;lr>" % second]
            caller.request("BYE", "sip:callee@%s" % callee.name, headers=routes, to_tag="b")
            bye = callee.expect("BYE")
            assert bye.all("route") == [] and bye.source == ("127.0.0.1", second)
            assert bye.get("via").startswith("SIP/2.0/UDP 127.0.0.1:%d;" % second)

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
            server = tcp(UDP_PORT=second.port, TCP_PORT=free_port())
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
                started = time.monotonic()
                caller.send(caller.request("INVITE", "sip:tcpfailover@%s" % server.name))
                second.expect("INVITE")
                assert 0.2 < time.monotonic() - started < 4
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


class TestCalls:
    @pytest.mark.parametrize("caller, callee, calls", [
        ("t1", "t1", 1000), ("tn", "t1", 1000), ("t1", "u1", 200), ("u1", "t1", 200)])
    def test_calls(self, tcp, sipp, caller, callee, calls):
        """200 calls a second, none fails: over one connection or one for each call, mixed with UDP."""
        port = free_port()
        server = tcp(UDP_PORT=port, TCP_PORT=port, GLOBAL="open_files_limit=4096")
        answering = sipp("uas_call", port=port, calls=None, arguments=["-t", callee])
        calling = sipp("uac_call", server.name, calls=calls, rate=200, port=free_port(),
                       arguments=["-t", caller, "-s", "tcp" if callee[0] == "t" else "udp", "-max_socket", "2000"])
        calling.finish()
        assert answering.process.poll() is None
        assert server.statistic("tm:2xx_transactions") == 2 * calls
        assert server.statistic("tcp:send_failures") == server.statistic("tcp:framing_faults") == 0
        wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "the transactions to end", timeout=20)

    @pytest.mark.parametrize("version", ["127.0.0.1", "::1"])
    def test_a_call_from_end_to_end(self, tcp, version):
        """Each message of a call over TCP on both sides, by IPv4 and IPv6, and the callee ends it."""
        with StreamServer(version) as listener:
            server = tcp(address=version, TCP_PORT=listener.port)
            with Stream(server.tcp) as caller:
                call = dict(call_id=token("c"), from_tag="a")
                caller.send(caller.request("INVITE", "sip:tcp@%s" % server.name, **call))
                with listener.accept() as callee:
                    invite = callee.expect("INVITE")
                    assert invite.all("via")[0].startswith("SIP/2.0/TCP %s;" % server.name)
                    callee.reply(invite, 180, "Ringing", tag="b")
                    caller.expect(180)
                    callee.reply(invite, 200, tag="b")
                    route = ["Route: " + r for r in caller.expect(200).all("record-route")]
                    assert len(route) == 1 and server.name in route[0]
                    target = "sip:callee@%s:%d;transport=tcp" % (callee.uri_host, listener.port)
                    caller.send(caller.request("ACK", target, headers=route, to=";tag=b", **call))
                    assert callee.expect("ACK").all("route") == []
                    callee.send(callee.request(
                        "BYE", invite.get("contact").strip("<>"), headers=route, call_id=call["call_id"], from_tag="b",
                        to=";tag=a", cseq=2))
                    caller.reply(caller.expect("BYE"), 200)
                    callee.expect(200)
                    assert len(connections(server)) == 2
