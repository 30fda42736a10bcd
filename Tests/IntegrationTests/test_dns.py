"""Destinations that are names: RFC 3263 over the wire, and scripts that wait for a name server hold up nobody."""
import socket
import statistics
import subprocess
import time

import pytest

from conftest import SIPRAY, best_of, free_port, seconds, wait_for
from dns_server import NameServer
from sip import Agent

RELAY = """
    route {
        if ($rm == "OPTIONS") { send_reply(200, "OK"); exit; }
        t_relay("0x02");
        if ($rc > 0) exit;
        append_to_reply("X-Result: $rc\\r\\n");
        send_reply(404, "No such place");
    }
    """


def serve(start, names, **values):
    return start("waiting.cfg", arguments=("--dns-server", names.name), **{"ROUTE": RELAY, **values})


def test_a_name_server_that_never_answers_holds_up_nobody(start, agent):
    """200 scripts of the only process wait for names; each ends with its own answer when the resolver gives up."""
    rounds = iter([["n%d.r%d.test" % (number, turn) for number in range(200)] for turn in range(5)])
    silent = ["n%d.r%d.test" % (number, turn) for number in range(200) for turn in range(5)]
    names = NameServer({}, silent=silent + ["_sip._udp." + name for name in silent])
    with names:
        server = serve(start, names, WORKERS=1, EXTRA="dns_retr_time=1\ndns_retr_no=1\ndns_try_naptr=no")
        one, pinger = agent(server), agent(server)

        def pings():
            before = len(names.asked)
            for name in next(rounds):
                one.request("MESSAGE", "sip:x@" + name)
            wait_for(lambda: len(names.asked) >= before + 200, "the questions")
            taken = []
            for _ in range(60):
                begin = time.monotonic()
                pinger.request("OPTIONS", "sip:ping@127.0.0.1")
                pinger.expect(200)
                taken.append(time.monotonic() - begin)
            answers = {}
            while len(answers) < 200:
                message = one.receive(timeout=15)
                if message.status != 100:
                    answers[message.get("call-id")] = message
            assert {(m.status, m.get("x-result")) for m in answers.values()} == {(404, "-4")}
            return statistics.median(taken)

        assert best_of(pings, lambda median: median < 0.010) < 0.010


def test_a_name_that_does_not_exist_is_told_at_once(start, agent):
    with NameServer({}) as names:
        server = serve(start, names)
        one = agent(server)

        def ask():
            one.request("MESSAGE", "sip:x@nowhere.test")
            assert one.expect(404).get("x-result") == "-4"

        assert seconds(ask) < 4.0, "no question is asked twice"
        assert {"nowhere.test", "_sip._udp.nowhere.test"} <= {name for name, _ in names.asked}


def test_the_next_server_of_a_pool_is_tried(start, agent):
    """RFC 3263 §4.3: a 503 of the server with the better priority sends the request to the next."""
    with Agent(("127.0.0.1", 1)) as first, Agent(("127.0.0.1", 1)) as second:
        names = NameServer({
            ("_sip._udp.pool.test", "SRV"): [(20, 0, second.port, "b.test"), (10, 0, first.port, "a.test")],
            ("pool.test", "A"): [],
            ("a.test", "A"): ["127.0.0.1"], ("b.test", "A"): ["127.0.0.1"]})
        with names:
            server = serve(start, names)
            one = agent(server)
            one.request("MESSAGE", "sip:x@pool.test")
            first.server = second.server = (server.address, server.port)
            first.reply(first.expect("MESSAGE"), 503, "Full", tag="a")
            second.reply(second.expect("MESSAGE"), 200, "Here", tag="b")
            assert "Here" in one.expect(200).first


def test_who_has_rung_is_not_rung_at_its_neighbour(start, agent):
    with Agent(("127.0.0.1", 1)) as first, Agent(("127.0.0.1", 1)) as second:
        names = NameServer({
            ("_sip._udp.pool.test", "SRV"): [(20, 0, second.port, "b.test"), (10, 0, first.port, "a.test")],
            ("pool.test", "A"): [], ("a.test", "A"): ["127.0.0.1"], ("b.test", "A"): ["127.0.0.1"]})
        with names:
            server = serve(start, names, EXTRA='modparam("tm", "fr_inv_timeout", 1)')
            one = agent(server)
            sent = one.request("INVITE", "sip:x@pool.test")
            first.server = second.server = (server.address, server.port)
            invite = first.expect("INVITE")
            first.reply(invite, 180, "Ringing", tag="a")
            one.expect(180)
            cancel = first.expect("CANCEL")
            first.reply(cancel, 200, "OK")
            first.reply(invite, 487, "Gone", tag="a")
            one.ack(sent, one.expect(408))
            second.nothing()


def test_naptr_and_srv_choose_tcp(start, agent):
    """RFC 3263 §4.1: the domain prefers TCP, the server speaks it, so that a request that came by UDP leaves by TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        names = NameServer({
            ("corp.test", "NAPTR"): [(20, 10, "s", "SIP+D2U", "_sip._udp.corp.test"),
                                     (10, 10, "s", "SIP+D2T", "_sip._tcp.corp.test")],
            ("_sip._tcp.corp.test", "SRV"): [(10, 0, port, "gw.test")],
            ("_sip._udp.corp.test", "SRV"): [(10, 0, 9, "gw.test")],
            ("gw.test", "A"): ["127.0.0.1"]})
        with names:
            server = serve(start, names, EXTRA='loadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d'
                           % free_port())
            one = agent(server)
            one.request("MESSAGE", "sip:x@corp.test")
            listener.settimeout(10)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                assert data.startswith(b"MESSAGE sip:x@corp.test SIP/2.0\r\nVia: SIP/2.0/TCP "), data
                lines = [line for line in data.decode().split("\r\n")
                         if line.split(":")[0].lower() in ("via", "from", "to", "call-id", "cseq")]
                connection.sendall("\r\n".join(["SIP/2.0 200 By TCP", *lines, "Content-Length: 0", "", ""]).encode())
                assert "By TCP" in one.expect(200).first


@pytest.mark.parametrize("value", ["nowhere", "10.0.0.1:70000", "10.0.0", "[::1"])
def test_a_name_server_that_is_no_address_refuses_the_start(start, tmp_path, value):
    path = tmp_path / "script.cfg"
    path.write_text('socket=udp:127.0.0.1:5060\nloadmodule "proto_udp.so"\nloadmodule "sl.so"\nroute { exit; }\n')
    ended = subprocess.run([SIPRAY, "serve", "--dns-server", value, str(path)], capture_output=True, text=True,
                           timeout=15)
    assert ended.returncode == 1 and "--dns-server %s" % value in ended.stderr, ended
