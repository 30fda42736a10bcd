"""async() and launch(): transactions, cancellation, timeouts, limits, records; sleeps that hold up nobody."""
import statistics
import time

import pytest

from conftest import Events, best_of, free_port, sessions, wait_for
from http_service import Service
from sip import Agent, StreamAgent


@pytest.fixture
def service():
    one = Service()
    yield one
    one.close()


def test_the_transaction_is_made_by_itself_and_absorbs_retransmissions(start, agent, service):
    server = start("waiting.cfg", ROUTE="""
        route { xlog("L_NOTICE", "asked\\n"); async(rest_get("%s/hold", $var(b)), resume); }
        route[resume] { xlog("L_NOTICE", "resumed\\n"); t_reply(200, "Resumed"); }
        """ % service.url)
    one = agent(server)
    sent = one.request("INVITE", "sip:async@127.0.0.1")
    assert one.receive().status == 100
    for _ in range(3):
        one.request("INVITE", sent["uri"], via=sent["branch"], call_id=sent["call_id"], from_tag=sent["from_tag"])
        assert one.receive().status == 100
    service.release()
    assert "Resumed" in one.expect(200).first
    # Every retransmission ran the script up to the statement, and none of them resumed.
    assert server.tail().count("resumed") == 1


def test_a_cancelled_call_ends_the_script_and_its_work(start, agent, service, tmp_path):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route {
            if ($rm == "CANCEL") { if (t_check_trans()) t_relay(); exit; }
            if ($rm == "ACK") { t_check_trans(); exit; }
            if ($rU == "http") async(rest_get("%s/slow/30", $var(b)), resume);
            if ($rU == "exec") async(exec("echo $$$$ >%s/pid; exec sleep 60", , $var(b)), resume);
            if ($rU == "sleep") async(sleep(3), resume);
        }
        route[resume] { xlog("L_NOTICE", "resumed $rc\\n"); t_reply(200, "Late"); }
        """ % (service.url, tmp_path))
    one = agent(server)
    for user in ("http", "exec", "sleep"):
        sent = one.request("INVITE", "sip:%s@127.0.0.1" % user)
        assert one.receive().status == 100
        if user == "http":
            wait_for(lambda: service.waiting == 1, "the service to be asked")
        if user == "exec":
            wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the program to run")
        one.cancel(sent)
        replies = {message.status: message for message in (one.receive(), one.receive())}
        assert sorted(replies) == [200, 487]
        one.ack(sent, replies[487])
    wait_for(lambda: service.gone == 1, "the HTTP request to be given up")
    pid = int((tmp_path / "pid").read_text())

    def ended():
        try:
            return open("/proc/%d/stat" % pid).read().split(")")[1].split()[0] in ("Z", "X")
        except FileNotFoundError:
            return True

    wait_for(ended, "the program to be ended")
    # The process lives and nothing resumed.
    one.request("INVITE", "sip:sleep@127.0.0.1")
    assert one.expect(200, timeout=8).get("cseq") == "1 INVITE"
    assert server.tail().count("resumed") == 1


def test_a_plain_call_goes_on_when_its_transaction_is_over(start, agent, service):
    server = start("waiting.cfg", ROUTE="""
        route {
            if ($rm == "CANCEL") { if (t_check_trans()) t_relay(); exit; }
            t_newtran();
            rest_get("%s/slow/30", $var(b));
            xlog("L_NOTICE", "went on with $rc\\n");
        }
        """ % service.url)
    one = agent(server)
    sent = one.request("INVITE", "sip:x@127.0.0.1")
    wait_for(lambda: service.waiting == 1, "the service to be asked")
    one.cancel(sent)
    wait_for(lambda: "went on with -1" in server.tail(), "the script to go on")
    wait_for(lambda: service.gone == 1, "the transfer to be ended")


def test_a_timeout_ends_the_wait(start, agent, service):
    server = start("waiting.cfg", ROUTE="""
        route { $avp(a) = "kept"; async(rest_get("%s/slow/30", $var(b)), resume, 1); }
        route[resume] { append_to_reply("X-Result: $rc/$avp(a)\\r\\n"); t_reply(200, "OK"); }
        """ % service.url)
    one = agent(server)
    begin = time.monotonic()
    one.request("MESSAGE", "sip:x@127.0.0.1")
    assert one.expect(200, timeout=10).get("x-result") == "-1/kept"
    assert 0.9 < time.monotonic() - begin < 5
    wait_for(lambda: service.gone == 1, "the HTTP request to be given up")


@pytest.mark.parametrize("kind", [Agent, StreamAgent])
def test_a_resumed_script_relays_with_its_changes(start, kind):
    with Agent(("127.0.0.1", 1)) as callee, kind(("127.0.0.1", 1)) as one:
        port = free_port()
        server = start("waiting.cfg", WORKERS=4, EXTRA="""
            tcp_workers=4
            socket=tcp:127.0.0.1:%d
            loadmodule "proto_tcp.so"
            """ % port, ROUTE="""
            route { setflag("F"); append_hf("X-Before: yes\\r\\n"); $avp(a) = "one"; $avp(a) = "two"; $avp(process) = $pp;
                    $ru = "sip:b@127.0.0.1:%d";
                    async(usleep(20000), resume); }
            route[resume] { if (isflagset("F")) append_hf("X-After: $avp(a) $(avp(a)[1])\\r\\n");
                            if ($pp == $avp(process)) append_hf("X-Process: same\\r\\n"); t_relay(); }
            """ % callee.port)
        callee.server = (server.address, server.port)
        one.server = (server.address, port if kind is StreamAgent else server.port)
        one.request("MESSAGE", "sip:x@127.0.0.1", body="the body")
        message = callee.expect("MESSAGE")
        assert message.get("x-before") == "yes" and message.get("x-after") == "two one" and message.body == "the body"
        assert message.get("x-process") == "same"
        callee.reply(message, 200, "OK", tag="t")
        one.expect(200)


@pytest.mark.parametrize("call, text", [
    ('rest_get("@URL@/echo", $var(body))', "report 1 GET|"), ('exec("echo said", , $var(body))', "report 1 said"),
    ('rest_put("@URL@/echo", "text", "text/plain", $var(body))', "report 1 PUT|content-type: text/plain|text"),
    ("sleep(1)", "report 1 <null>"), ("usleep(1000)", "report 1 <null>"),
])
def test_launch_reports_what_each_function_did(start, agent, service, call, text):
    server = start("waiting.cfg", ROUTE="""
        route { launch(%s, report); xlog("L_NOTICE", "went on\\n"); send_reply(200, "OK"); }
        route[report] { xlog("L_NOTICE", "report $rc $var(body)\\n"); }
        """ % call.replace("@URL@", service.url))
    one = agent(server)
    one.request("OPTIONS", "sip:x@127.0.0.1")
    one.expect(200)
    wait_for(lambda: text in server.tail(), "the report: " + server.tail())
    assert server.tail().index("went on") < server.tail().index("report ")


def test_sleeping_scripts_hold_up_nobody(start, agent):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route { if ($rm == "OPTIONS") { send_reply(200, "OK"); exit; } sleep(1); send_reply(200, "Slept"); }
        """)
    slow, quick = agent(server), agent(server)

    def pings():
        for _ in range(100):
            slow.request("MESSAGE", "sip:x@127.0.0.1")
        taken = []
        for _ in range(100):
            begin = time.monotonic()
            quick.request("OPTIONS", "sip:x@127.0.0.1")
            quick.expect(200)
            taken.append(time.monotonic() - begin)
        for _ in range(100):
            assert "Slept" in slow.expect(200, timeout=10).first
        return statistics.median(taken)

    assert best_of(pings, lambda median: median < 0.010) < 0.010


def test_resumes_are_recorded_by_the_names_of_the_peer(start, agent, service):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route {
            if ($rU == "sleep") async(usleep(20000), resume_async);
            if ($rU == "http") async(rest_get("%s/echo", $var(b)), resume_async);
            if ($rU == "exec") async(exec("sleep 0.05; echo x", , $var(b)), resume_async);
            if ($rU == "launch") { launch(usleep(20000), report); t_newtran(); t_reply(200, "OK"); exit; }
            if ($rU == "plain") { usleep(20000); sl_send_reply(200, "OK"); exit; }
        }
        route[resume_async] { t_reply(200, "Resumed"); }
        route[report] { $var(x) = 1; }
        """ % service.url)
    one = agent(server)
    expected = {
        "sleep": ("async_script", "usleep -> resume_async", "async-cfg resume handler", "resume_async"),
        "http": ("async_script", "rest_get -> resume_async", "async-cfg resume handler", "resume_async"),
        "exec": ("async_script", "exec -> resume_async", "async-cfg resume handler", "resume_async"),
        "launch": ("async_launch", "usleep -> report", "async-cfg resume handler", "report"),
        "plain": ("async_script", "resume usleep", "resume usleep", "<root>"),
    }
    for user, (kind, handler, handled, route) in expected.items():
        events = Events()
        server.subscribe(events, "E_PROFILING_SCRIPT", "E_PROFILING_PROC")
        for process in server.processes("SIP receiver"):
            assert server.mi("profiling_proc", id=process["ID"], level=1) == "OK"
        one.request("MESSAGE", "sip:%s@127.0.0.1" % user)
        one.expect(200)
        wait_for(lambda: any(r["verb"] == "exit" and r["name"] == handled for r in events.all("E_PROFILING_PROC")),
                 "the resume of %s: %s" % (user, events.all("E_PROFILING_PROC")))
        events.settle()
        found = sessions(events.all())
        passes = [g for g in found.values() if any(r["name"] == kind for r in g)]
        assert len(passes) == 1, (user, found)
        lines = [(r["verb"], r["name"]) for r in passes[0]]
        receiver = "SIP receiver udp:%s:%d" % (server.address, server.port)
        assert lines == [("start", receiver), ("enter", kind), ("enter", handler), ("exit", handled), ("exit", kind),
                         ("end", receiver)], lines
        inner = [g for g in found.values() if g[0]["name"] == route and g[0]["sec"] * 10**6 + g[0]["usec"]
                 >= passes[0][2]["sec"] * 10**6 + passes[0][2]["usec"]]
        assert len(inner) == 1, (user, found)
        if user == "exec":
            assert any(r["name"] == "async_fd" for g in found.values() for r in g)
        for process in server.processes("SIP receiver"):
            server.mi("profiling_proc", id=process["ID"], level=0)
        server.subscribe(events, "E_PROFILING_SCRIPT", "E_PROFILING_PROC", expire=0)
        events.close()


@pytest.mark.parametrize("statement, phrase", [
    ("async(xlog(\"x\"), resume);", "async"), ("async(send_reply(200, \"OK\"), resume);", "async"),
    ("launch(append_hf(\"A: b\\r\\n\"));", "async"), ("async(usleep(1), nowhere);", "nowhere"),
])
def test_what_has_no_async_form_is_refused_with_its_place(start, statement, phrase):
    server = start("waiting.cfg", wait=False, ROUTE="route { %s }\nroute[resume] { exit; }" % statement)
    assert server.process.wait(10) == 1
    assert phrase in server.tail() and "sipray.cfg:" in server.tail()
    server.process.returncode = 0
