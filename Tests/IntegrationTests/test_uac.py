"""uac end to end: From and To replaced and given back, CSeq raised."""
import pytest

from uacscripts import MODULES, contact, uac

FROM = '"Robin" <sip:robin@gotham.example>'


@pytest.mark.parametrize("call, seen", [
    ('uac_replace_from("Robin", "sip:robin@gotham.example");', '"Robin" <sip:robin@gotham.example>'),
    ('uac_replace_from("batman", "");', '"batman" <sip:caller@127.0.0.1>'),
    ('uac_replace_from("", "sip:robin@gotham.example");', "<sip:robin@gotham.example>"),
    ('uac_replace_from("", "");', "<sip:caller@127.0.0.1>"),
    ('uac_replace_from(, "sip:robin@gotham.example");', '"Caller, the" <sip:robin@gotham.example>'),
])
@pytest.mark.parametrize("extra", ["", 'modparam("uac", "restore_passwd", "riddle")'])
def test_from_is_replaced_for_the_callee_and_given_back_to_the_caller(uac, call, seen, extra):
    server, caller, callee = uac(before=call, extra=extra)
    original = '"Caller, the" <sip:caller@127.0.0.1>;tag=ft'
    caller.send("INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKu1\r\nMax-Forwards: 70\r\n"
                "From: %s\r\nTo: <sip:bob@example.org>\r\nCall-ID: u1\r\nCSeq: 1 INVITE\r\nContact: %s\r\n"
                "Content-Length: 0\r\n\r\n" % (caller.transport, caller.name, original, caller.contact))
    invite = callee.expect("INVITE")
    assert invite.get("from") == seen + ";tag=ft"
    callee.reply(invite, 180, "Ringing", tag="tt")
    assert caller.expect(180).get("from") == original
    callee.reply(invite, 200, "OK", tag="tt", headers=[contact(callee)])
    ok = caller.expect(200)
    assert ok.get("from") == original
    route = ok.get("record-route")
    assert "vsf=" in route and "caller" not in route
    if extra:
        assert "cm9iaW4" not in route  # base 64 of "robin"
    # Downstream the caller's name is replaced again, upstream the callee's To is given back.
    caller.send("BYE %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKu2\r\nMax-Forwards: 70\r\n"
                "Route: %s\r\nFrom: %s\r\nTo: <sip:bob@example.org>;tag=tt\r\nCall-ID: u1\r\nCSeq: 2 BYE\r\n"
                "Content-Length: 0\r\n\r\n" % (
                    callee.uri("bob"), caller.transport, caller.name, route, original))
    bye = callee.expect("BYE")
    assert bye.get("from") == seen + ";tag=ft"
    callee.reply(bye, 200, "OK")
    assert caller.expect(200).get("from") == original
    callee.send("INFO %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKu3\r\nMax-Forwards: 70\r\n"
                "Route: %s\r\nFrom: <sip:bob@example.org>;tag=tt\r\nTo: %s;tag=ft\r\nCall-ID: u1\r\nCSeq: 5 INFO\r\n"
                "Content-Length: 0\r\n\r\n" % (
                    caller.uri("me"), callee.transport, callee.name, route, seen))
    info = caller.expect("INFO")
    assert info.get("to") == original and info.get("from") == "<sip:bob@example.org>;tag=tt"
    caller.reply(info, 200, "OK")
    assert callee.expect(200).get("to") == seen + ";tag=ft"


@pytest.mark.parametrize("extra", ["", 'modparam("uac", "restore_passwd", "riddle")'])
def test_both_are_replaced_in_a_whole_dialog(uac, extra):
    server, caller, callee = uac(extra=extra, before='uac_replace_from("Robin", "sip:robin@gotham.example"); '
                                 'uac_replace_to("", "sip:bat@cave.example");')
    theirs, ours = ('"Robin" <sip:robin@gotham.example>', "<sip:bat@cave.example>"), \
        ("<sip:caller@127.0.0.1>", "<sip:bob@example.org>")
    sent = caller.request("INVITE", "sip:bob@example.org")
    tags = (";tag=" + sent["from_tag"], ";tag=tt")

    def party(message, names, tags):
        assert (message.get("from"), message.get("to")) == tuple(n + t for n, t in zip(names, tags)), str(message)
        return message

    invite = party(callee.expect("INVITE"), theirs, (tags[0], ""))
    callee.reply(invite, 200, "OK", tag="tt", headers=[contact(callee)])
    ok = party(caller.expect(200), ours, tags)
    route = ok.get("record-route")
    for method, cseq in (("ACK", 1), ("INFO", 2), ("INVITE", 3)):
        caller.request(method, callee.uri("bob"), callee="sip:bob@example.org", call_id=sent["call_id"],
                       cseq=cseq, from_tag=sent["from_tag"], to_tag="tt", headers=["Route: " + route])
        got = party(callee.expect(method), theirs, tags)
        if method != "ACK":
            callee.reply(got, 200, "OK", headers=[contact(callee)])
            party(caller.expect(200), ours, tags)
    back = (theirs[1], theirs[0]), (ours[1], ours[0]), (tags[1], tags[0])
    for cseq, method in ((7, "INFO"), (8, "BYE")):
        callee.send("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKb%d\r\nMax-Forwards: 70\r\nRoute: %s\r\n"
                    "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n" % (
                        method, caller.uri("me"), callee.transport, callee.name, cseq, route, back[0][0] + back[2][0],
                        back[0][1] + back[2][1], sent["call_id"], cseq, method))
        got = party(caller.expect(method), back[1], back[2])
        caller.reply(got, 200, "OK")
        party(callee.expect(200), back[0], back[2])


def test_to_is_replaced_and_a_failure_is_given_back(uac):
    server, caller, callee = uac(before='uac_replace_to("Nobody", "sip:nobody@hidden.example");', failure="exit;")
    caller.request("MESSAGE", "sip:bob@example.org")
    message = callee.expect("MESSAGE")
    assert message.get("to") == '"Nobody" <sip:nobody@hidden.example>'
    callee.reply(message, 486, "Busy", tag="tt")
    assert caller.expect(486).get("to") == "<sip:bob@example.org>;tag=tt"


@pytest.mark.parametrize("mode, replies, call, sequential", [
    ("none", False, "", False), ("manual", True, "", False), ("manual", True, "uac_restore_from();", True),
    ("auto", True, "", True),
])
def test_restore_modes(uac, mode, replies, call, sequential):
    server, caller, callee = uac(before='uac_replace_from(, "sip:robin@gotham.example");', sequential=call, extra='modparam("uac", "restore_mode", "%s")\n'
                   'modparam("uac", "rr_from_store_param", "mine")' % mode)
    sent = caller.request("INVITE", "sip:bob@example.org")
    invite = callee.expect("INVITE")
    assert ("mine=" in invite.get("record-route")) == (mode != "none")
    callee.reply(invite, 200, "OK", tag="tt", headers=[contact(callee)])
    ok = caller.expect(200)
    assert ("robin" not in ok.get("from")) == replies
    caller.request("BYE", callee.uri("bob"), callee="sip:bob@example.org", call_id=sent["call_id"], cseq=2,
                   from_tag=sent["from_tag"], to_tag="tt", headers=["Route: " + ok.get("record-route")])
    assert ("robin" in callee.expect("BYE").get("from")) == sequential


def test_a_forged_parameter_changes_nothing(uac):
    server, caller, callee = uac(extra='modparam("uac", "restore_passwd", "riddle")')
    for value in ("dXNpcDphQGIAc2lwOmNAZA", "x", "", "%00", "A" * 3000, "dXNpcDphQGIADQpFdmlsOiB5ZXM"):
        for extra in (";vsc=1", ";vsc=99999999999", ";vsc=-1", ""):
            caller.request("INFO", callee.uri("bob"), to_tag="tt", cseq=5, from_tag="ft", headers=[
                "Route: <sip:127.0.0.1:%d%s;lr;ftag=ft;vsf=%s%s>" % (
                    server.port, caller.uri_parameters, value, extra)])
            info = callee.expect("INFO")
            assert info.get("from") == "<sip:caller@127.0.0.1>;tag=ft" and "evil" not in str(info).lower()
            callee.reply(info, 200, "OK")
            assert caller.expect(200).get("cseq") == "5 INFO"


def test_cseq_is_raised_on_demand(uac):
    server, caller, callee = uac(before="uac_inc_cseq(3); uac_inc_cseq(2);")
    caller.request("MESSAGE", "sip:bob@example.org", cseq=10)
    message = callee.expect("MESSAGE")
    assert message.get("cseq") == "15 MESSAGE"
    callee.reply(message, 200, "OK", tag="tt")
    assert caller.expect(200).get("cseq") == "10 MESSAGE"
    caller.request("MESSAGE", "sip:bob@example.org", cseq=2147483647)
    assert callee.expect("MESSAGE").get("cseq") == "2147483647 MESSAGE"


@pytest.mark.parametrize("extra, phrase", [
    ('modparam("uac", "restore_mode", "sometimes")', "restore_mode"),
    ('modparam("uac", "rr_from_store_param", "same")\nmodparam("uac", "rr_to_store_param", "same")', "two different"),
])
def test_impossible_parameters_refuse_the_start(start, extra, phrase):
    server = start("waiting.cfg", wait=False, EXTRA=MODULES + extra, ROUTE="route { exit; }")
    assert server.process.wait(10) == 1
    assert phrase in server.tail()
    server.process.returncode = 0
