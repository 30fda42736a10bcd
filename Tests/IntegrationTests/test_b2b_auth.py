"""Challenges in back-to-back calls: answered with the server's credentials, or passed."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, agents, b2b, b2b_sessions, contact_of, no_state, parties
from sip import token
from uacscripts import check

UAC_AUTH = """loadmodule "uac_auth.so"
modparam("uac_auth", "credential", "me:there:secret")
modparam("uac_auth", "credential", "edge:proxy:hidden")"""
CHALLENGE = 'WWW-Authenticate: Digest realm="there", nonce="%s"%s'


@pytest.fixture(params=["udp", "tcp"])
def calls(b2b, agents, request):
    """calls(…) → a call through a server with credentials, each test over both transports."""
    def make(extra=UAC_AUTH, **more):
        values = {name: more.pop(name) for name in list(more) if name.isupper()}
        server, caller = parties(b2b, agents, request.param, request.param, EXTRA=extra, **values)
        return Call(server, agents, caller=caller, **more)

    return make


def challenged(call, invite, line, status=401):
    call.callee.reply(invite, status, "Who", tag=token("c"), headers=[line])
    call.callee.expect("ACK")


def answered(call, invite):
    """The call goes on with the INVITE that was let in."""
    call.invite, call.tag = invite, token("c")
    return call.pick_up().confirm()


def refused(call, status, count=0):
    reply = call.caller.expect(status)
    call.caller.ack(call.sent, reply)
    call.callee.nothing()
    no_state(call.server)


@pytest.mark.parametrize("parameters", [
    "", ', qop="auth"', ', qop="auth-int", algorithm=SHA-256', ', qop="auth,auth-int", algorithm=SHA-512-256-sess'])
def test_a_challenge_is_answered(calls, parameters):
    call = calls(rings=False)
    challenged(call, call.invite, CHALLENGE % ("abc", parameters))
    again = call.callee.expect("INVITE")
    given = check(again.get("authorization"), "INVITE", "me", "secret", OFFER)
    assert again.get("cseq") == "2 INVITE" and again.body == OFFER and given["uri"] == again.uri
    answered(call, again)
    # The ACK has what the INVITE had (RFC 3261 §22.1).
    assert call.ack.get("authorization") == again.get("authorization")
    call.hang_up()


def test_a_proxy_and_then_the_callee_ask(calls):
    call = calls(rings=False)
    challenged(call, call.invite, 'Proxy-Authenticate: Digest realm="proxy", nonce="p"', 407)
    second = call.callee.expect("INVITE")
    check(second.get("proxy-authorization"), "INVITE", "edge", "hidden")
    assert second.get("authorization") is None
    challenged(call, second, CHALLENGE % ("w", ""))
    third = call.callee.expect("INVITE")
    check(third.get("proxy-authorization"), "INVITE", "edge", "hidden")
    check(third.get("authorization"), "INVITE", "me", "secret")
    assert third.get("cseq") == "3 INVITE"
    answered(call, third).hang_up()


def test_both_ask_at_once(calls):
    call = calls(rings=False)
    call.callee.reply(call.invite, 401, "Who", tag="c", headers=[
        CHALLENGE % ("w", ""), 'Proxy-Authenticate: Digest realm="proxy", nonce="p"'])
    call.callee.expect("ACK")
    again = call.callee.expect("INVITE")
    check(again.get("proxy-authorization"), "INVITE", "edge", "hidden")
    check(again.get("authorization"), "INVITE", "me", "secret")
    answered(call, again).hang_up()


@pytest.mark.parametrize("parameters, attempts", [("", 2), (", stale=true", 4)])
def test_who_never_has_enough_is_given_up(calls, parameters, attempts):
    call = calls(rings=False)
    invite = call.invite
    for number in range(attempts):
        if number:
            invite = call.callee.expect("INVITE")
            assert len(invite.all("authorization")) == 1 and 'nonce="n%d"' % (number - 1) in invite.get("authorization")
        challenged(call, invite, CHALLENGE % ("n%d" % number, parameters))
    refused(call, 401)


def test_who_is_not_known_is_not_answered(calls):
    call = calls(rings=False)
    challenged(call, call.invite, 'WWW-Authenticate: Digest realm="elsewhere", nonce="n"')
    refused(call, 401)


@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE"])
def test_later_requests_are_challenged_too(calls, method):
    call = calls().pick_up().confirm()
    call.a.request(method, headers=[SDP], body=OFFER)
    first = call.callee.expect(method)
    call.callee.reply(first, 401, "Who", headers=[CHALLENGE % ("n", "")])
    if method == "INVITE":
        call.callee.expect("ACK")
    again = call.callee.expect(method)
    check(again.get("authorization"), method, "me", "secret")
    call.callee.reply(again, 200, "OK", headers=[contact_of(call.callee)] + ([SDP] if method == "INVITE" else []),
                      body=ANSWER if method == "INVITE" else "")
    assert call.caller.expect(200).method == method
    if method == "INVITE":
        call.a.request("ACK", cseq=call.a.cseq)
        assert call.callee.expect("ACK").get("authorization") == again.get("authorization")
    if method != "BYE":
        call.hang_up()
    no_state(call.server)


def test_a_bye_of_the_servers_own_is_challenged(calls):
    call = calls().pick_up().confirm()
    assert call.server.mi("b2b_terminate_call", key=b2b_sessions(call.server)[0]["key"]) == "OK"
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    call.callee.reply(call.callee.expect("BYE"), 401, "Who", headers=[CHALLENGE % ("n", "")])
    again = call.callee.expect("BYE")
    check(again.get("authorization"), "BYE", "me", "secret")
    # Wrong: that is all.
    call.callee.reply(again, 401, "Who", headers=[CHALLENGE % ("m", "")])
    call.callee.nothing()
    no_state(call.server)


def test_challenges_pass_on_demand(calls):
    call = calls('modparam("b2b_logic", "custom_headers", "X-A")', ARGUMENTS=', "transparent-auth"', rings=False)
    server = call.server
    challenged(call, call.invite, CHALLENGE % ("n", ""))
    reply = call.caller.expect(401)
    assert reply.get("www-authenticate") == (CHALLENGE % ("n", "")).partition(": ")[2]
    call.caller.ack(call.sent, reply)
    no_state(server)
    call = Call(server, agents, caller=call.caller, headers=["Authorization: Digest username=mine"]).pick_up().confirm()
    assert call.invite.get("authorization") == "Digest username=mine"
    # A BYE that is challenged has not ended the call: it comes again.
    call.a.request("BYE")
    call.callee.reply(call.callee.expect("BYE"), 407, "Who",
                      headers=['Proxy-Authenticate: Digest realm="r", nonce="n"'])
    assert 'realm="r"' in call.caller.expect(407).get("proxy-authenticate")
    call.a.request("BYE", headers=["Proxy-Authorization: Digest username=mine"])
    bye = call.callee.expect("BYE")
    assert bye.get("proxy-authorization") == "Digest username=mine"
    call.callee.reply(bye, 200, "OK")
    call.caller.expect(200)
    no_state(server)
