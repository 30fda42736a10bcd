"""uac and uac_auth end to end: challenges of real servers answered, From and To replaced and given back."""
import hashlib
import re
import subprocess

import pytest

from conftest import free_port, wait_for
from sip import Agent

MODULES = """
loadmodule "uac_auth.so"
modparam("uac_auth", "credential", "alice:example.org:wonder")
modparam("uac_auth", "credential", "alice:proxy.example.org:through the looking glass")
modparam("uac_auth", "auth_realm_avp", "$avp(realm)")
modparam("uac_auth", "auth_username_avp", "$avp(user)")
modparam("uac_auth", "auth_password_avp", "$avp(password)")
loadmodule "uac.so"
"""


@pytest.fixture
def agents():
    made = []

    def make(server, count=2):
        out = [Agent((server.address, server.port)) for _ in range(count)]
        made.extend(out)
        return out

    yield make
    for one in made:
        one.close()


def digest(name, *parts):
    return hashlib.new(name, ":".join(parts).encode()).hexdigest()


def check(value, method, user, password, body=""):
    """Verifies an Authorization value by the formulas of RFC 7616, independently of the server."""
    assert value.startswith("Digest ")
    given = {n: q or t for n, q, t in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', value)}
    algorithm = given.get("algorithm", "MD5")
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.replace("-sess", "")]
    first = digest(name, user, given["realm"], password)
    if algorithm.endswith("-sess"):
        first = digest(name, first, given["nonce"], given["cnonce"])
    second = digest(name, method, given["uri"])
    if given.get("qop") == "auth-int":
        second = digest(name, method, given["uri"], digest(name, body))
    if "qop" in given:
        assert given["nc"] == "00000001"
        expected = digest(name, first, given["nonce"], given["nc"], given["cnonce"], given["qop"], second)
    else:
        expected = digest(name, first, given["nonce"], second)
    assert given["username"] == user and given["response"] == expected, value
    return given


def relay(target, before="", failure="if (uac_auth()) t_relay();", sequential=""):
    return """
        route {
            if (has_totag()) { loose_route(); %s t_relay(); exit; }
            if ($rm == "ACK") exit;
            record_route();
            %s
            $du = "sip:127.0.0.1:%d";
            t_on_failure("challenged");
            t_relay();
        }
        failure_route[challenged] { %s }
        """ % (sequential, before, target, failure)


@pytest.mark.parametrize("status, name, answer", [(401, "WWW-Authenticate", "authorization"),
                                                  (407, "Proxy-Authenticate", "proxy-authorization")])
@pytest.mark.parametrize("challenge", [
    'realm="example.org", nonce="n1"', 'realm="example.org", nonce="n1", qop="auth", algorithm=MD5, opaque="o"',
    'realm="example.org", nonce="n1", qop="auth-int", algorithm=SHA-256',
    'realm="example.org", nonce="n1", qop="auth,auth-int", algorithm=SHA-512-256-sess',
])
def test_a_challenge_is_answered(start, agents, status, name, answer, challenge):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES, ROUTE=relay(callee_port))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
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
        callee.reply(second, 200, "OK", tag="y", headers=["Contact: <sip:bob@%s>" % callee.name])
        ok = caller.expect(200)
        # The caller sees its own CSeq, and the callee its own in what follows.
        assert ok.get("cseq") == "7 INVITE"
        route = ok.get("record-route")
        caller.request("ACK", "sip:bob@%s" % callee.name, callee="sip:bob@example.org", call_id=sent["call_id"], cseq=7,
                       from_tag=sent["from_tag"], to_tag="y", headers=["Route: " + route], contact=False)
        assert callee.expect("ACK").get("cseq") == "8 ACK"
        caller.request("BYE", "sip:bob@%s" % callee.name, callee="sip:bob@example.org", call_id=sent["call_id"], cseq=8,
                       from_tag=sent["from_tag"], to_tag="y", headers=["Route: " + route])
        bye = callee.expect("BYE")
        assert bye.get("cseq") == "9 BYE"
        callee.reply(bye, 200, "OK")
        assert caller.expect(200).get("cseq") == "8 BYE"


def test_several_realms_are_answered_at_once_and_in_turn(start, agents):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES, ROUTE=relay(
        callee_port, failure='t_on_failure("challenged"); if (uac_auth()) t_relay();'))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
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
        # The best of all replies goes upstream, with the challenges of all.
        refused = caller.expect(407)
        assert refused.get("cseq") == "1 MESSAGE" and any('nonce="w3"' in v for v in refused.all("www-authenticate"))
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
def test_which_credentials_are_used(start, agents, before, argument, challenge, answered):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES, ROUTE=relay(
        callee_port, before=before, failure="if (uac_auth(%s)) t_relay();" % argument))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
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


KAMAILIO = """
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:%(port)d
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


def test_a_kamailio_lets_us_in(start, agents, tmp_path):
    port = free_port()
    config = tmp_path / "kamailio.cfg"
    config.write_text(KAMAILIO % dict(port=port))
    server = start("waiting.cfg", EXTRA=MODULES, ROUTE=relay(port))
    caller, = agents(server, 1)
    log = open(tmp_path / "kamailio.log", "wb")
    challenger = subprocess.Popen(["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-f", str(config), "-Y", str(tmp_path)],
                                  stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        wait_for(lambda: any(l.split()[1].endswith(":%04X" % port) for l in open("/proc/net/udp").readlines()[1:]),
                 "kamailio to listen")
        for method in ("MESSAGE", "OPTIONS"):
            caller.request(method, "sip:bob@example.org")
            reply = caller.expect(200, timeout=10)
            assert "Welcome" in reply.first
    finally:
        challenger.terminate()
        challenger.wait(10)
        log.close()


FROM = '"Robin" <sip:robin@gotham.example>'


@pytest.mark.parametrize("call, seen", [
    ('uac_replace_from("Robin", "sip:robin@gotham.example");', '"Robin" <sip:robin@gotham.example>'),
    ('uac_replace_from("batman", "");', '"batman" <sip:caller@127.0.0.1>'),
    ('uac_replace_from("", "sip:robin@gotham.example");', "<sip:robin@gotham.example>"),
    ('uac_replace_from("", "");', "<sip:caller@127.0.0.1>"),
    ('uac_replace_from(, "sip:robin@gotham.example");', '"Caller, the" <sip:robin@gotham.example>'),
])
@pytest.mark.parametrize("extra", ["", 'modparam("uac", "restore_passwd", "riddle")'])
def test_from_is_replaced_for_the_callee_and_given_back_to_the_caller(start, agents, call, seen, extra):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES + extra, ROUTE=relay(callee_port, before=call))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
        original = '"Caller, the" <sip:caller@127.0.0.1>;tag=ft'
        caller.send("INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKu1\r\nMax-Forwards: 70\r\n"
                    "From: %s\r\nTo: <sip:bob@example.org>\r\nCall-ID: u1\r\nCSeq: 1 INVITE\r\nContact: <sip:c@%s>\r\n"
                    "Content-Length: 0\r\n\r\n" % (caller.name, original, caller.name))
        invite = callee.expect("INVITE")
        assert invite.get("from") == seen + ";tag=ft"
        callee.reply(invite, 180, "Ringing", tag="tt")
        assert caller.expect(180).get("from") == original
        callee.reply(invite, 200, "OK", tag="tt", headers=["Contact: <sip:bob@%s>" % callee.name])
        ok = caller.expect(200)
        assert ok.get("from") == original
        route = ok.get("record-route")
        assert "vsf=" in route and "caller" not in route
        if extra:
            assert "cm9iaW4" not in route  # base 64 of "robin"
        # Downstream the caller's name is replaced again, upstream the callee's To is given back.
        caller.send("BYE sip:bob@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKu2\r\nMax-Forwards: 70\r\n"
                    "Route: %s\r\nFrom: %s\r\nTo: <sip:bob@example.org>;tag=tt\r\nCall-ID: u1\r\nCSeq: 2 BYE\r\n"
                    "Content-Length: 0\r\n\r\n" % (callee.name, caller.name, route, original))
        bye = callee.expect("BYE")
        assert bye.get("from") == seen + ";tag=ft"
        callee.reply(bye, 200, "OK")
        assert caller.expect(200).get("from") == original
        callee.send("INFO sip:c@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKu3\r\nMax-Forwards: 70\r\n"
                    "Route: %s\r\nFrom: <sip:bob@example.org>;tag=tt\r\nTo: %s;tag=ft\r\nCall-ID: u1\r\nCSeq: 5 INFO\r\n"
                    "Content-Length: 0\r\n\r\n" % (caller.name, callee.name, route, seen))
        info = caller.expect("INFO")
        assert info.get("to") == original and info.get("from") == "<sip:bob@example.org>;tag=tt"
        caller.reply(info, 200, "OK")
        assert callee.expect(200).get("to") == seen + ";tag=ft"


def test_to_is_replaced_and_a_failure_is_given_back(start, agents):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES, ROUTE=relay(
        callee_port, before='uac_replace_to("Nobody", "sip:nobody@hidden.example");', failure="exit;"))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
        caller.request("MESSAGE", "sip:bob@example.org")
        message = callee.expect("MESSAGE")
        assert message.get("to") == '"Nobody" <sip:nobody@hidden.example>'
        callee.reply(message, 486, "Busy", tag="tt")
        assert caller.expect(486).get("to") == "<sip:bob@example.org>;tag=tt"


@pytest.mark.parametrize("mode, replies, call, sequential", [
    ("none", False, "", False), ("manual", True, "", False), ("manual", True, "uac_restore_from();", True),
    ("auto", True, "", True),
])
def test_restore_modes(start, agents, mode, replies, call, sequential):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES + 'modparam("uac", "restore_mode", "%s")\n'
                   'modparam("uac", "rr_from_store_param", "mine")' % mode, ROUTE=relay(
        callee_port, before='uac_replace_from(, "sip:robin@gotham.example");', sequential=call))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
        sent = caller.request("INVITE", "sip:bob@example.org")
        invite = callee.expect("INVITE")
        assert ("mine=" in invite.get("record-route")) == (mode != "none")
        callee.reply(invite, 200, "OK", tag="tt", headers=["Contact: <sip:bob@%s>" % callee.name])
        ok = caller.expect(200)
        assert ("robin" not in ok.get("from")) == replies
        caller.request("BYE", "sip:bob@%s" % callee.name, callee="sip:bob@example.org", call_id=sent["call_id"], cseq=2,
                       from_tag=sent["from_tag"], to_tag="tt", headers=["Route: " + ok.get("record-route")])
        assert ("robin" in callee.expect("BYE").get("from")) == sequential


def test_a_forged_parameter_changes_nothing(start, agents):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES + 'modparam("uac", "restore_passwd", "riddle")', ROUTE=relay(callee_port))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
        for value in ("dXNpcDphQGIAc2lwOmNAZA", "x", "", "%00", "A" * 3000, "dXNpcDphQGIADQpFdmlsOiB5ZXM"):
            for extra in (";vsc=1", ";vsc=99999999999", ";vsc=-1", ""):
                caller.request("INFO", "sip:bob@%s" % callee.name, to_tag="tt", cseq=5, from_tag="ft", headers=[
                    "Route: <sip:127.0.0.1:%d;lr;ftag=ft;vsf=%s%s>" % (server.port, value, extra)])
                info = callee.expect("INFO")
                assert info.get("from") == "<sip:caller@127.0.0.1>;tag=ft" and "evil" not in str(info).lower()
                callee.reply(info, 200, "OK")
                assert caller.expect(200).get("cseq") == "5 INFO"


def test_cseq_is_raised_on_demand(start, agents):
    callee_port = free_port()
    server = start("waiting.cfg", EXTRA=MODULES, ROUTE=relay(callee_port, before="uac_inc_cseq(3); uac_inc_cseq(2);"))
    caller, = agents(server, 1)
    with Agent((server.address, server.port), port=callee_port) as callee:
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
