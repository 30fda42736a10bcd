"""Calls through the route script with real sipp peers."""
import contextlib
import json
import signal
import socket

import pytest

from conftest import free_port, sessions, wait_for
from lossy import LossyLink, PatientCallee
from peer import Message


@pytest.fixture
def spine(start):
    """A server on cfg/spine.cfg and the ports of its peers."""

    def make(**values):
        ports = dict(UAS_PORT=free_port(), BUSY_PORT=free_port(), DEAD_PORT=free_port())
        server = start("spine.cfg", **{**ports, **values})
        server.ports = ports
        return server

    return make


def target(server):
    return "%s:%d" % (server.address, server.port)


def no_transactions_left(server, timeout=45):
    wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "every transaction to end", timeout)


def test_options_is_answered_by_the_script(spine, sipp):
    server = spine()
    sipp("options", target(server), calls=20, rate=50).finish()
    assert server.statistic("core:rcv_requests") == 20


def test_register_stores_the_contact(spine, sipp):
    server = spine()
    client = sipp("register", target(server), calls=10, rate=50)
    client.finish()
    domains = server.mi("usrloc:dump")["Domains"]
    aors = {a["AOR"]: a for d in domains for a in d["AORs"]}
    assert set(aors) == {"user%d@127.0.0.1" % n for n in range(1, 11)}
    contact = aors["user3@127.0.0.1"]["Contacts"][0]
    assert contact["Contact"] == "sip:user3@127.0.0.1:%d" % client.port
    assert 590 <= contact["Expires"] <= 600


def test_a_full_call_record_routes(spine, sipp):
    server = spine()
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=5)
    sipp("uac_call", target(server), calls=5, rate=10, arguments=["-s", "callee"]).finish()
    callee.finish()
    assert server.statistic("tm:2xx_transactions") == 10  # an INVITE and a BYE a call
    no_transactions_left(server)


def test_a_registered_user_is_called(spine, sipp):
    server = spine()
    port = server.ports["UAS_PORT"]
    sipp("register", target(server), port=port, calls=1).finish()
    callee = sipp("uas_call", port=port, calls=1)
    sipp("uac_call", target(server), calls=1, arguments=["-s", "user1"]).finish()
    callee.finish()


def test_cancel_reaches_the_callee_and_ends_in_487(spine, sipp):
    server = spine()
    callee = sipp("uas_ring", port=server.ports["UAS_PORT"], calls=3)
    sipp("uac_cancel", target(server), calls=3, arguments=["-s", "callee"]).finish()
    callee.finish()
    no_transactions_left(server)


def test_busy_goes_to_the_failure_route_and_on_to_another(spine, sipp):
    server = spine()
    busy = sipp("uas_busy", port=server.ports["BUSY_PORT"], calls=3)
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=3)
    sipp("uac_call", target(server), calls=3, arguments=["-s", "busy"]).finish()
    busy.finish()
    callee.finish()


@pytest.mark.parametrize("kind", ["silent", "closed"])
def test_the_failure_route_takes_over_from_a_dead_destination(spine, sipp, kind):
    """Silent: 408 after fr_timeout. Closed: the kernel says so at once (RFC 3261 §18.4), no timer is waited for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        # One that nobody else is given while it is closed.
        silent.bind(("127.0.0.1", free_port()))
        port = silent.getsockname()[1]
        if kind == "closed":
            silent.close()
        server = spine(DEAD_PORT=port, FR=3)
        callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=2)
        sipp("uac_call", target(server), calls=2, arguments=["-s", "dead"]).finish()
        callee.finish()


def test_loss_and_retransmissions(spine, sipp):
    """On both sides three of ten datagrams are lost, whatever they are: every call is made all the same."""
    # At worst the INVITE, its 180 and its 200 are lost once each: 1 s; a busy machine takes its time besides.
    server = spine(T1=500)
    at = (server.address, server.port)
    with contextlib.ExitStack() as ends:
        callee = ends.enter_context(PatientCallee(("127.0.0.1", server.ports["UAS_PORT"])))
        to_callee, to_server = (ends.enter_context(contextlib.closing(link)) for link in (
            LossyLink(at, ("127.0.0.1", callee.port), server.ports["UAS_PORT"], seed=1), LossyLink(at, seed=2)))
        sipp("uac_call", "127.0.0.1:%d" % to_server.port, calls=40, rate=20, arguments=["-s", "callee"],
             t1=500).finish()
        no_transactions_left(server)
    wanted = {"INVITE", "ACK", "BYE", "SIP/2.0 180", "SIP/2.0 200"}
    assert [wanted - link.lost_words() for link in (to_callee, to_server)] == [set(), set()]


def test_replies_cross_between_processes(spine, sipp, events):
    """Requests leave by a second listener, so every reply reaches a process that never saw the request."""
    second = free_port()
    server = spine(WORKERS=2, EXTRA="socket=udp:127.0.0.1:%d" % second,
                   ROUTE='$socket_out = "udp:127.0.0.1:%d";' % second)
    server.mi("core:profiling_proc", level=1)
    server.subscribe(events, "E_PROFILING_PROC")
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=100)
    sipp("uac_call", target(server), calls=100, rate=50, arguments=["-s", "callee"]).finish()
    callee.finish()
    no_transactions_left(server)
    server.mi("core:profiling_proc", level=0)
    # A request or a reply each: INVITE, ACK, BYE; 180, 200, 200.
    events.whole(least=600)
    read = {"reply_forward": set(), "request_script": set()}
    for group in sessions(events.all()).values():
        for record in group:
            if record["name"] in read:
                read[record["name"]].add(group[0]["name"])
    assert read == {"reply_forward": {"SIP receiver udp:127.0.0.1:%d" % second},
                    "request_script": {"SIP receiver udp:127.0.0.1:%d" % server.port}}


def test_a_caller_that_does_not_wait_is_not_overtaken(spine):
    """ACK and BYE sent in one go reach the callee as ACK, then BYE: for every call, with four receivers."""
    server = spine(WORKERS=4)
    calls = 300
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as callee:
        for one in (caller, callee):
            one.bind(("127.0.0.1", 0))
            one.settimeout(5)
        seen = {}
        for call in range(calls):
            for number, method in enumerate(("ACK", "BYE"), 1):
                text = ("%s sip:callee@127.0.0.1:%d SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d.%d\n"
                        "Route: <sip:%s;lr>\nMax-Forwards: 70\nFrom: <sip:a@127.0.0.1>;tag=1\n"
                        "To: <sip:callee@127.0.0.1>;tag=2\nCall-ID: %d@x\nCSeq: %d %s\nContent-Length: 0\n\n" % (
                            method, callee.getsockname()[1], caller.getsockname()[1], call, number, target(server),
                            call, number, method))
                caller.sendto(text.replace("\n", "\r\n").encode(), (server.address, server.port))
            if call % 20 < 19:
                continue
            while sum(len(methods) for methods in seen.values()) < 2 * (call + 1):
                request, source = callee.recvfrom(65536)
                message = Message(request)
                methods = seen.setdefault(message.get("Call-ID"), [])
                if message.method not in methods:
                    methods.append(message.method)
                if message.method == "BYE":
                    head = [line for line in request.split(b"\r\n")
                            if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
                    callee.sendto(b"\r\n".join([b"SIP/2.0 200 OK", *head, b"Content-Length: 0", b"", b""]), source)
        assert len(seen) == calls and all(methods == ["ACK", "BYE"] for methods in seen.values())
    no_transactions_left(server)


def test_over_ipv6(start, sipp):
    ports = dict(UAS_PORT=free_port(), BUSY_PORT=free_port(), DEAD_PORT=free_port())
    text_port = free_port("::1")
    server = start("spine.cfg", address="[::1]", port=text_port, **ports)
    sipp("options", "[::1]:%d" % text_port, address="::1", calls=3).finish()


def test_ends_within_five_seconds_and_frees_its_port(spine):
    server = spine()
    server.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind((server.address, server.port))


def test_sigint_ends_it_too(spine):
    server = spine()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(5) == 0
