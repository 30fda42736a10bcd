"""Functions of the dialog modules with arguments and in orders that scripts come up with."""
import socket

import pytest

from conftest import free_port, wait_for
from dialog_calls import Call, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)
from sip import branch, token

HIDING = 'loadmodule "topology_hiding.so"\n'


def hide(start, peers, call, inside=""):
    caller, callee = peers
    server = start("dialog.cfg", CALLEE="%d" % callee.port, EXTRA=HIDING, ROUTE='''
        route[call] { %s }
        route[inside] {
            if (!topology_hiding_match()) { send_reply(404, "Not here"); exit; }
            %s
        }''' % (call, inside))
    caller.server = (server.address, server.port)
    return server


def uri(message):
    return message.get("contact").split("<")[1].split(">")[0]


@pytest.mark.parametrize("flags", ["", "C"])
def test_a_dialog_made_behind_topology_hiding(start, peers, flags):
    """In this order too the dialog knows both sides, is acknowledged and ended."""
    server = hide(start, peers, 'topology_hiding("%s"); create_dialog();' % flags)
    caller, callee = peers
    call = Call(server, *peers)
    assert ("did=" in call.invite.get("contact")) and caller.name not in str(call.invite)
    assert (call.invite.get("call-id") == call.sent["call_id"]) == (flags == "")
    target = uri(call.reply(200))
    call.routes = []
    call.ack(target=target)
    assert states(server) == [4]
    call.exchange("BYE", 2, target=target)
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0


@pytest.mark.parametrize("hides", [False, True])
def test_routes_are_put_in_once(start, peers, hides):
    """fix_route_dialog() twice, or behind topology_hiding_match(): the callee's routes stand there once."""
    caller, callee = peers
    if hides:
        server = hide(start, peers, "create_dialog(); topology_hiding();", "fix_route_dialog();")
    else:
        server = serve(start, peers, inside="fix_route_dialog(); fix_route_dialog();")
    call = Call(server, *peers)
    router = "<sip:%s;lr>" % callee.name
    # A proxy between us and the callee that recorded itself.
    call.invite.headers.insert(0, ("record-route", router))
    target = uri(call.reply(200)) if hides else (call.reply(200) and call.target)
    # The caller may leave out what it does not see, or a route that is wrong.
    call.routes = [] if hides else call.routes[1:]
    call.within("ACK", 1, target=target)
    assert callee.expect("ACK").all("route") == [router]
    info, _ = call.exchange("INFO", 2, target=target)
    assert info.all("route") == [router] and info.uri == callee.uri("bob")


def test_folded_record_routes(start, peers):
    """A value over two lines, hidden without a dialog and kept in the Contact: it comes back in one line."""
    server = hide(start, peers, "topology_hiding();")
    caller, callee = peers
    call = Call(server, caller, callee, headers=["Record-Route: <sip:%s;lr>;x=1;\r\n y=2" % caller.name])
    target = uri(call.invite)
    callee.reply(call.invite, 200, "OK", tag=call.tag, headers=["Contact: <%s>" % callee.uri("bob")])
    # It has the fold too: `Message` takes no folds.
    caller.socket.settimeout(10)
    while b"SIP/2.0 200 " not in caller.socket.recv(65536):
        pass
    callee.request("BYE", target, caller=call.uri, callee="sip:caller@127.0.0.1", call_id=call.sent["call_id"],
                   from_tag=call.tag, to_tag=call.sent["from_tag"], destination=(server.address, server.port))
    bye = caller.expect("BYE")
    assert bye.all("route") == ["<sip:%s;lr>;x=1; y=2" % caller.name]
    caller.reply(bye, 200, "OK")
    callee.expect(200)


def test_profile_values_that_are_null(start, peers):
    """A variable that is NULL is no value, and not all of them either."""
    server = serve(start, peers, call='''
        set_dlg_profile("from", "one");
        set_dlg_profile("from", "two");
        if (unset_dlg_profile("from", $avp(nothing))) xlog("wrong: unset\\n");
        if (set_dlg_profile("from", $avp(nothing))) xlog("wrong: set\\n");
        if (is_in_profile("from", $avp(nothing))) xlog("wrong: is\\n");
        if (get_profile_size("from", $avp(nothing), $var(n))) xlog("wrong: size\\n");
        get_profile_size("from", , $var(all));
        xlog("members: $var(all)\\n");
        unset_dlg_profile("from");
        get_profile_size("from", , $var(all));
        xlog("left: $var(all)\\n");''')
    Call(server, *peers)
    text = server.tail()
    assert "members: 2" in text and "left: 0" in text and "wrong" not in text, text


def test_methods_that_do_not_stand_by_themselves(start, peers):
    server = serve(start, peers, inside='''
        if (dlg_send_sequential("ACK", "callee")) xlog("wrong\\n");
        if (dlg_send_sequential("CANCEL", "callee")) xlog("wrong\\n");
        xlog("refused\\n");''')
    call = Call(server, *peers)
    call.answer()
    for method in ("ACK", "CANCEL"):
        reply = server.mi_call("dialog:send_sequential", dict(callid=call.sent["call_id"], method=method, mode="callee"))
        assert "ACK and CANCEL" in str(reply["error"]), reply
    peers[1].nothing(0.3)
    assert "refused" in server.tail() and "wrong" not in server.tail()


def test_a_reliable_reply_without_contact_is_the_callers_to_acknowledge(start, peers):
    """auto-prack can't say where its PRACK would go: the reply goes on as it came."""
    server = serve(start, peers, flags="auto-prack")
    caller, callee = peers
    call = Call(server, *peers, headers=["Supported: 100rel"])
    callee.reply(call.invite, 183, "Progress", tag=call.tag, headers=["Require: 100rel", "RSeq: 1"])
    reply = caller.expect(183)
    assert reply.get("require") == "100rel" and reply.get("rseq") == "1"
    callee.nothing(0.3)
    # With one it is acknowledged here, this number still being the first.
    call.callee.reply(call.invite, 183, "Progress", tag=call.tag,
                      headers=["Require: 100rel", "RSeq: 2", "Contact: <%s>" % callee.uri("bob")])
    assert callee.expect("PRACK").get("rack") == "2 1 INVITE"
    assert caller.expect(183).get("require") is None


@pytest.mark.parametrize("arguments, number", [("2", 4), ("", 3), (", 5", 7), ("$tt, 3", 5)])
def test_numbers_moved_by_the_script(start, peers, arguments, number):
    """dlg_inc_cseq(): tag and increment, each may be left out."""
    server = serve(start, peers, inside='if (is_method("INFO")) dlg_inc_cseq(%s);' % arguments)
    call = Call(server, *peers)
    call.answer()
    info, _ = call.exchange("INFO", 2)
    assert info.get("cseq") == "%d INFO" % number


def test_an_alias_does_not_bring_a_half_open_connection_back(start, peers):
    """The peer sends no more: requests to its alias go nowhere, not over the connection that it is about to close."""
    caller, _ = peers
    port, alias = free_port(), free_port()
    server = start("dialog.cfg", CALLEE="%d;transport=tcp" % alias, port=port, EXTRA='''
loadmodule "proto_tcp.so"
loadmodule "cfgutils.so"
socket=tcp:127.0.0.1:%d
tcp_accept_aliases=1
''' % port, ROUTE='''
        route[call] {
            if ($rU == "slow") {
                xlog("began\\n");
                sleep(1);
                if (force_tcp_alias(%d)) xlog("said yes\\n"); else xlog("said no\\n");
                sleep(2);
                send_reply(486, "Busy");
                exit;
            }
        }
        route[inside] { exit; }''' % alias)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.settimeout(10)
        peer.sendall(("INVITE sip:slow@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:%d;branch=%s\r\n"
                      "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n"
                      "Content-Length: 0\r\n\r\n" % (alias, branch(), token("x"))).encode())
        wait_for(lambda: "began" in server.tail(), "the INVITE")
        peer.shutdown(socket.SHUT_WR)
        wait_for(lambda: "said " in server.tail(), "the alias", timeout=10)
        assert "said no" in server.tail()
        caller.server = ("127.0.0.1", port)
        caller.request("INVITE", "sip:x@127.0.0.1")
        got = b""
        while b"486" not in got:
            more = peer.recv(65536)
            assert more, got
            got += more
        assert b"sip:x@" not in got
