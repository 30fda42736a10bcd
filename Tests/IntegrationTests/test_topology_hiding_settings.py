"""Parameters of topology_hiding: how Contacts are written and read, dialogs made by themselves, loops, listeners, forks."""
import pytest

from conftest import HERE, Server, free_port
from sip import StreamAgent, Agent
from test_topology_hiding import Hidden, contact_uri, peers, serve  # noqa: F401 (fixture)


def parameter(name, value):
    return 'modparam("topology_hiding", "%s", "%s")\n' % (name, value)


def whole_call(call, first=None):
    """Requests of both sides, to what each side was shown."""
    answer = first or call.answer()
    call.to_callee("ACK", 1, contact_uri(answer))
    assert call.callee.expect("ACK").uri == "sip:bob@%s;x=1" % call.callee.name
    call.to_caller("INFO", 1, contact_uri(call.invite))
    info = call.caller.expect("INFO")
    assert info.uri == call.caller.uri("me")
    call.caller.reply(info, 200, "OK")
    call.callee.expect(200)
    call.to_callee("BYE", 2, contact_uri(answer))
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    call.caller.expect(200)


@pytest.mark.parametrize("scheme, letters", [("base64", ""), ("base32", "abcdefghijklmnopqrstuvwxyz234567")])
def test_both_ways_of_writing_a_contact(start, peers, scheme, letters):
    server = serve(start, peers, with_dialog=False, extra=parameter("th_contact_encode_scheme", scheme))
    call = Hidden(server, *peers)
    hidden = contact_uri(call.invite).partition(";thinfo=")[2]
    assert hidden and (not letters or set(hidden) <= set(letters))
    whole_call(call)


def test_a_password_is_replaced_while_calls_go_on(start, peers):
    """A call that began under the old password goes on under the new one, as long as the old one is named too."""
    old = parameter("th_contact_encode_param_password", "first:old:L")
    both = parameter("th_contact_encode_param_password", "second:new") + old + parameter("th_use_param", "second")
    new = parameter("th_contact_encode_param_password", "second:new") + parameter("th_use_param", "second")
    server = serve(start, peers, with_dialog=False, extra=old)
    call = Hidden(server, *peers)
    answer = call.answer()
    assert ";first=" in contact_uri(answer) and ";first=" in contact_uri(call.invite)
    server.stop()
    server = serve(start, peers, with_dialog=False, extra=both)
    call.server = server
    fresh = Hidden(server, *peers)
    fresh_answer = fresh.answer()
    assert ";second=" in contact_uri(fresh_answer)
    whole_call(call, first=answer)
    server.stop()
    server = serve(start, peers, with_dialog=False, extra=new)
    call.server = fresh.server = server
    call.to_callee("INFO", 3, contact_uri(answer))
    peers[0].expect(481)
    whole_call(fresh, first=fresh_answer)


@pytest.mark.parametrize("extra", [
    parameter("th_use_param", "nobody"), parameter("th_contact_encode_scheme", "base16"),
    "".join(parameter("th_contact_encode_param_password", "p%d" % number) for number in range(3)),
    'modparam("topology_hiding", "force_dialog", 1)\n'])
def test_parameters_that_cannot_be_worked_with(start, peers, tmp_path, extra):

    text = (HERE / "cfg/hiding.cfg").read_text().replace("@PARAMS@", extra)
    (tmp_path / "bad").mkdir()
    server = Server(tmp_path / "bad", text, wait=False, CALLEE=1)
    assert server.process.wait(20) != 0 and "topology_hiding" in server.tail()


def test_force_dialog_makes_dialogs_of_invites_only(start, peers):
    caller, callee = peers
    server = start("hiding.cfg", CALLEE=callee.port, ROUTE='topology_hiding("C");', EXTRA='loadmodule "dialog.so"\n',
                   PARAMS='modparam("topology_hiding", "force_dialog", 1)\n')
    caller.server = (server.address, server.port)
    call = Hidden(server, *peers)
    shown = server.mi("dialog:list")["Dialogs"]
    assert len(shown) == 1 and shown[0]["callid"] == call.sent["call_id"]
    assert call.invite.get("call-id").startswith("DLGCH_") and ";did=" in contact_uri(call.invite)
    whole_call(call)
    assert server.mi("dialog:list")["Dialogs"] == []
    # A subscription has none: its Contact keeps what is needed.
    sent = caller.request("SUBSCRIBE", "sip:bob@127.0.0.1:%d" % server.port, headers=["Event: presence"])
    subscribe = callee.expect("SUBSCRIBE")
    assert ";thinfo=" in contact_uri(subscribe) and subscribe.get("call-id") == sent["call_id"]
    callee.reply(subscribe, 200, "OK", tag="s", headers=["Contact: <sip:bob@%s>" % callee.name, "Expires: 60"])
    caller.expect(200)
    callee.request("NOTIFY", contact_uri(subscribe), callee="sip:caller@127.0.0.1", call_id=sent["call_id"],
                   from_tag="s", to_tag=sent["from_tag"], headers=["Event: presence", "Subscription-State: active"],
                   destination=(server.address, server.port))
    notify = caller.expect("NOTIFY")
    assert notify.uri == caller.uri("me") and callee.name not in str(notify)
    assert server.mi("dialog:list")["Dialogs"] == []


@pytest.mark.parametrize("protection", [0, 1])
def test_a_call_that_comes_back_hidden_is_hidden_again(start, peers, protection):
    """The call loops through the server: three Call-IDs, each known on its own stretch."""
    caller, callee = peers
    port = free_port()
    route = """
        create_dialog();
        topology_hiding("C");
        if ($rU == "bob") { $rU = "robert"; $du = "sip:127.0.0.1:%d"; append_hf("X-Callee: $TH_callee_callid\\r\\n");
            t_relay(); exit; }""" % port
    server = start("hiding.cfg", CALLEE=callee.port, ROUTE=route, EXTRA='loadmodule "dialog.so"\n', port=port,
                   PARAMS='modparam("topology_hiding", "th_callid_loop_protection", %d)\n' % protection
                   + parameter("th_callid_prefix", "HID-") + parameter("th_callid_passwd", "secret"))
    caller.server = (server.address, server.port)
    call = Hidden(server, *peers)
    dialogs = server.mi("dialog:list")["Dialogs"]
    middle = call.invite.get("x-callee")
    assert sorted(one["callid"] for one in dialogs) == sorted([call.sent["call_id"], middle])
    assert middle.startswith("HID-") and call.invite.get("call-id") not in (middle, call.sent["call_id"])
    # The tag is in what is hidden: longer, and another for another caller.
    assert (len(middle) > len("HID-") + 8 + (len(call.sent["call_id"]) + 8) * 4 // 3 + 4) == bool(protection)
    answer = call.answer()
    assert answer.get("call-id") == call.sent["call_id"]
    whole_call(call, first=answer)
    assert server.mi("dialog:list")["Dialogs"] == []


@pytest.mark.parametrize("with_dialog", [True, False])
def test_two_listeners(start, peers, with_dialog):
    caller, callee = peers
    port, inner = free_port(), free_port("127.0.0.2")
    server = start("hiding.cfg", CALLEE=callee.port, port=port,
                   ROUTE=('create_dialog();' if with_dialog else "")
                   + '$socket_out = "udp:127.0.0.2:%d"; topology_hiding();' % inner,
                   EXTRA="socket=udp:127.0.0.2:%d\n" % inner + ('loadmodule "dialog.so"\n' if with_dialog else ""),
                   PARAMS="")
    caller.server = (server.address, server.port)
    call = Hidden(server, *peers)
    assert "@" not in contact_uri(call.invite) and contact_uri(call.invite).startswith("sip:127.0.0.2:%d;" % inner)
    answer = call.answer()
    assert contact_uri(answer).startswith("sip:127.0.0.1:%d;" % port)
    call.to_callee("ACK", 1, contact_uri(answer))
    ack = callee.expect("ACK")
    assert ack.source == ("127.0.0.2", inner) and ack.all("via")[0].split()[1].startswith("127.0.0.2:%d;" % inner)
    # The callee speaks to what it was shown.
    callee.request("BYE", contact_uri(call.invite), caller=call.uri, callee="sip:caller@127.0.0.1",
                   call_id=call.invite.get("call-id"), from_tag=call.tag, to_tag=call.sent["from_tag"],
                   destination=("127.0.0.2", inner))
    bye = caller.expect("BYE")
    assert bye.source == ("127.0.0.1", port) and "127.0.0.2" not in str(bye) and callee.name not in str(bye)
    caller.reply(bye, 200, "OK")
    reply = callee.expect(200)
    assert reply.source == ("127.0.0.2", inner) and caller.name not in str(reply)


@pytest.mark.parametrize("flags", ["D", "aAU"])
def test_requests_of_our_own_show_what_was_shown(start, peers, flags):
    """A ping has the Contact that the side knows already: address, user name, transport and all."""
    caller, _ = peers
    port = free_port()
    with StreamAgent(None) as callee:
        server = start("hiding.cfg", CALLEE="%d;transport=tcp" % callee.port, port=port,
                       ROUTE='create_dialog("reinvite-ping-callee,options-ping-caller");\ntopology_hiding("%s");' % flags,
                       EXTRA='loadmodule "dialog.so"\nloadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\n' % port
                       + 'modparam("dialog", "reinvite_ping_interval", 1)\nmodparam("dialog", "options_ping_interval", 1)\n',
                       PARAMS="")
        caller.server = (server.address, server.port)
        call = Hidden(server, caller, callee, headers=["Content-Type: application/sdp"], body="v=0\r\n")
        shown = contact_uri(call.invite)
        assert ";transport=tcp" in shown and ("me@" in shown) == ("U" in flags)
        answer = call.answer()
        call.to_callee("ACK", 1, contact_uri(answer))
        callee.expect("ACK")
        ping = callee.expect("INVITE")
        assert contact_uri(ping) == shown and caller.name not in str(ping) and not ping.all("route")
        callee.reply(ping, 200, "OK", headers=["Contact: <sip:bob@%s;transport=tcp>" % callee.name])
        assert callee.expect("ACK").uri == "sip:bob@%s;transport=tcp" % callee.name
        ping = caller.expect("OPTIONS")
        assert contact_uri(ping) == contact_uri(answer) and callee.name not in str(ping)
        caller.reply(ping, 200, "OK")


def test_early_dialogs_of_a_hidden_fork(start, peers):
    server = serve(start, peers, "C")
    caller, callee = peers
    call = Hidden(server, *peers)
    for tag in ("one", "two"):
        callee.reply(call.invite, 183, "Progress", tag=tag, headers=["Contact: <sip:%s@%s>" % (tag, callee.name)])
        shown = caller.expect(183)
        assert shown.tag("to") == tag
    for tag, cseq in (("one", 2), ("two", 2), ("one", 3)):
        call.tag = tag
        call.to_callee("PRACK", cseq, contact_uri(shown))
        prack = callee.expect("PRACK")
        assert prack.uri == "sip:%s@%s" % (tag, callee.name) and prack.get("cseq") == "%d PRACK" % cseq
        callee.reply(prack, 200, "OK")
        caller.expect(200)
    call.tag = "two"
    answer = call.answer()
    call.to_callee("UPDATE", 3, contact_uri(answer))
    update = callee.expect("UPDATE")
    assert update.uri == "sip:bob@%s;x=1" % callee.name
    callee.reply(update, 200, "OK", headers=["Contact: <sip:else@%s>" % callee.name])
    call.check_hidden(caller.expect(200), callee)
    call.to_callee("BYE", 4, contact_uri(answer))
    assert callee.expect("BYE").uri == "sip:else@" + callee.name


@pytest.mark.parametrize("flags, stays", [("U", False), ("UaA", True)])
def test_the_contact_that_was_shown_first_may_have_to_stay(start, peers, flags, stays):
    server = serve(start, peers, flags)
    caller, callee = peers
    call = Hidden(server, *peers)
    first = contact_uri(call.answer())
    call.to_callee("ACK", 1, first)
    callee.expect("ACK")
    caller.request("INVITE", first, callee=call.uri, call_id=call.sent["call_id"], cseq=2, from_tag=call.sent["from_tag"],
                   to_tag=call.tag, contact="<sip:other@%s>" % caller.name)
    again = callee.expect("INVITE")
    assert (contact_uri(again) == contact_uri(call.invite)) == stays
    callee.reply(again, 200, "OK", headers=["Contact: <sip:robert@%s>" % callee.name])
    assert (contact_uri(caller.expect(200)) == first) == stays
    # Where requests go is another matter.
    call.to_caller("INFO", 1, contact_uri(call.invite))
    assert caller.expect("INFO").uri == "sip:other@" + caller.name


def test_user_names_kept_in_variables(start, peers):
    caller, callee = peers
    server = start("hiding.cfg", CALLEE=callee.port, ROUTE='create_dialog(); topology_hiding("", "/ann/ben"); '
                   '$dlg_val(__callee) = "changed";', EXTRA='loadmodule "dialog.so"\n',
                   PARAMS=parameter("th_contact_caller_username_var", "__caller")
                   + parameter("th_contact_callee_username_var", "__callee"))
    caller.server = (server.address, server.port)
    call = Hidden(server, *peers)
    assert contact_uri(call.invite).startswith("sip:changed@")
    assert contact_uri(call.answer()).startswith("sip:ann@")
    assert server.mi("dialog:list_ctx")["Dialogs"][0]["context"]["values"] == [{"__caller": "ann"}, {"__callee": "changed"}]


@pytest.mark.parametrize("mode, found", [("DID_ONLY", False), ("DID_FALLBACK", True), ("DID_NONE", True)])
def test_how_hidden_requests_are_matched(start, peers, mode, found):
    """The request has lost the id in its request URI: the mode says whether its tags are enough."""
    caller, callee = peers
    text = (HERE / "cfg/hiding.cfg").read_text().replace("topology_hiding_match()", 'topology_hiding_match("%s")' % mode)
    server = start(text, CALLEE=callee.port, ROUTE="create_dialog(); topology_hiding();",
                   EXTRA='loadmodule "dialog.so"\n', PARAMS="")
    caller.server = (server.address, server.port)
    call = Hidden(server, *peers)
    call.answer()
    call.to_callee("INFO", 2, "sip:127.0.0.1:%d" % server.port)
    if found:
        assert callee.expect("INFO").uri == "sip:bob@%s;x=1" % callee.name
    else:
        caller.expect(481)
