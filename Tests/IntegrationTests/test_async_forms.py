"""Every function that has an async form, in every form, and in every route in which it may stand."""
import pathlib
import re
import threading

import pytest

from conftest import free_port, wait_for
from http_service import Service
from sip import Agent, StreamAgent

# Name: the call, and what it gives: $rc, then its output.
FUNCTIONS = {
    "rest_get": ('rest_get("@URL@/echo", $avp(out))', "1 GET|"),
    "rest_post": ('rest_post("@URL@/echo", "text", "text/plain", $avp(out))', "1 POST|content-type: text/plain|text"),
    "rest_put": ('rest_put("@URL@/echo", "text", "text/plain", $avp(out))', "1 PUT|content-type: text/plain|text"),
    "exec": ('exec("echo said", , $avp(out))', "1 said"),
    "sleep": ("sleep(1)", "1 <null>"),
    "usleep": ("usleep(20000)", "1 <null>"),
}


@pytest.fixture
def service():
    one = Service()
    yield one
    one.close()


def nobody_waits(server):
    wait_for(lambda: server.statistic("core:waiting_scripts") == 0, "no script to wait")


def test_the_manual_names_the_functions_of_this_table(service):
    """docs/async.md lists those that `async()` takes."""
    text = (pathlib.Path(__file__).parent / "../../docs/async.md").read_text()
    listed = re.search(r"Functions with an async form: (.*?)\. `sipray check` refuses", text, re.S)[1]
    assert set(re.findall(r"`(\w+)`", listed)) == set(FUNCTIONS)


def test_each_function_in_each_form(start, agent, service):
    """Plain, by async() and by launch() each gives the same, in the process that asked, and all of them wait at once."""
    cases = ""
    for name, (call, _) in FUNCTIONS.items():
        call = call.replace("@URL@", service.url)
        cases += """
            if ($rU == "%s-plain") { %s; $var(rc) = $rc; append_to_reply("X-Result: $var(rc) $avp(out)\\r\\n");
                t_reply(200, "OK"); exit; }
            if ($rU == "%s-async") async(%s, resume);
            if ($rU == "%s-launch") { launch(%s, report, "%s"); t_reply(200, "OK"); exit; }
            """ % (name, call, name, call, name, call.replace("$avp(out)", "$var(out)"), name)
    server = start("waiting.cfg", WORKERS=3, ROUTE="""
        route { t_newtran(); $avp(process) = $pp; %s }
        route[resume] {
            append_to_reply("X-Result: $rc $avp(out)\\r\\n");
            if ($pp == $avp(process)) t_reply(200, "OK"); else t_reply(500, "Another process");
        }
        route[report] { xlog("L_NOTICE", "report of $param(1): $rc $var(out).\\n"); }
        """ % cases)
    one = agent(server)
    asked = {}
    for name in FUNCTIONS:
        for form in ("plain", "async", "launch"):
            asked[one.request("MESSAGE", "sip:%s-%s@127.0.0.1" % (name, form))["call_id"]] = name, form
    found = {}
    while len(found) < len(asked):
        answer = one.expect(200)
        found[asked[answer.get("call-id")]] = answer.get("x-result")
    assert found == {(name, form): None if form == "launch" else FUNCTIONS[name][1] for name, form in asked.values()}
    for name, (_, expected) in FUNCTIONS.items():
        text = "report of %s: %s.\n" % (name, expected)
        wait_for(lambda: text in server.log_path.read_text(), text)
    nobody_waits(server)


def test_launch_stands_in_every_route(start, service):
    """Also without a transaction: startup, timer, event, local, error, failure, branch and reply routes."""
    launch = 'launch(rest_get("%s/echo", $var(out)), report, "%%s");' % service.url
    with Agent(None) as caller, Agent(None) as callee:
        server = start("waiting.cfg", ROUTE="""
            route {
                if ($rm == "ACK") { t_check_trans(); exit; }
                %s t_on_branch("b"); t_on_reply("r"); t_on_failure("f"); $du = "sip:%s"; t_relay();
            }
            branch_route[b] { %s }
            onreply_route[r] { %s }
            failure_route[f] { %s }
            local_route { %s }
            error_route { %s }
            startup_route { %s }
            timer_route[t, 1] { %s }
            event_route[E_CORE_THRESHOLD] { %s }
            route[report] { xlog("L_NOTICE", "report of $param(1): $rc $var(out).\\n"); }
            """ % (launch % "request", callee.name, *(launch % kind for kind in (
                "branch", "onreply", "failure", "local", "error", "startup", "timer", "event"))))
        caller.server = server.address, server.port
        sent = caller.request("INVITE", "sip:x@127.0.0.1")
        callee.reply(callee.expect("INVITE"), 486, "Busy", tag="t")
        callee.expect("ACK")
        caller.ack(sent, caller.expect(486))
        caller.send("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nCSeq: x\r\n\r\n")
        server.mi("evi:raise", event="E_CORE_THRESHOLD")
        order = dict(method="MESSAGE", ruri="sip:x@" + callee.name,
                     headers="From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n")
        thread = threading.Thread(target=lambda: server.mi_call("t_uac_dlg", order))
        thread.start()
        callee.reply(callee.expect("MESSAGE"), 200, "OK", tag="t")
        thread.join(5)
        for kind in ("request", "branch", "onreply", "failure", "local", "error", "startup", "timer", "event"):
            text = "report of %s: 1 GET|.\n" % kind
            wait_for(lambda: text in server.log_path.read_text(), text + server.tail())
    nobody_waits(server)


@pytest.mark.parametrize("wait", ["usleep(50000); route(late);", "async(usleep(50000), late);"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_reply_waits_with_its_route(start, wait, transport):
    """It is sent on when the route is done, with what the route changed; those behind it do not overtake it."""
    kind = StreamAgent if transport == "tcp" else Agent
    with kind(("127.0.0.1", 1)) as caller, Agent(None) as callee:
        port = free_port()
        server = start("waiting.cfg", port=port, WORKERS=1, EXTRA="""
            socket=tcp:127.0.0.1:%d
            loadmodule "proto_tcp.so"
            """ % port, ROUTE="""
            route { t_on_reply("r"); $du = "sip:%s"; t_relay(); }
            onreply_route[r] { $avp(a) = "kept"; append_hf("X-Before: $rs\\r\\n"); %s }
            route[late] { append_hf("X-After: $avp(a) $rs\\r\\n"); }
            """ % (callee.name, wait))
        caller.server = server.address, port
        caller.request("INVITE", "sip:x@127.0.0.1")
        invite = callee.expect("INVITE")
        for status, reason in ((180, "Ringing"), (183, "Progress"), (200, "OK")):
            callee.reply(invite, status, reason, tag="t")
        got = [caller.expect(status) for status in (180, 183, 200)]
        assert [m.get("x-before") for m in got] == ["180", "183", "200"]
        assert [m.get("x-after") for m in got] == ["kept 180", "kept 183", "kept 200"]
        nobody_waits(server)


def test_who_else_answers_ends_the_wait(start, agent, service):
    """Management answers the transaction: the script's rest and its HTTP request are over, a plain call goes on."""
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route {
            t_newtran();
            xlog("L_NOTICE", "transaction $T_id.\\n");
            if ($rU == "async") async(rest_get("@/slow/30", $var(b)), resume);
            rest_get("@/slow/30", $var(b));
            xlog("L_NOTICE", "went on with $rc\\n");
        }
        route[resume] { xlog("L_NOTICE", "resumed $rc\\n"); t_reply(200, "Late"); }
        """.replace("@", service.url))
    one = agent(server)
    for number, user in enumerate(("async", "plain")):
        one.request("MESSAGE", "sip:%s@127.0.0.1" % user)
        wait_for(lambda: service.waiting == 1, "the service to be asked")
        key = re.findall(r"transaction (\S+)\.\n", server.log_path.read_text())[number]
        assert server.mi("t_reply", code=410, reason="Gone", trans_id=key, to_tag="x", new_headers=".") == "OK"
        one.expect(410)
        wait_for(lambda: service.gone == number + 1, "the HTTP request to be given up")
    wait_for(lambda: "went on with -1" in server.tail(), "the plain call to go on")
    nobody_waits(server)
    assert "resumed" not in server.log_path.read_text()
