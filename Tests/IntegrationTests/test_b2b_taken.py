"""An INVITE that is answered, or somebody's already, is not taken: nobody is called, no call is touched, nothing stays."""
import pytest

from b2bcalls import (NOTHING, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, contact_of, no_state)
from conftest import HERE, free_port, wait_for
from uasessions import ended, invite, serve

PAUSE = 'loadmodule "cfgutils.so"\n'
JOIN = 'b2b_bridge_request($hdr(X-Key), 0)'
SESSION = 'ua_session_server_init($var(key))'
INIT = 'b2b_init_request("top hiding")'


def asks(server, agents, user, headers=()):
    caller = agents(server)
    return caller, caller.request("INVITE", "sip:%s@%s:%d" % (user, server.address, server.port), body=OFFER,
                                  headers=[SDP, *headers])


def logged(server, text):
    wait_for(lambda: text in server.tail(20000), text)


@pytest.fixture
def waiting(start):
    """waiting() → server whose script waits a second before it takes an INVITE in one of three ways, by the called user. A CANCEL
    that belongs to no entity goes its usual way."""
    def make():
        text = (HERE / "cfg" / "b2b.cfg").read_text()
        usual = 'if (is_method("CANCEL")) {\n\t\tt_check_trans();'
        assert usual in text
        port = free_port()
        ways = "".join('if ($rU == "%s") { t_newtran(); sleep(1); if (%s) xlog("TAKEN\\n"); xlog("THEN %s\\n"); exit; }\n'
                       % (user, way, user) for user, way in [("join", JOIN), ("session", SESSION), ("init", INIT)])
        server = start(text.replace(usual, usual.replace("t_check_trans", "t_relay")), UAS_PORT=port,
                       **{**NOTHING, "EXTRA": PAUSE, "ROUTE": ways})
        server.uas_port = port
        return server

    return make


def test_what_was_cancelled_while_the_script_waited(waiting, agents):
    server = waiting()
    call = Call(server, agents).pick_up().confirm()
    key = b2b_sessions(server)[0]["key"]
    for user in ("join", "session", "init"):
        caller, sent = asks(server, agents, user, ["X-Key: " + key])
        caller.expect(100, skipping=())
        caller.cancel(sent)
        assert {caller.receive().status, caller.receive().status} == {200, 487}
        logged(server, "THEN " + user)
    assert "TAKEN" not in server.tail(20000)
    call.callee.nothing()
    call.caller.nothing(0.01)
    assert server.mi("ua_session_list") == [] and len(b2b_sessions(server)) == 1
    call.hang_up()


@pytest.mark.parametrize("user", ["session", "init"])
def test_cancel_that_was_read_before_it_was_taken(start, agents, user):
    """The CANCEL is nobody's when it is read, and somebody's when its script relays it: who has the INVITE by then is told."""
    port = free_port()
    text = (HERE / "cfg" / "b2b.cfg").read_text()
    usual = 'if (is_method("CANCEL")) {'
    assert usual in text
    server = start(text.replace(usual, """if (is_method("CANCEL")) {
		xlog("READ\\n");
		while ($shv(taken) != 1) usleep(50000);
		t_relay();
		exit;
	}
	if (is_method("NEVER")) {"""), UAS_PORT=port, **{**NOTHING, "EXTRA": PAUSE, "ROUTE": """t_newtran();
	while ($shv(go) != 1) usleep(50000);
	if ($rU == "session") {
		%s;
	} else {
		$ru = "sip:callee@127.0.0.1:%d";
		%s;
	}
	xlog("THEN\\n");
	exit;""" % (SESSION, port, INIT)})
    callee = agents(server, port)
    caller, sent = asks(server, agents, user)
    caller.expect(100, skipping=())
    caller.cancel(sent)
    logged(server, "READ")
    server.mi("shv_set", name="go", type="int", value="1")
    logged(server, "THEN")
    if user == "init":
        ringing = callee.expect("INVITE")
        callee.reply(ringing, 180, "Ringing", tag="c", headers=[contact_of(callee)])
        caller.expect(180)
    server.mi("shv_set", name="taken", type="int", value="1")
    if user == "init":
        callee.reply(callee.expect("CANCEL"), 200, "OK", tag="c")
        callee.reply(ringing, 487, "Request Terminated", tag="c")
        callee.expect("ACK")
    answers = [caller.receive(), caller.receive()]
    assert {answer.status for answer in answers} == {200, 487}
    caller.ack(sent, next(answer for answer in answers if answer.status == 487))
    ended(server)
    no_state(server)


@pytest.mark.parametrize("way", [JOIN, SESSION, INIT])
def test_what_the_script_has_answered(b2b, agents, way):
    server = b2b(ROUTE="""if ($rU == "refused") {
		t_newtran();
		t_reply(486, "Busy Here");
		if (%s) xlog("TAKEN\\n");
		xlog("THEN\\n");
		exit;
	}""" % way)
    call = Call(server, agents).pick_up().confirm()
    caller, sent = asks(server, agents, "refused", ["X-Key: " + b2b_sessions(server)[0]["key"]])
    caller.ack(sent, caller.expect(486))
    logged(server, "THEN")
    assert "TAKEN" not in server.tail(20000)
    call.callee.nothing()
    assert server.mi("ua_session_list") == [] and len(b2b_sessions(server)) == 1
    call.hang_up()


@pytest.mark.parametrize("way", [SESSION, INIT])
def test_what_the_script_has_relayed(b2b, agents, way):
    port = free_port()
    server = b2b(UAS_PORT=port, ROUTE="""$ru = "sip:callee@127.0.0.1:%d";
	t_relay();
	if (%s) xlog("TAKEN\\n");
	xlog("THEN\\n");
	exit;""" % (port, way))
    callee = agents(server, port)
    caller, sent = asks(server, agents, "someone")
    logged(server, "THEN")
    log = server.tail(20000)
    assert "TAKEN" not in log and "the INVITE has been relayed already" in log
    callee.reply(callee.expect("INVITE"), 486, "Busy Here", tag="c")
    callee.expect("ACK")
    caller.ack(sent, caller.expect(486))
    callee.nothing(0.1)
    no_state(server)


@pytest.mark.parametrize("first", [SESSION, INIT])
@pytest.mark.parametrize("second", [SESSION, INIT, 'b2b_bridge_request($b2b_logic.key, 0)'])
def test_nobody_takes_it_twice(b2b, agents, first, second):
    port = free_port()
    server = b2b(UAS_PORT=port, ROUTE="""$ru = "sip:callee@127.0.0.1:%d";
	%s;
	if (%s) xlog("TAKEN\\n");
	xlog("THEN\\n");
	exit;""" % (port, first, second))
    agents(server, port)
    caller, sent = asks(server, agents, "someone")
    logged(server, "THEN")
    log = server.tail(20000)
    assert "TAKEN" not in log
    if "bridge" not in second or first == INIT:
        assert "another function has taken the INVITE already" in log
    assert len(server.mi("ua_session_list")) + len(b2b_sessions(server)) == 1
    caller.cancel(sent)
    caller.expect(200)
    caller.ack(sent, caller.expect(487))
    no_state(server)


def test_a_call_that_comes_through_again_has_values_of_its_own(b2b, agents):
    port = free_port()
    server = b2b(port=port, ROUTE="""xlog("SEEN $rU key $b2b_logic.key who $b2b_logic.ctx(who)\\n");
	$b2b_logic.ctx(who) = $rU;
	if ($rU == "first") {
		$ru = "sip:second@127.0.0.1:%d";
		b2b_init_request("top hiding");
		exit;
	}""" % port)
    caller, sent = asks(server, agents, "first")
    callee = agents(server, server.uas_port)
    called = callee.expect("INVITE")
    assert [line.partition("SEEN ")[2] for line in server.tail(20000).splitlines() if "SEEN " in line] == [
        "first key <null> who <null>", "second key <null> who <null>"]
    assert sorted(session["context"]["who"] for session in b2b_sessions(server)) == ["first", "second"]
    callee.reply(called, 404, "Not Found", tag="c")
    caller.ack(sent, caller.expect(404))
    callee.expect("ACK")
    no_state(server)


def test_cancel_answers_what_waits_for_the_controller(serve, agents):
    server, control = serve()
    caller, sent = invite(agents, server, headers=["Supported: 100rel"])
    key = control.hear(event_type="NEW")["key"]
    control.order("reply", key=key, method="INVITE", code=183, extra_headers="Require: 100rel\r\nRSeq: 1")
    leg = Leg.asking(caller, sent, caller.expect(183))
    leg.request("PRACK", headers=["RAck: 1 1 INVITE"])
    control.hear(method="PRACK")
    caller.cancel(sent)
    got = [caller.receive() for _ in range(3)]
    assert sorted((m.status, m.method) for m in got if m.status > 200) == [(487, "INVITE"), (487, "PRACK")]
    control.hear(event_type="TERMINATED")
    ended(server)
