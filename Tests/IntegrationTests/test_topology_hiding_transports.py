"""Hidden calls over TCP and between TCP and UDP, with a dialog and without: each side sees the server at its own transport."""
import pytest

from conftest import free_port, wait_for
from lossy import PatientCallee
from sip import Agent, StreamAgent
from test_topology_hiding import Hidden, contact_uri, serve

KINDS = pytest.mark.parametrize("kinds", [(StreamAgent, StreamAgent), (Agent, StreamAgent), (StreamAgent, Agent)],
                                ids=["TCP", "UDP to TCP", "TCP to UDP"])
DIALOG = pytest.mark.parametrize("with_dialog", [True, False], ids=["dialog", "no dialog"])


def over_tcp(port):
    return 'loadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\n' % port


def is_shown_at(message, agent, server):
    """The Contact that a side gets leads to the server, over the transport of that side."""
    uri = contact_uri(message)
    return "127.0.0.1:%d" % server.port in uri and (";transport=tcp" in uri.lower()) == (agent.transport == "TCP")


@KINDS
@DIALOG
@pytest.mark.parametrize("flags", ["", "U"])
def test_a_whole_call(start, kinds, with_dialog, flags):
    port = free_port()
    with kinds[0](None) as caller, kinds[1](None) as callee:
        server = serve(start, (caller, callee), flags, with_dialog, port=port, extra=over_tcp(port))
        call = Hidden(server, caller, callee)
        call.check_hidden(call.invite, caller)
        assert call.invite.get("via").startswith("SIP/2.0/" + callee.transport) and len(call.invite.all("via")) == 1
        assert not call.invite.all("record-route") and is_shown_at(call.invite, callee, server)
        ringing = call.answer(180)
        assert is_shown_at(ringing, caller, server)
        answer = call.answer()
        call.check_hidden(answer, callee)
        assert is_shown_at(answer, caller, server) and answer.get("via").startswith("SIP/2.0/" + caller.transport)
        call.to_callee("ACK", 1, contact_uri(answer))
        ack = callee.expect("ACK")
        assert ack.uri == callee.uri("bob") + ";x=1" and ack.get("via").startswith("SIP/2.0/" + callee.transport)
        call.to_caller("INFO", 1, contact_uri(call.invite))
        info = caller.expect("INFO")
        assert info.uri == caller.uri("me") and info.get("via").startswith("SIP/2.0/" + caller.transport)
        call.check_hidden(info, callee)
        caller.reply(info, 200, "OK")
        callee.expect(200)
        call.to_callee("INVITE", 2, contact_uri(answer))
        again = callee.expect("INVITE")
        call.check_hidden(again, caller)
        assert is_shown_at(again, callee, server)
        callee.reply(again, 200, "OK", headers=["Contact: <%s>" % callee.uri("moved")])
        call.to_callee("ACK", 2, contact_uri(caller.expect(200)))
        assert callee.expect("ACK").uri == callee.uri("moved")
        call.to_caller("BYE", 2, contact_uri(again))
        bye = caller.expect("BYE")
        call.check_hidden(bye, callee)
        caller.reply(bye, 200, "OK")
        assert len(callee.expect(200).all("via")) == 1
        if with_dialog:
            assert server.mi("dialog:list")["Dialogs"] == []


@KINDS
@DIALOG
def test_a_cancelled_call(start, kinds, with_dialog):
    port = free_port()
    with kinds[0](None) as caller, kinds[1](None) as callee:
        server = serve(start, (caller, callee), "", with_dialog, port=port, extra=over_tcp(port))
        call = Hidden(server, caller, callee)
        call.answer(180)
        caller.cancel(call.sent)
        caller.expect(200)
        cancel = callee.expect("CANCEL")
        assert cancel.get("via").startswith("SIP/2.0/" + callee.transport)
        call.check_hidden(cancel, caller)
        callee.reply(cancel, 200, "OK")
        callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
        call.check_hidden(caller.expect(487), callee)
        assert callee.expect("ACK").get("call-id") == call.invite.get("call-id")


@pytest.mark.parametrize("caller, callee", [("t1", "t1"), ("tn", "t1"), ("t1", "u1"), ("u1", "t1")])
def test_many_calls_without_a_dialog(start, sipp, closing, caller, callee):
    """100 calls a second by sipp, which goes where the Contact sends it: none fails, nothing is left. With dialogs:
    test_dialog_load.py."""
    port = free_port()
    # What is hidden stays for late answers, 64 T1. A T1 that is so short repeats INVITEs over UDP to who is slow: that is
    # a fault to sipp, and none to a callee that knows it.
    if callee[0] == "t":
        answering = sipp("uas_call", calls=None, arguments=["-t", callee])
    else:
        answering = closing(PatientCallee(wait=4))
    server = start("hiding.cfg", port=port, EXTRA=over_tcp(port), T1=100, PARAMS='modparam("tm", "wt_timer", 1)\n',
                   CALLEE="%d%s" % (answering.port, ";transport=tcp" if callee[0] == "t" else ""),
                   ROUTE='topology_hiding("U");')
    calling = sipp("uac_call", "127.0.0.1:%d" % port, calls=100, rate=100, port=free_port(),
                   arguments=["-t", caller, "-s", "bob", "-max_socket", "1000"])
    calling.finish()
    assert callee[0] == "u" or answering.process.poll() is None
    assert server.statistic("tm:2xx_transactions") == 200 and server.statistic("tm:4xx_transactions") == 0
    wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "the transactions to end", timeout=45)
