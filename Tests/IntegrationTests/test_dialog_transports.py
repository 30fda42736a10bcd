"""Dialogs whose sides are reached by TCP, by another listener each, or through proxies that route strictly."""
import pytest

from conftest import free_port
from dialog_calls import (CALL, INSIDE, Call, answer_bye, dialogs, hangs_up, next_reply, next_request,  # noqa: F401
                          peers, serve, states)
from sip import Agent, StreamAgent

PINGS = 'modparam("dialog", "options_ping_interval", 1)\n'


def over_tcp(port):
    return 'loadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\n' % port


@pytest.mark.parametrize("kinds", [(StreamAgent, StreamAgent), (Agent, StreamAgent), (StreamAgent, Agent)],
                         ids=["TCP", "UDP to TCP", "TCP to UDP"])
def test_requests_of_our_own_go_by_the_transport_of_each_side(start, kinds):
    port = free_port()
    with kinds[0](None) as caller, kinds[1](None) as callee:
        server = serve(start, (caller, callee), flags="options-ping-caller,reinvite-ping-callee", port=port,
                       extra=over_tcp(port) + PINGS + 'modparam("dialog", "reinvite_ping_interval", 1)\n')
        call = Call(server, caller, callee, headers=["Content-Type: application/sdp"], body="v=0\r\n")
        mixed = kinds[0] is not kinds[1]
        assert len(call.invite.all("record-route")) == (2 if mixed else 1)
        assert call.invite.get("via").startswith("SIP/2.0/" + callee.transport)
        call.answer()
        ping = caller.expect("OPTIONS")
        assert ping.get("via").startswith("SIP/2.0/" + caller.transport)
        assert ping.get("contact") == "<%s>" % callee.uri("bob")
        caller.reply(ping, 200, "OK")
        ping = callee.expect("INVITE")
        assert ping.get("via").startswith("SIP/2.0/" + callee.transport)
        callee.reply(ping, 200, "OK", headers=["Contact: <%s>" % callee.uri("bob")])
        ack = callee.expect("ACK")
        assert ack.get("via").startswith("SIP/2.0/" + callee.transport) and ack.uri == callee.uri("bob")
        # A second ping may come before: its number is in between.
        call.within("INFO", 2)
        request = next_request(callee, "INFO")
        callee.reply(request, 200, "OK")
        assert int(request.get("cseq").split()[0]) > 2 and next_reply(caller, "INFO").get("cseq") == "2 INFO"
        call.within("INFO", 1, side="callee")
        request = next_request(caller, "INFO")
        caller.reply(request, 200, "OK")
        next_reply(callee, "INFO")
        assert request.get("x-dialog").startswith("4 upstream")
        shown = dialogs(server)[0]
        assert shown["caller_bind_addr"].startswith(caller.transport.lower())
        assert shown["CALLEES"][0]["callee_bind_addr"].startswith(callee.transport.lower())
        server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"])
        byes = hangs_up(caller, callee)
        assert [bye.uri for bye in byes] == [caller.uri("me"), callee.uri("bob")]
        assert [bye.get("via").split()[0] for bye in byes] == ["SIP/2.0/" + a.transport for a in (caller, callee)]
        if kinds[0] is StreamAgent:
            assert caller.accepted <= 1, "one connection to each address"
        assert dialogs(server) == []


@pytest.mark.parametrize("flag", ["options-ping-callee", "reinvite-ping-callee"])
def test_a_tcp_side_that_is_gone_ends_the_call(start, flag):
    """Nobody listens any more where the callee was: the ping can't be sent, the caller is told."""
    port = free_port()
    with Agent(None) as caller, StreamAgent(None) as callee:
        server = serve(start, (caller, callee), flags=flag, port=port,
                       extra=over_tcp(port) + PINGS + 'modparam("dialog", "reinvite_ping_interval", 1)\n')
        call = Call(server, caller, callee)
        call.answer()
        assert states(server) == [4]
        callee.close()
        bye = caller.expect("BYE", timeout=10)
        caller.reply(bye, 200, "OK")
        assert dialogs(server) == []


def test_two_listeners_and_two_routes(start, peers):
    """The caller's side is one address, the callee's another: both record themselves, and each side's requests leave by its own."""
    caller, callee = peers
    port, inner = free_port(), free_port("127.0.0.2")
    server = serve(start, peers, port=port, extra="socket=udp:127.0.0.2:%d\n" % inner,
                   call='$socket_out = "udp:127.0.0.2:%d";' % inner, flags="options-ping-callee")
    call = Call(server, *peers)
    recorded = call.invite.all("record-route")
    assert len(recorded) == 2 and "127.0.0.2:%d" % inner in recorded[0] and all(";r2=on" in one for one in recorded)
    assert call.invite.get("via").split()[1].startswith("127.0.0.2:%d" % inner)
    call.answer()
    request, _ = call.exchange("INFO", 2)
    assert request.source == ("127.0.0.2", inner) and not request.all("route")
    call.within("INFO", 1, side="callee")
    request = caller.expect("INFO")
    assert request.source == ("127.0.0.1", port) and request.get("x-dialog").startswith("4 upstream")
    caller.reply(request, 200, "OK")
    callee.expect(200)
    shown = dialogs(server)[0]
    assert shown["caller_route_set"] == "" and shown["CALLEES"][0]["callee_route_set"] == ""
    assert shown["CALLEES"][0]["callee_bind_addr"] == "udp:127.0.0.2:%d" % inner
    server.mi("dialog:end_dlg", dialog_id=shown["ID"])
    byes = answer_bye(*peers)
    assert [bye.source for bye in byes] == [("127.0.0.1", port), ("127.0.0.2", inner)]


def test_strict_routers_on_the_way(start, peers):
    """A strict router wants itself in the request URI and the target in the last Route (RFC 3261 §12.2.1.1)."""
    caller, callee = peers
    with Agent(None) as before, Agent(None) as behind:
        server = serve(start, peers, inside='if (!validate_dialog()) append_hf("X-Bogus: $rc\\r\\n");')
        strict = "<sip:%s>" % before.name
        sent = caller.request("INVITE", "sip:bob@127.0.0.1:%d" % server.port,
                              headers=["Record-Route: %s, <sip:10.9.9.9;lr>" % strict])
        invite = callee.expect("INVITE")
        own = invite.all("record-route")[0]
        # As a strict proxy behind the server would leave it: its own value on top.
        ok = ["Record-Route: <sip:%s>" % behind.name, "Contact: <sip:bob@%s>" % callee.name]
        invite.headers = [(n, v) for n, v in invite.headers]
        lines = [h for h in ok]
        callee.reply(_on_top(invite, lines.pop(0)), 200, "OK", tag="t", headers=lines)
        reply = caller.expect(200)
        assert [v for v in reply.all("record-route")][0] == "<sip:%s>" % behind.name
        shown = dialogs(server)[0]
        assert shown["caller_route_set"] == "%s, <sip:10.9.9.9;lr>" % strict
        assert shown["CALLEES"][0]["callee_route_set"] == "<sip:%s>" % behind.name
        # The caller's request: the server's Route on top, then the strict one, as RFC 3261 §16.12 has it.
        caller.request("ACK", "sip:bob@" + callee.name, callee=sent["callee"], call_id=sent["call_id"],
                       from_tag=sent["from_tag"], to_tag="t", headers=["Route: " + own, "Route: <sip:%s>" % behind.name])
        ack = behind.expect("ACK")
        assert ack.uri == "sip:" + behind.name and ack.all("route") == ["<sip:bob@%s>" % callee.name]
        assert ack.get("x-bogus") is None
        server.mi("dialog:end_dlg", dialog_id=shown["ID"])
        bye = behind.expect("BYE")
        assert bye.uri == "sip:" + behind.name and bye.all("route") == ["<sip:bob@%s>" % callee.name]
        behind.reply(bye, 200, "OK")
        bye = before.expect("BYE")
        assert bye.uri == "sip:" + before.name
        assert bye.all("route") == ["<sip:10.9.9.9;lr>", "<sip:me@%s>" % caller.name]
        before.reply(bye, 200, "OK")
        assert dialogs(server) == []


def _on_top(request, line):
    """The request as its receiver would have seen it behind one more proxy."""
    name, _, value = line.partition(": ")
    place = next(i for i, (n, _) in enumerate(request.headers) if n == "record-route")
    request.headers.insert(place, (name.lower(), value))
    return request
