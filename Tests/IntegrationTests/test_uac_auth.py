"""uac_auth end to end: challenges of real servers answered."""
import subprocess

import pytest

from conftest import free_port, wait_for
from uacscripts import check, contact, digest, uac


@pytest.mark.parametrize("status, name, answer", [(401, "WWW-Authenticate", "authorization"),
                                                  (407, "Proxy-Authenticate", "proxy-authorization")])
@pytest.mark.parametrize("challenge", [
    'realm="example.org", nonce="n1"', 'realm="example.org", nonce="n1", qop="auth", algorithm=MD5, opaque="o"',
    'realm="example.org", nonce="n1", qop="auth-int", algorithm=SHA-256',
    'realm="example.org", nonce="n1", qop="auth,auth-int", algorithm=SHA-512-256-sess',
])
def test_a_challenge_is_answered(uac, status, name, answer, challenge):
    server, caller, callee = uac()
    body = "v=0\r\n"
    sent = caller.request("INVITE", "sip:bob@example.org", cseq=7, body=body,
                          headers=["Content-Type: application/sdp"])
    first = callee.expect("INVITE")
    callee.reply(first, status, "Who are you", tag="x", headers=["%s: Digest %s" % (name, challenge)])
    callee.expect("ACK")
    second = callee.expect("INVITE")
    assert second.get("cseq") == "8 INVITE" and second.get("call-id") == sent["call_id"]
    given = check(second.get(answer), "INVITE", "alice", "wonder", body)
    assert given["uri"] == second.uri and second.body == body
    callee.reply(second, 200, "OK", tag="y", headers=[contact(callee)])
    ok = caller.expect(200)
    # The caller sees its own CSeq, and the callee its own in what follows.
    assert ok.get("cseq") == "7 INVITE"
    route = ok.get("record-route")
    caller.request("ACK", callee.uri("bob"), callee="sip:bob@example.org", call_id=sent["call_id"], cseq=7,
                   from_tag=sent["from_tag"], to_tag="y", headers=["Route: " + route], contact=False)
    assert callee.expect("ACK").get("cseq") == "8 ACK"
    caller.request("BYE", callee.uri("bob"), callee="sip:bob@example.org", call_id=sent["call_id"], cseq=8,
                   from_tag=sent["from_tag"], to_tag="y", headers=["Route: " + route])
    bye = callee.expect("BYE")
    assert bye.get("cseq") == "9 BYE"
    callee.reply(bye, 200, "OK")
    assert caller.expect(200).get("cseq") == "8 BYE"


def test_several_realms_are_answered_at_once_and_in_turn(uac):
    server, caller, callee = uac(failure='t_on_failure("challenged"); if (uac_auth()) t_relay();')
    caller.request("MESSAGE", "sip:bob@example.org", cseq=1)
    first = callee.expect("MESSAGE")
    callee.reply(first, 407, "Twice", tag="x", headers=[
        'Proxy-Authenticate: Digest realm="proxy.example.org", nonce="p"',
        'WWW-Authenticate: Digest realm="example.org", nonce="w"'])
    second = callee.expect("MESSAGE")
    check(second.get("authorization"), "MESSAGE", "alice", "wonder")
    check(second.get("proxy-authorization"), "MESSAGE", "alice", "through the looking glass")
    # The nonce was too old: answered again. Refused without that: the caller learns.
    callee.reply(second, 401, "Stale", tag="x", headers=[
        'WWW-Authenticate: Digest realm="example.org", nonce="w2", stale=true'])
    third = callee.expect("MESSAGE")
    assert third.get("cseq") == "3 MESSAGE"
    assert check(third.get("authorization"), "MESSAGE", "alice", "wonder")["nonce"] == "w2"
    callee.reply(third, 401, "No", tag="x", headers=['WWW-Authenticate: Digest realm="example.org", nonce="w3"'])
    # It goes upstream: the challenges before it have been answered.
    refused = caller.expect(401)
    assert refused.get("proxy-authenticate") is None
    assert refused.get("cseq") == "1 MESSAGE" and any('nonce="w3"' in v for v in refused.all("www-authenticate"))
    callee.nothing()


REARMED = 't_on_failure("challenged"); if (uac_auth()) t_relay();'


def test_a_proxy_and_then_the_callee_ask(uac):
    """407 of one server, then 401 of the one behind it: the last attempt carries both answers."""
    server, caller, callee = uac(failure=REARMED)
    caller.request("INVITE", "sip:bob@example.org", cseq=1)
    for status, line, expected in [
            (407, 'Proxy-Authenticate: Digest realm="proxy.example.org", nonce="p"', set()),
            (401, 'WWW-Authenticate: Digest realm="example.org", nonce="w"', {"proxy-authorization"})]:
        invite = callee.expect("INVITE")
        assert {n for n, _ in invite.headers if n.endswith("authorization")} == expected
        callee.reply(invite, status, "Who", tag="x", headers=[line])
        callee.expect("ACK")
    last = callee.expect("INVITE")
    assert last.get("cseq") == "3 INVITE"
    check(last.get("proxy-authorization"), "INVITE", "alice", "through the looking glass")
    check(last.get("authorization"), "INVITE", "alice", "wonder")
    callee.reply(last, 200, "OK", tag="x", headers=[contact(callee)])
    assert caller.expect(200).get("cseq") == "1 INVITE"


@pytest.mark.parametrize("more, attempts", [("", 2), (", stale=true", 4)])
def test_a_server_that_never_has_enough_is_given_up(uac, more, attempts):
    """Wrong credentials are tried once; a nonce that is stale again and again three times."""
    server, caller, callee = uac(failure=REARMED)
    caller.request("MESSAGE", "sip:bob@example.org")
    for number in range(attempts):
        message = callee.expect("MESSAGE")
        callee.reply(message, 401, "Again", tag="x", headers=[
            'WWW-Authenticate: Digest realm="example.org", nonce="n%d"%s' % (number, more)])
        assert len(message.all("authorization")) == (number > 0)
    caller.expect(401)
    callee.nothing()


@pytest.mark.parametrize("before, argument, challenge, answered", [
    ("", "", 'realm="elsewhere", nonce="n"', None),
    ('$avp(realm) = "elsewhere"; $avp(user) = "carol"; $avp(password) = "secret";', "", 'realm="elsewhere", nonce="n"',
     ("carol", "secret")),
    ('$avp(realm) = "elsewhere"; $avp(user) = "carol"; $avp(password) = "0x%s";' % digest("md5", "carol", "elsewhere", "secret"),
     "", 'realm="elsewhere", nonce="n"', ("carol", "secret")),
    ("", '"SHA-256"', 'realm="example.org", nonce="n"', None),
    ("", '"MD5,MD5-sess"', 'realm="example.org", nonce="n"', ("alice", "wonder")),
    ("", '"ROT13"', 'realm="example.org", nonce="n"', None),
])
def test_which_credentials_are_used(uac, before, argument, challenge, answered):
    server, caller, callee = uac(before=before, failure="if (uac_auth(%s)) t_relay();" % argument)
    caller.request("MESSAGE", "sip:bob@example.org")
    callee.reply(callee.expect("MESSAGE"), 401, "Who", tag="x", headers=["WWW-Authenticate: Digest " + challenge])
    if answered is None:
        caller.expect(401)
        callee.nothing()
    else:
        second = callee.expect("MESSAGE")
        check(second.get("authorization"), "MESSAGE", *answered)
        callee.reply(second, 200, "OK", tag="x")
        caller.expect(200)


CHALLENGE = ['WWW-Authenticate: Digest realm="example.org", nonce="n"']


def test_a_prack_names_the_invite_that_was_challenged(uac):
    server, caller, callee = uac()
    sent = caller.request("INVITE", "sip:bob@example.org", cseq=7, headers=["Supported: 100rel"])
    callee.reply(callee.expect("INVITE"), 401, "Who", tag="x", headers=CHALLENGE)
    callee.expect("ACK")
    invite = callee.expect("INVITE")
    assert invite.get("cseq") == "8 INVITE"
    callee.reply(invite, 183, "Progress", tag="y", headers=[contact(callee), "Require: 100rel", "RSeq: 9"])
    progress = caller.expect(183)
    assert progress.get("cseq") == "7 INVITE"
    caller.request("PRACK", callee.uri("bob"), callee="sip:bob@example.org", call_id=sent["call_id"], cseq=8,
                   from_tag=sent["from_tag"], to_tag="y", headers=["Route: " + progress.get("record-route"), "RAck: 9 7 INVITE"])
    prack = callee.expect("PRACK")
    assert prack.get("cseq") == "9 PRACK" and prack.get("rack") == "9 8 INVITE"


@pytest.mark.parametrize("method, answered", [("INVITE", False), ("INFO", False), ("BYE", True)])
def test_inside_a_call_without_a_dialog_only_its_end_can_be_challenged(uac, method, answered):
    """Nobody would keep the callee's count for the ACK and what follows."""
    server, caller, callee = uac(sequential='t_on_failure("challenged");')
    sent = caller.request("INVITE", "sip:bob@example.org", cseq=1)
    callee.reply(callee.expect("INVITE"), 200, "OK", tag="y", headers=[contact(callee)])
    within = dict(callee="sip:bob@example.org", call_id=sent["call_id"], from_tag=sent["from_tag"], to_tag="y",
                  headers=["Route: " + caller.expect(200).get("record-route")])
    caller.request("ACK", callee.uri("bob"), cseq=1, contact=False, **within)
    callee.expect("ACK")
    caller.request(method, callee.uri("bob"), cseq=2, **within)
    callee.reply(callee.expect(method), 401, "Who", headers=CHALLENGE)
    if answered:
        again = callee.expect(method)
        assert again.get("cseq") == "3 " + method
        check(again.get("authorization"), method, "alice", "wonder")
        callee.reply(again, 200, "OK")
        assert caller.expect(200).get("cseq") == "2 " + method
    else:
        assert caller.expect(401).get("cseq") == "2 " + method
        wait_for(lambda: "inside a dialog needs create_dialog()" in server.tail(), "the reason")


KAMAILIO = """
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:%(port)d
listen=tcp:127.0.0.1:%(port)d
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "auth.so"
request_route {
    if (!pv_www_authenticate("example.org", "wonder", "0")) {
        www_challenge("example.org", "1");
        exit;
    }
    sl_send_reply("200", "Welcome");
}
"""


def test_a_kamailio_lets_us_in(uac, tmp_path):
    port = free_port()
    config = tmp_path / "kamailio.cfg"
    config.write_text(KAMAILIO % dict(port=port))
    _, caller, _ = uac(port=port)
    log = open(tmp_path / "kamailio.log", "wb")
    challenger = subprocess.Popen(["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-f", str(config), "-Y", str(tmp_path)],
                                  stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        for table in ("/proc/net/udp", "/proc/net/tcp"):
            wait_for(lambda: any(line.split()[1].endswith(":%04X" % port) for line in open(table).readlines()[1:]),
                     "kamailio to listen")
        for method in ("MESSAGE", "OPTIONS"):
            caller.request(method, "sip:bob@example.org")
            reply = caller.expect(200, timeout=10)
            assert "Welcome" in reply.first
    finally:
        challenger.terminate()
        challenger.wait(10)
        log.close()
