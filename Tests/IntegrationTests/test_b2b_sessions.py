"""User agent sessions: calls that come in, told of by E_UA_SESSION and driven by ua_session_*."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Leg, agents, b2b
from conftest import wait_for
from uasessions import SERVE, answered, ended, invite, serve


def test_a_call_from_outside(serve, agents):
    server, control = serve(extra="what it is for")
    caller, sent = invite(agents, server, headers=["X-Mark: here"])
    new = control.hear(event_type="NEW", entity_type="UAS", method="INVITE", body=OFFER, extra_params="what it is for")
    key = new["key"]
    assert "X-Mark: here\r\n" in new["headers"] and new["headers"].startswith("Via: ") and "status" not in new
    wait_for(lambda: "KEY %s\n" % key in server.tail(), "the script to go on")
    session, = server.mi("ua_session_list", key=key)
    assert session["callid"] == sent["call_id"] and session["state"] == "new" and session["type"] == "UAS"
    assert session["totag"] == key and session["fromtag"] == sent["from_tag"] and 43100 < session["lifetime"] <= 43200
    control.order("reply", key=key, method="INVITE", code=183, reason="On its way",
                  extra_headers="X-Early: 1\r\nX-Too: 2")
    early = caller.expect(183)
    assert early.first == "SIP/2.0 183 On its way" and early.get("x-early") == "1" and early.get("x-too") == "2"
    assert early.tag("to") == key
    control.order("reply", key=key, method="INVITE", code=200, body="hello", content_type="text/plain")
    ok = caller.expect(200)
    assert ok.get("content-type") == "text/plain" and ok.body == "hello" and ok.first == "SIP/2.0 200 OK"
    leg = Leg.asking(caller, sent, ok)
    leg.request("ACK", cseq=1, headers=[SDP], body=ANSWER)
    control.hear(key=key, event_type="UPDATED", method="ACK", body=ANSWER)
    assert server.mi("ua_session_list")[0]["state"] == "confirmed"
    # The far end asks.
    leg.request("INFO", headers=["Content-Type: application/dtmf-relay"], body="Signal=1\r\n")
    control.hear(key=key, event_type="UPDATED", method="INFO", body="Signal=1\r\n")
    control.order("reply", key=key, method="INFO", code=415, reason="What Is That")
    assert caller.expect(415).first == "SIP/2.0 415 What Is That"
    # The controller asks.
    control.order("update", key=key, method="OPTIONS", extra_headers="X-Ask: 1")
    options = caller.expect("OPTIONS")
    assert options.get("x-ask") == "1" and options.get("call-id") == sent["call_id"] and options.tag("from") == key
    caller.reply(options, 200, "Fine")
    control.hear(key=key, event_type="ANSWERED", method="OPTIONS", status=200, reason="Fine")
    leg.request("BYE")
    caller.expect(200)
    control.hear(key=key, event_type="TERMINATED", method="BYE")
    control.silent()
    control.refused("update", 404, key=key, method="INFO")
    ended(server)


def test_the_caller_gives_up(serve, agents):
    server, control = serve()
    caller, sent = invite(agents, server)
    key = control.hear(event_type="NEW")["key"]
    control.order("reply", key=key, method="INVITE", code=180)
    caller.expect(180)
    caller.cancel(sent)
    assert {caller.receive().status, caller.receive().status} == {200, 487}
    control.hear(key=key, event_type="TERMINATED", method="CANCEL")
    control.refused("reply", 404, key=key, method="INVITE", code=200)
    ended(server)


def test_a_call_is_refused_by_the_controller(serve, agents):
    server, control = serve(flags="n")
    caller, sent = invite(agents, server)
    key = wait_for(lambda: server.mi("ua_session_list"), "a session")[0]["key"]
    control.silent()
    control.refused("reply", 409, key=key, method="OPTIONS", code=200)
    control.order("reply", key=key, method="INVITE", code=603, reason="Never")
    refusal = caller.expect(603)
    caller.ack(sent, refusal)
    assert refusal.first == "SIP/2.0 603 Never"
    ended(server)


def test_without_flags_only_requests_are_told(serve, agents):
    server, control = serve(flags="")
    key, leg = answered(server, control, agents, flags_report_ack=False)
    control.order("update", key=key, method="INFO")
    leg.agent.reply(leg.agent.expect("INFO"), 200, "OK")
    leg.request("MESSAGE", body="text", headers=["Content-Type: text/plain"])
    event = control.hear(event_type="UPDATED", method="MESSAGE")
    assert "body" not in event and "headers" not in event
    control.order("reply", key=key, method="MESSAGE", code=200)
    leg.agent.expect(200)
    control.order("terminate", key=key)
    leg.agent.reply(leg.agent.expect("BYE"), 200, "OK")
    control.silent()
    ended(server)


@pytest.mark.parametrize("flags, extra", [("t1", ""), ("", 'modparam("b2b_entities", "ua_default_timeout", 1)')])
def test_a_session_ends_when_its_life_is_over(serve, agents, flags, extra):
    server, control = serve(flags=flags, EXTRA=extra)
    key, leg = answered(server, control, agents, flags_report_ack=False)
    leg.agent.reply(leg.agent.expect("BYE"), 200, "OK")
    control.hear(key=key, event_type="TERMINATED", method="BYE", reason="Lifetime over")
    ended(server)


def test_a_script_is_the_controller(b2b, agents):
    """The script answers, an event route goes on: nobody outside is needed."""
    server = b2b(ROUTE=SERVE % ("hb", "", 'ua_session_reply($var(key), "INVITE", 180);'
                                'ua_session_reply($var(key), "INVITE", 200, "Here", "v=0", "X-By: script");'),
                 ROUTES="""
event_route[E_UA_SESSION] {
	xlog("EVENT $param(event_type) $param(method) $param(status)\\n");
	if ($param(method) == "INFO") {
		ua_session_reply($param(key), "INFO", 200, "Script");
		ua_session_update($param(key), "MESSAGE", "text", "X-By: event", "text/plain");
	}
	if ($param(method) == "OPTIONS") {
		ua_session_reply($param(key), "OPTIONS", 200);
		ua_session_terminate($param(key), "X-By: event");
		if (!ua_session_terminate($param(key))) xlog("GONE\\n");
	}
}""")
    caller, sent = invite(agents, server)
    assert caller.expect(180).first == "SIP/2.0 180 Ringing"
    ok = caller.expect(200)
    assert ok.first == "SIP/2.0 200 Here" and ok.get("x-by") == "script" and ok.get("content-type") == "application/sdp"
    leg = Leg.asking(caller, sent, ok)
    leg.request("ACK", cseq=1)
    leg.request("INFO")
    assert caller.expect(200).first == "SIP/2.0 200 Script"
    message = caller.expect("MESSAGE")
    assert message.body == "text" and message.get("x-by") == "event" and message.get("content-type") == "text/plain"
    caller.reply(message, 200, "OK")
    leg.request("OPTIONS")
    caller.expect(200)
    bye = caller.expect("BYE")
    assert bye.get("x-by") == "event"
    caller.reply(bye, 200, "OK")
    ended(server)
    wait_for(lambda: "GONE" in server.tail(), "the route to be told that it is gone")
    assert "EVENT NEW INVITE <null>" in server.tail()


def test_functions_answer_false_for_what_is_not_there(b2b, agents):
    server = b2b(ROUTE="""
	$var(key) = "B2B.1.2.3";
	if (ua_session_terminate($var(key)) || ua_session_update($var(key), "INFO") || ua_session_reply($var(key), "INFO", 200)
			|| ua_session_reply($var(key), "INFO", 99) || ua_session_update($var(key), "NO TOKEN")
			|| ua_session_server_init($var(key)))
		send_reply(500, "Wrong");
	else
		send_reply(200, "All False");
	exit;""")
    agent = agents(server)
    agent.request("MESSAGE", "sip:x@%s:%d" % (server.address, server.port))
    assert agent.expect(200).first == "SIP/2.0 200 All False"
    assert "only for an INVITE outside of a dialog" in server.tail()


def test_reliable_responses_of_the_controller_are_repeated_until_prack(serve, agents):
    server, control = serve(T1=500)
    caller, sent = invite(agents, server, headers=["Supported: 100rel"])
    key = control.hear(event_type="NEW")["key"]
    control.order("reply", key=key, method="INVITE", code=183, body=ANSWER, extra_headers="Require: 100rel\r\nRSeq: 9")
    early = caller.expect(183)
    assert caller.expect(183).raw == early.raw
    leg = Leg.asking(caller, sent, early)
    leg.request("PRACK", headers=["RAck: 9 1 INVITE"])
    control.hear(event_type="UPDATED", method="PRACK")
    control.order("reply", key=key, method="PRACK", code=200)
    assert caller.expect(200, skipping=(100, 183)).method == "PRACK"
    control.order("terminate", key=key)
    caller.ack(sent, caller.expect(480))
    ended(server)


def test_an_answer_that_is_never_acknowledged_ends_the_session(serve, agents):
    server, control = serve(EXTRA='modparam("tm", "T1_timer", 20)\nmodparam("tm", "T2_timer", 40)')
    caller, sent = invite(agents, server)
    key = control.hear(event_type="NEW")["key"]
    control.order("reply", key=key, method="INVITE", code=200)
    control.hear(key=key, event_type="TERMINATED", method="BYE", reason="No ACK")
    caller.expect("BYE", skipping=(100, 200))
    ended(server)


def test_more_requests_than_may_wait(serve, agents):
    server, control = serve(flags="")
    key, leg = answered(server, control, agents, flags_report_ack=False)
    for number in range(17):
        leg.request("INFO")
    assert leg.agent.expect(500).get("cseq") == "2 INFO"
    leg.request("BYE")
    statuses = [leg.agent.receive() for _ in range(17)]
    assert sorted((m.status, m.method) for m in statuses) == [(200, "BYE")] + [(487, "INFO")] * 16
    ended(server)


def test_flags_that_are_none_refuse_the_call(serve, agents):
    server, control = serve(flags="xyz", then='send_reply(500, "Bad Flags");')
    caller, sent = invite(agents, server)
    caller.ack(sent, caller.expect(500))
    assert "are no flags of it" in server.tail()
    ended(server)


def test_more_sessions_than_there_may_be(serve, agents):
    server, control = serve(EXTRA='modparam("b2b_entities", "entities_max", 1)')
    key, leg = answered(server, control, agents)
    caller, sent = invite(agents, server)
    refused = caller.expect(503)
    caller.ack(sent, refused)
    assert refused.get("retry-after") == "5"
    leg.request("BYE")
    leg.agent.expect(200)
    ended(server)
    callee = agents(server)
    start = dict(ruri="sip:b@%s" % callee.name, to="sip:b@x", **{"from": "sip:a@x"})
    first = server.mi("ua_session_client_start", **start)
    assert server.mi_call("ua_session_client_start", start)["error"]["code"] == 503
    callee.expect("INVITE")
    assert server.mi("ua_session_terminate", key=first) == "OK"
    ended(server)
