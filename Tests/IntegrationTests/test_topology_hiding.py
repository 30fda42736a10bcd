"""Each side of a hidden call sees the server only; with a dialog and without one."""
import pytest

from sip import Agent, token

PROXIES = ["Record-Route: <sip:127.0.0.77;lr>", "Via: SIP/2.0/UDP 10.7.7.7;branch=z9hG4bKbehind"]


@pytest.fixture
def peers():
    with Agent(None) as caller, Agent(None) as callee:
        yield caller, callee


def serve(start, peers, flags="", with_dialog=True, extra="", users="", port=None):
    caller, callee = peers
    route = ('create_dialog();\n' if with_dialog else "") + 'topology_hiding("%s"%s);' % (flags, users)
    target = "%d%s" % (callee.port, ";transport=tcp" if callee.transport == "TCP" else "")
    server = start("hiding.cfg", CALLEE=target, ROUTE=route, port=port,
                   EXTRA='loadmodule "dialog.so"\n' if with_dialog else "", PARAMS=extra)
    caller.server = (server.address, server.port)
    return server


def contact_uri(message):
    return message.get("contact").split("<")[1].split(">")[0]


class Hidden:
    """A call through the hiding server; everything that either side learns is the server's."""

    def __init__(self, server, caller, callee, headers=(), contact=True, body=""):
        self.server, self.caller, self.callee = server, caller, callee
        self.uri = "sip:bob@127.0.0.1:%d" % server.port
        self.sent = caller.request("INVITE", self.uri, headers=headers, contact=contact, body=body)
        self.invite = callee.expect("INVITE")
        self.tag = token("t")

    def check_hidden(self, message, other):
        assert other.name not in str(message), "the other side shows:\n%s" % message

    def answer(self, status=200, headers=()):
        self.callee.reply(self.invite, status, "OK", tag=self.tag,
                          headers=["Contact: <%s;x=1>;y=2" % self.callee.uri("bob"), *headers])
        return self.caller.expect(status)

    def to_callee(self, method, cseq, target):
        self.caller.request(method, target, callee=self.uri, call_id=self.sent["call_id"], cseq=cseq,
                            from_tag=self.sent["from_tag"], to_tag=self.tag)

    def to_caller(self, method, cseq, target, contact=True):
        self.callee.request(method, target, caller=self.uri, callee="sip:caller@127.0.0.1", contact=contact,
                            call_id=self.invite.get("call-id"), cseq=cseq, from_tag=self.tag,
                            to_tag=self.sent["from_tag"], destination=(self.server.address, self.server.port))


@pytest.mark.parametrize("with_dialog, flags", [(True, ""), (True, "C"), (True, "U"), (True, "D"), (True, "UCaA"),
                                                (False, ""), (False, "U")])
def test_a_whole_call_shows_neither_side_to_the_other(start, peers, with_dialog, flags):
    server = serve(start, peers, flags, with_dialog)
    caller, callee = peers
    call = Hidden(server, caller, callee, headers=PROXIES)
    invite = call.invite
    call.check_hidden(invite, caller)
    assert len(invite.all("via")) == 1 and not invite.all("record-route") and "127.0.0.77" not in str(invite)
    shown = contact_uri(invite)
    assert ("127.0.0.1:%d" % server.port) in shown and shown.startswith("sip:me@") == ("U" in flags and "D" not in flags)
    assert (invite.get("call-id") != call.sent["call_id"]) == ("C" in flags)
    for status in (180, 200):
        reply = call.answer(status, headers=["Record-Route: <sip:127.0.0.88;lr>"])
        call.check_hidden(reply, callee)
        assert len(reply.all("via")) == 2, "the caller's own, and the one behind it"
        assert reply.all("record-route") == ["<sip:127.0.0.77;lr>"] and reply.get("call-id") == call.sent["call_id"]
    target = contact_uri(reply)
    if "D" in flags:
        assert ";did=" not in target and "@" in target


def test_requests_find_both_ways_with_a_dialog(start, peers):
    server = serve(start, peers, "CU")
    caller, callee = peers
    call = Hidden(server, caller, callee)
    answer = call.answer()
    call.to_callee("ACK", 1, contact_uri(answer))
    ack = callee.expect("ACK")
    assert ack.uri == "sip:bob@%s;x=1" % callee.name and ack.get("call-id") == call.invite.get("call-id")
    assert len(ack.all("via")) == 1
    assert server.mi("dialog:list")["Dialogs"][0]["state"] == 4
    call.to_caller("INFO", 1, contact_uri(call.invite))
    info = caller.expect("INFO")
    assert info.uri == "sip:me@" + caller.name and info.get("call-id") == call.sent["call_id"]
    call.check_hidden(info, callee)
    caller.reply(info, 200, "OK")
    reply = callee.expect(200)
    assert reply.get("call-id") == call.invite.get("call-id") and len(reply.all("via")) == 1
    # A re-INVITE moves the caller; the callee still sees the server.
    call.to_callee("INVITE", 2, contact_uri(answer))
    again = callee.expect("INVITE")
    call.check_hidden(again, caller)
    callee.reply(again, 200, "OK", headers=["Contact: <sip:moved@%s>" % callee.name])
    call.to_callee("ACK", 2, contact_uri(caller.expect(200)))
    assert callee.expect("ACK").uri == "sip:moved@" + callee.name
    call.to_callee("BYE", 3, contact_uri(answer))
    callee.reply(callee.expect("BYE"), 200, "OK")
    caller.expect(200)
    assert server.mi("dialog:list")["Dialogs"] == []


def test_requests_find_both_ways_without_a_dialog(start, peers):
    server = serve(start, peers, "C", with_dialog=False)
    caller, callee = peers
    call = Hidden(server, caller, callee)
    assert call.invite.get("call-id") == call.sent["call_id"], "C needs a dialog"
    answer = call.answer()
    assert ";thinfo=" in contact_uri(answer)
    call.to_callee("ACK", 1, contact_uri(answer))
    assert callee.expect("ACK").uri == "sip:bob@%s;x=1" % callee.name
    call.to_caller("BYE", 1, contact_uri(call.invite))
    bye = caller.expect("BYE")
    assert bye.uri == "sip:me@" + caller.name
    caller.reply(bye, 200, "OK")
    assert len(callee.expect(200).all("via")) == 1
    # What somebody else wrote leads nowhere.
    forged = contact_uri(answer)[:-4] + "AAAA"
    call.to_callee("INFO", 2, forged)
    caller.expect(481)


@pytest.mark.parametrize("flags, users, of_caller, of_callee", [
    ("U", "", "me", "bob"), ("", ', "both"', "both", "both"), ("", ', "/ann/ben"', "ben", "ann"),
    ("U", ', "/ann"', "me", "ann"), ("", "", "", "")])
def test_user_names_stay_without_a_dialog(start, peers, flags, users, of_caller, of_callee):
    """What topology_hiding() was asked for holds for every Contact of the call."""
    server = serve(start, peers, flags, with_dialog=False, users=users)
    caller, callee = peers
    call = Hidden(server, caller, callee)

    def user(message):
        return contact_uri(message).partition("@")[0][4:] if "@" in contact_uri(message) else ""

    answer = call.answer()
    targets = {"callee": contact_uri(answer), "caller": contact_uri(call.invite)}
    assert (user(call.invite), user(answer)) == (of_caller, of_callee)
    call.to_callee("ACK", 1, targets["callee"])
    callee.expect("ACK")
    for number in (2, 3):
        call.to_callee("INVITE", number, targets["callee"])
        invite = callee.expect("INVITE")
        callee.reply(invite, 200, "OK", headers=["Contact: <%s>" % callee.uri("bob")])
        answer = caller.expect(200)
        assert (user(invite), user(answer)) == (of_caller, of_callee)
        call.to_callee("ACK", number, contact_uri(answer))
        callee.expect("ACK")
        targets = {"callee": contact_uri(answer), "caller": contact_uri(invite)}
        call.to_caller("UPDATE", number, targets["caller"], contact="<%s>" % callee.uri("bob"))
        update = caller.expect("UPDATE")
        caller.reply(update, 200, "OK", headers=["Contact: <%s>" % caller.uri("me")])
        reply = callee.expect(200)
        assert (user(update), user(reply)) == (of_callee, of_caller)
        targets = {"callee": contact_uri(update), "caller": contact_uri(reply)}


def test_a_cancelled_hidden_call(start, peers):
    server = serve(start, peers, "C")
    caller, callee = peers
    call = Hidden(server, caller, callee)
    call.answer(180)
    caller.cancel(call.sent)
    caller.expect(200)
    cancel = callee.expect("CANCEL")
    assert cancel.get("call-id") == call.invite.get("call-id")
    callee.reply(cancel, 200, "OK")
    callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    reply = caller.expect(487)
    assert reply.get("call-id") == call.sent["call_id"] and server.mi("dialog:list")["Dialogs"] == []


def test_user_names_and_parameters_of_contacts(start, peers):
    server = serve(start, peers, "", users=', "/ann/ben"',
                   extra='modparam("topology_hiding", "th_passed_contact_uri_params", "x;z")\n'
                         'modparam("topology_hiding", "th_passed_contact_params", "y")\n')
    caller, callee = peers
    call = Hidden(server, caller, callee, contact="<sip:me@%s;z>;y=3" % caller.name)
    assert contact_uri(call.invite).startswith("sip:ben@") and call.invite.get("contact").endswith(";z>;y=3")
    reply = call.answer()
    assert contact_uri(reply).startswith("sip:ann@") and reply.get("contact").endswith(";x=1>;y=2")


def test_a_bye_from_the_middle_stays_hidden(start, peers):
    server = serve(start, peers, "C")
    caller, callee = peers
    call = Hidden(server, caller, callee)
    answer = call.answer()
    call.to_callee("ACK", 1, contact_uri(answer))
    callee.expect("ACK")
    assert server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"]) == "OK"
    bye = callee.expect("BYE")
    assert bye.get("call-id") == call.invite.get("call-id") and bye.uri.startswith("sip:bob@")
    bye = caller.expect("BYE")
    assert bye.get("call-id") == call.sent["call_id"]
