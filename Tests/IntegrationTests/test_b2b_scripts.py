"""Back-to-back calls that a script drives: its routes, functions, variables and parameters."""
import pytest

from b2bcalls import (ANSWER, INIT, NOTHING, OFFER, SDP, Call, agents, b2b, b2b_sessions, complete_bridge, contact_of,
                      entities, no_state, scripted, uri_of)
from conftest import wait_for
from http_service import Service

def test_a_script_decides(scripted, agents):
    server = scripted()
    call = Call(server, agents).pick_up().confirm()
    session, = b2b_sessions(server)
    assert session["scenario"] == "mine" and session["context"] == {"what": "early"}
    assert [e["scenario_id"] for e in entities(session)] == ["caller", "callee"]
    call.hang_up()
    log = server.tail()
    assert "B2B ACK from caller of mine, early" in log and "B2B BYE from caller of mine, early" in log
    for line in ("180 INVITE from callee", "200 INVITE from callee", "200 BYE from callee"):
        assert "B2B reply " + line in log




@pytest.mark.parametrize("module", ["b2b_logic", "b2b_entities"])
def test_routes_of_the_parameters(scripted, agents, module):
    sizes = [("b2b_logic", "hash_size"), ("b2b_entities", "server_hsize"), ("b2b_entities", "client_hsize")]
    extra = "\n".join('modparam("%s", "script_%s_route", "b2b_%s")' % (module, n, r)
                      for n, r in (("req", "request"), ("reply", "reply")))
    extra += "".join('\nmodparam("%s", "%s", 0)' % one for one in sizes)
    server = scripted(EXTRA=extra, init=INIT.replace(', "", "b2b_request", "b2b_reply"', "").replace(
        "\texit;",
        '\t$b2b_logic.ctx(late) = "after";\n\txlog("BEGUN $b2b_logic.key $b2b_logic.scenario\\n");\n\texit;'))
    call = Call(server, agents).pick_up().confirm()
    session, = b2b_sessions(server)
    assert session["context"] == {"what": "early", "late": "after"}
    call.hang_up()
    log = server.tail()
    for line in ("BEGUN %s mine" % session["key"], "B2B BYE from caller", "B2B reply 200 INVITE from callee"):
        assert line in log


@pytest.mark.parametrize("routes, seen", [(', "", "b2b_request"', ["request"]), ("", [])])
def test_what_has_no_route_passes(scripted, agents, routes, seen):
    server = scripted(init=INIT.replace(', "", "b2b_request", "b2b_reply"', routes))
    Call(server, agents).pick_up().confirm().hang_up()
    log = server.tail()
    assert ("B2B BYE from caller" in log) == ("request" in seen) and "B2B reply" not in log


def test_variables_name_both_dialogs(scripted, agents):
    server = scripted(refer="""xlog("AT $(b2b_logic.entity[0]) $(b2b_logic.entity(key)[0]) "
			"$(b2b_logic.entity(callid)[1]) "
			"$(b2b_logic.entity(id)[1]) $(b2b_logic.entity(fromtag)[0]) $(b2b_logic.entity(totag)[1]) $b2b_logic.key\\n");
		xlog("OUTSIDE $(b2b_logic.entity[2]) $b2b_logic.entity(nothing)\\n");
		xlog("PEER $b2b_logic.peer($ci;$ft;$tt) OF $b2b_logic.scenario($b2b_logic.key)\\n");
		$b2b_logic.ctx(what) = NULL;
		$b2b_logic.ctx(other) = "late";""")
    call = Call(server, agents).pick_up().confirm()
    session, = b2b_sessions(server)
    call.a.request("REFER", headers=["Refer-To: <sip:x@127.0.0.1>"])
    call.caller.expect(202)
    log = server.tail()
    caller, callee = entities(session)
    assert "AT %s %s %s callee %s %s %s\n" % (caller["key"], caller["key"], callee["callid"], call.a.local_tag,
                                             call.b.local_tag, session["key"]) in log
    assert "OUTSIDE <null> <null>\n" in log
    assert "PEER %s;%s;%s OF mine\n" % (callee["callid"], callee["fromtag"], callee["totag"]) in log
    assert b2b_sessions(server)[0]["context"] == {"other": "late"}
    call.hang_up()


def test_a_local_route_knows_whose_requests_leave(scripted, agents):
    server = scripted(LOCAL='xlog("LOCAL $rm $b2b_logic.key $b2b_logic.entity(id)\\n");')
    call = Call(server, agents).pick_up().confirm()
    key = b2b_sessions(server)[0]["key"]
    call.hang_up(call.b, call.a)
    log = server.tail()
    for line in ("ACK %s callee", "BYE %s caller"):
        assert "LOCAL " + line % key in log, log


INIT_WITH_ALL = """
	$avp(names) = "X-A"; $avp(values) = "a value";
	$avp(to_caller) = "X-Caller"; $avp(caller_values) = "c";
	b2b_server_new("caller", "sip:front@192.0.2.1:5071", $avp(to_caller), $avp(caller_values));
	b2b_client_new("callee", "sip:callee@192.0.2.2", "sip:127.0.0.1:@UAS_PORT@", "Front Desk", "sip:back@192.0.2.1:5072",
		$avp(names), $avp(values));
	b2b_init_request("mine", "@FLAGS@", "b2b_request", "b2b_reply");
	exit;
"""


def test_what_new_entities_are_given(scripted, agents):
    server = scripted(init=INIT_WITH_ALL.replace("@FLAGS@", ""))
    call = Call(server, agents)
    invite = call.invite
    assert invite.uri == "sip:callee@192.0.2.2" and invite.get("to") == "<sip:callee@192.0.2.2>"
    assert invite.get("from").startswith('"Front Desk" <sip:caller@127.0.0.1>')
    assert invite.get("contact") == "<sip:back@192.0.2.1:5072>" and invite.get("x-a") == "a value"
    assert call.ringing.get("contact") == "<sip:front@192.0.2.1:5071>"
    call.pick_up()
    assert call.ok.get("contact") == "<sip:front@192.0.2.1:5071>"
    for leg in (call.a, call.b):
        leg.target = "sip:%s:%d" % (server.address, server.port)
    call.confirm()
    assert call.ack.get("x-a") == "a value"
    call.b.request("BYE")
    bye = call.caller.expect("BYE")
    assert bye.get("x-caller") == "c" and bye.get("x-a") is None
    call.caller.reply(bye, 200, "OK")
    call.callee.expect(200)
    no_state(server)


def test_the_callers_to_is_kept_on_demand(b2b, agents):
    server = b2b(ARGUMENTS=', "preserve-to,setup-timeout=0"')
    call = Call(server, agents, user="dialled")
    assert call.invite.get("to") == "<sip:dialled@%s:%d>" % (server.address, server.port)
    assert call.invite.uri == "sip:callee@127.0.0.1:%d" % server.uas_port
    call.pick_up().confirm().hang_up()


@pytest.mark.parametrize("where", ["session", "entity", "nowhere"])
def test_forks_of_the_callee_are_told_apart_on_demand(scripted, b2b, agents, where):
    if where == "entity":
        server = scripted(init=INIT.replace('@UAS_PORT@");', '@UAS_PORT@", , , , , , "pass-legs-upstream");'))
    else:
        server = b2b(ARGUMENTS=', "pass-legs-upstream"' if where == "session" else "")
    call = Call(server, agents, rings=False)
    tags = []
    for tag in ("one", "two"):
        call.callee.reply(call.invite, 180, "Ringing", tag=tag, headers=[contact_of(call.callee)])
        tags.append(call.caller.expect(180).tag("to"))
    call.tag = "two"
    call.pick_up()
    assert call.ok.tag("to") == tags[1]
    assert (tags[0] != tags[1]) == (where != "nowhere") and (tags[1] == tags[0] + "-1") == (where != "nowhere")
    call.confirm()
    assert call.ack.tag("to") == "two"
    call.a.request("INFO")
    call.callee.reply(call.callee.expect("INFO"), 200, "OK")
    call.caller.expect(200)
    call.hang_up(*((call.b, call.a) if where == "session" else (call.a, call.b)))


@pytest.mark.parametrize("value, contact", [
    ("sip:sa@192.0.2.5:5060", "<sip:sa@192.0.2.5:5060>"),
    ("sip:$socket_in(ip):$socket_in(port);x=$socket_in(proto)", "<sip:%(address)s:%(port)d;x=UDP>")])
def test_the_servers_address_is_what_the_parameter_says(b2b, agents, value, contact):
    server = b2b(EXTRA='modparam("b2b_logic", "server_address", "%s")' % value)
    call = Call(server, agents)
    expected = contact % dict(address=server.address, port=server.port)
    assert call.invite.get("contact") == expected and call.ringing.get("contact") == expected
    call.caller.cancel(call.sent)
    assert {call.caller.receive().status, call.caller.receive().status} == {200, 487}
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")
    no_state(server)


def test_a_variable_says_who_calls(b2b, agents):
    server = b2b(EXTRA='modparam("b2b_logic", "b2bl_from_spec_param", "$var(from)")',
                 ROUTE='if ($rU == "hidden") $var(from) = "\\"Reception\\" <sip:desk@192.0.2.7>";')
    call = Call(server, agents, user="hidden")
    assert call.invite.get("from").startswith('"Reception" <sip:desk@192.0.2.7>;tag=')
    call.pick_up().confirm().hang_up()
    call = Call(server, agents)
    assert uri_of(call.invite.get("from")) == call.sent["caller"]
    call.pick_up().confirm().hang_up()


def test_flags_that_are_none_are_told(scripted, agents):
    server = scripted(init=INIT.replace('"mine", ""', '"mine", "setup-timeout=soon,preserve-too"'), refer="""
		b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new", , "hold,max_duration,holds");""")
    call = Call(server, agents).pick_up().confirm()
    party = agents(server)
    call.a.request("REFER", headers=["Refer-To: <sip:new@%s>" % party.name])
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    log = server.tail()
    for function, flag in [("init_request", "setup-timeout"), ("init_request", "preserve-too"),
                           ("bridge", "max_duration"), ("bridge", "holds")]:
        assert 'b2b_%s: "%s" is no flag of it' % (function, flag) in log
    assert '"hold" is no flag' not in log


def test_a_redirection_passes_with_its_contacts_on_demand(scripted, agents):
    server = scripted(reply="""if ($rs == 302) {
		b2b_handle_reply("pass-3xx-contact");
		exit;
	}""")
    call = Call(server, agents, rings=False)
    call.callee.reply(call.invite, 302, "Elsewhere", tag=call.tag, headers=["Contact: <sip:there@192.0.2.8>;q=0.5"])
    call.callee.expect("ACK")
    reply = call.caller.expect(302)
    assert reply.all("contact") == ["<sip:there@192.0.2.8>;q=0.5"]
    call.caller.ack(call.sent, reply)
    no_state(server)


def test_a_script_answers_with_lines_and_a_body_or_not_at_all(scripted, agents):
    server = scripted(before="""if (is_method("INFO")) exit;
	if (is_method("OPTIONS")) { b2b_send_reply(405, "Not Here", "X-Why: no\\r\\n", "text"); exit; }""")
    call = Call(server, agents).pick_up().confirm()
    call.a.request("OPTIONS")
    reply = call.caller.expect(405)
    assert reply.first == "SIP/2.0 405 Not Here" and reply.get("x-why") == "no" and reply.body == "text"
    call.a.request("INFO")
    call.caller.expect(500)  # nothing is left unanswered for ever
    assert "the request route did nothing with INFO" in server.tail()
    call.callee.nothing(0.1)
    call.hang_up()


def test_a_script_deletes_who_hangs_up_and_calls_the_other_elsewhere(scripted, agents):
    server = scripted(before="""if (is_method("BYE") && $b2b_logic.entity(id) == "callee") {
		b2b_send_reply(200, "OK");
		b2b_delete_entity();
		b2b_client_new("next", "$b2b_logic.ctx(next)");
		b2b_bridge("peer", "next");
		exit;
	}""", init='$b2b_logic.ctx(next) = $hdr(X-Next);' + INIT)
    party = agents(server)
    call = Call(server, agents, headers=["X-Next: sip:new@%s" % party.name]).pick_up().confirm()
    call.b.request("BYE")
    call.callee.expect(200)
    leg = complete_bridge(call, call.a, party)
    session, = b2b_sessions(server)
    assert [e["scenario_id"] for e in entities(session)] == ["caller", "next"]
    call.hang_up(call.a, leg)


def test_waiting_routes_keep_the_order_of_what_comes(scripted, agents, closing):
    """INFO, OPTIONS and BYE while the first waits in its route; the same process serves another call."""
    service = closing(Service())
    server = scripted(WORKERS=1, EXTRA='loadmodule "cfgutils.so"\nloadmodule "rest_client.so"', before="""
	if (is_method("INFO")) rest_get("%s/hold", $var(b));
	if (is_method("UPDATE")) async(usleep(300000), resume_pass);
	if (is_method("UPDATE")) exit;""" % service.url, more="route[resume_pass] { b2b_pass_request(); }",
                      reply="""if ($rm == "INFO") usleep(100000);""")
    call = Call(server, agents).pick_up().confirm()
    other = Call(server, agents)
    call.a.request("INFO")
    call.a.request("OPTIONS")
    other.pick_up().confirm().a.request("BYE")
    bye = other.callee.expect("BYE")  # before the INFO
    other.callee.reply(bye, 200, "OK")
    other.caller.expect(200)
    service.release()
    for method in ("INFO", "OPTIONS"):
        call.callee.reply(call.callee.expect(method), 200, "OK")
        assert call.caller.expect(200).method == method
    call.a.request("UPDATE", headers=[SDP], body=OFFER)
    call.a.request("BYE")
    update = call.callee.expect("UPDATE")
    assert update.body == OFFER
    call.callee.reply(update, 200, "OK", headers=[SDP, contact_of(call.callee)], body=ANSWER)
    assert call.caller.expect(200).body == ANSWER
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    call.caller.expect(200)
    no_state(server)


def test_a_reply_route_ends_who_replied(scripted, agents):
    server = scripted(reply="""if ($rs == 603) {
		b2b_handle_reply();
		b2b_end_dlg_leg();
		exit;
	}""")
    call = Call(server, agents).pick_up().confirm()
    call.a.request("INFO")
    call.callee.reply(call.callee.expect("INFO"), 603, "Decline")
    call.caller.expect(603)
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    call.a.request("BYE")  # nobody is left to tell
    call.caller.expect(200)
    no_state(server)


def test_two_who_are_there_already_are_not_bridged(scripted, agents):
    server = scripted(refer="""if (!b2b_bridge("this", "peer")) xlog("NOT BRIDGED\\n");
		if (!b2b_bridge("this", "nobody")) xlog("NOBODY\\n");
		if (!b2b_bridge_retry("nobody")) xlog("NO RETRY\\n");""")
    call = Call(server, agents).pick_up().confirm()
    call.a.request("REFER", headers=["Refer-To: <sip:x@127.0.0.1>"])
    call.caller.expect(202)
    call.hang_up()
    log = server.tail()
    assert "NOT BRIDGED" in log and "NOBODY" in log and "NO RETRY" in log


@pytest.mark.parametrize("module", ["b2b_logic", "b2b_entities"])
def test_a_database_is_refused(start, module):
    server = start("b2b.cfg", wait=False, UAS_PORT=9, **NOTHING, EXTRA='modparam("%s", "db_mode", 2)' % module)
    assert server.process.wait(10) == 1
    assert "there is no database" in server.tail() and "use 0" in server.tail()
    server.process.returncode = 0


@pytest.mark.parametrize("line, words", [
    ('b2b_pass_request();', "only in the routes of b2b sessions"),
    ('b2b_client_new("a", "nonsense");', "is no URI"),
    ('b2b_init_request("mine");', "call b2b_server_new"),
    ('b2b_server_new("a"); b2b_client_new("b", "sip:b@127.0.0.1"); b2b_init_request("mine", "", "nowhere");',
     "no route[nowhere]"),
])
def test_wrong_use_is_told_and_answers_false(b2b, agents, line, words):
    server = b2b(ROUTE=line + " exit;")
    caller = agents(server)
    caller.request("INVITE", "sip:x@%s:%d" % (server.address, server.port), body=OFFER, headers=[SDP])
    wait_for(lambda: words in server.tail(), "the log to say so\n" + server.tail())
