"""By which of its sockets the server sends a request, and what becomes of branches that no socket leads to."""
import pytest

from conftest import free_port, wait_for
from sip import Agent


@pytest.fixture
def two(start):
    """two(route) → a server with a second UDP listener `server.second` and one on IPv6; 10.x and the like have none."""
    def make(route, **values):
        second = free_port()
        server = start("waiting.cfg", ROUTE=route.replace("@SECOND@", "udp:127.0.0.1:%d" % second), **{**dict(
            EXTRA='socket=udp:127.0.0.1:%d\nmodparam("tm", "fr_timeout", 2)\nmodparam("tm", "wt_timer", 1)' % second),
            **values})
        server.second = second
        return server

    return make


FORM = """
route {
    if ($hdr(X-How) == "relay") t_relay();
    if ($hdr(X-How) == "forward") forward();
    if ($hdr(X-How) == "send") send("udp:$rd:$rp");
    if ($hdr(X-How) == "replicate") { t_replicate($ru); send_reply(200, "Copied"); }
    if ($hdr(X-How) == "forced") { $socket_out = "@SECOND@"; t_relay(); }
    if ($hdr(X-How) == "forced forward") { force_send_socket("@SECOND@"); forward(); }
    if ($hdr(X-How) == "recorded") { record_route(); t_relay(); }
}
"""


def test_a_request_leaves_by_the_socket_that_it_came_in_by(two):
    server = two(FORM)
    with Agent((server.address, server.port)) as caller, Agent((server.address, server.port)) as callee:
        for port in (server.port, server.second):
            for how in ("relay", "forward", "send", "replicate", "forced", "forced forward", "recorded"):
                caller.request("MESSAGE", callee.uri("x"), headers=["X-How: " + how], destination=(server.address, port))
                wanted = server.second if how.startswith("forced") else port
                request = callee.expect("MESSAGE")
                assert request.source[1] == wanted, (how, str(request))
                if how == "send":
                    continue
                assert request.get("via").startswith("SIP/2.0/UDP 127.0.0.1:%d;" % wanted), (how, str(request))
                routes = [route.partition(";")[0] for route in request.all("record-route")]
                assert routes == (["<sip:127.0.0.1:%d" % wanted] if how == "recorded" else []), str(request)
                callee.reply(request, 200, "OK", tag="b")
                caller.expect(200)
    wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "every transaction to end")


FORK = """
route {
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (is_method("ACK")) { t_check_trans(); exit; }
    $var(second) = $ru;
    $ru = $hdr(X-First);
    append_branch($var(second));
    t_relay();
}
"""


@pytest.mark.parametrize("first", ["sip:a@127.0.0.1:5099;transport=tcp", "sip:a@[::1]:5099"])
def test_a_branch_without_a_socket_does_not_silence_the_fork(two, first):
    server = two(FORK)
    with Agent((server.address, server.port)) as caller, Agent((server.address, server.port)) as callee:
        for ends in ("answered", "refused", "cancelled"):
            sent = caller.request("INVITE", callee.uri("b"), headers=["X-First: " + first])
            invite = callee.expect("INVITE")
            if ends == "cancelled":
                callee.reply(invite, 180, "Ringing", tag="b")
                caller.expect(180)
                caller.cancel(sent)
                caller.expect(200)
                callee.reply(callee.expect("CANCEL"), 200, "OK")
            status = dict(answered=200, refused=486, cancelled=487)[ends]
            callee.reply(invite, status, "Over", tag="b")
            answer = caller.expect(status)
            if status > 200:
                callee.expect("ACK")
                caller.ack(sent, answer)
    wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "every transaction to end")


def test_methods_that_are_not_known_and_errors_are_counted(two):
    server = two("""
        route { if ($rm == "DANCE") { sl_send_reply(405, "No"); exit; } sl_reply_error(); }
        """)
    with Agent((server.address, server.port)) as caller:
        for method, status in (("DANCE", 405), ("OPTIONS", 500), ("MESSAGE", 500)):
            caller.request(method, "sip:x@127.0.0.1")
            caller.expect(status)
    figures = {name: server.statistic(name) for name in (
        "core:unsupported_methods", "sl:sent_replies", "sl:sent_err_replies", "sl:4xx_replies", "sl:5xx_replies")}
    assert list(figures.values()) == [1, 3, 2, 1, 2], figures
