"""Routes that no message starts: startup, timer, event, local, error; and the functions about events."""
import time

import pytest

from conftest import Events, wait_for
from http_service import Service
from sip import Agent


@pytest.fixture
def service():
    one = Service()
    yield one
    one.close()


def lines(server, phrase):
    return [line for line in server.tail(100000).splitlines() if phrase in line]


def test_the_startup_route_ends_before_traffic_even_when_it_waits(start, service):
    server = start("waiting.cfg", ROUTE="""
        startup_route {
            rest_get("%s/slow/0.7", $var(body), , $var(code));
            exec("echo from exec", , $var(out));
            usleep(100000);
            $shv(loaded) = $var(body) + " " + $var(out);
            xlog("L_NOTICE", "loaded $shv(loaded) $var(code)\\n");
        }
        route { append_to_reply("X-Loaded: $shv(loaded)\\r\\n"); send_reply(200, "OK"); }
        """ % service.url)
    wait_for(lambda: lines(server, " is up: "), "the start")
    text = server.tail()
    assert text.index("loaded slow from exec 200") < text.index(" is up: ")
    with Agent((server.address, server.port)) as one:
        one.request("OPTIONS", "sip:x@127.0.0.1")
        assert one.expect(200).get("x-loaded") == "slow from exec"


def test_timer_routes_run_after_each_interval_on_a_timer_process(start):
    server = start("waiting.cfg", ROUTE="""
        route { exit; }
        timer_route[often, 1] { xlog("L_NOTICE", "often $pp $Tf\\n"); }
        timer_route[seldom, 2] { xlog("L_NOTICE", "seldom\\n"); }
        """)
    assert not lines(server, "often")
    wait_for(lambda: len(lines(server, "often")) >= 3, "the timer route to run", timeout=8)
    text = lines(server, "")
    often, seldom = (len([line for line in text if word in line]) for word in ("often", "seldom"))
    assert seldom and abs(often - 2 * seldom) <= 2, text
    pids = {line.split("often ")[1].split()[0] for line in lines(server, "often")}
    assert pids == {str(p["PID"]) for p in server.processes("Timer handler")}
    assert server.statistic("timer:skipped_runs") == 0


def test_a_timer_route_that_still_waits_is_not_run_again(start, events):
    server = start("waiting.cfg", ROUTE="""
        route { exit; }
        timer_route[slow, 1] { xlog("L_NOTICE", "begins\\n"); usleep(2500000); xlog("L_NOTICE", "ends\\n"); }
        """)
    server.subscribe(events, "E_CORE_THRESHOLD")
    wait_for(lambda: lines(server, "ends"), "the first run to end", timeout=10)
    skipped = "timer task <timer_route slow> already scheduled"
    text = [line for line in lines(server, "") if "begins" in line or "ends" in line or skipped in line]
    ends = next(number for number, line in enumerate(text) if "ends" in line)
    # Two beats fall into it; a machine that stands still makes one more or less.
    assert "begins" in text[0] and all(skipped in line for line in text[1:ends]) and 1 <= ends - 1 <= 3, text
    wait_for(lambda: len(lines(server, skipped)) == server.statistic("timer:skipped_runs"), "the count")
    raised = wait_for(lambda: events.all("E_CORE_THRESHOLD"), "the event")
    assert raised[0]["source"] == "timer" and raised[0]["extra"] == "timer_route slow" and raised[0]["time"] >= 900000
    wait_for(lambda: len(lines(server, "begins")) >= 2, "the next run")


def test_events_raised_by_a_script_reach_event_routes_and_subscribers(start, events):
    server = start("waiting.cfg", ROUTE="""
        startup_route { subscribe_event("E_MINE", "%s", 60); }
        route {
            $avp(names) = "who"; $avp(names) = "count"; $avp(values) = $fU; $avp(values) = 7;
            raise_event("E_MINE", $avp(names), $avp(values));
            raise_event("E_OTHER", , $avp(values));
            xlog("L_NOTICE", "went on\\n");
            send_reply(200, "OK");
        }
        event_route[E_MINE] { usleep(50000); xlog("L_NOTICE", "mine $param(who) $param(count) $param(1) $param(2) $param(3)\\n");
            raise_event("E_NESTED"); }
        event_route[E_OTHER] { xlog("L_NOTICE", "other $param(1) $param(2)\\n"); }
        event_route[E_NESTED] { xlog("L_NOTICE", "nested <$param(1)>\\n"); }
        """ % events.name)
    with Agent((server.address, server.port)) as one:
        one.request("OPTIONS", "sip:x@127.0.0.1")
        one.expect(200)
    wait_for(lambda: lines(server, "nested <<null>>"), "the nested event route " + server.tail())
    assert lines(server, "mine caller 7 caller 7 <null>"), server.tail()
    assert lines(server, "other caller 7"), server.tail()
    text = server.tail(100000)
    assert text.index("went on") < text.index("mine caller")
    assert wait_for(lambda: events.all("E_MINE"), "the subscriber") == [{"who": "caller", "count": 7}]
    subscribers = server.mi("evi:subscribers", event="E_MINE")["Event"]["Subscribers"]
    assert any(s["socket"].lower() == events.name and s["expire"] == 60 for s in subscribers), subscribers


def test_the_local_route_sees_what_the_server_sends_itself(start):
    with Agent(("127.0.0.1", 1)) as callee:
        server = start("waiting.cfg", ROUTE="""
            route { exit; }
            local_route { usleep(10000); append_hf("X-Local: $rm $ru\\r\\n"); if ($rU == "stop") drop; }
            """)
        for user in ("go", "stop"):
            request = dict(method="OPTIONS", ruri="sip:%s@%s" % (user, callee.name),
                           headers="From: <sip:me@127.0.0.1>\r\nTo: <sip:you@127.0.0.1>\r\n")
            if user == "stop":
                reply = server.mi_call("t_uac_dlg", request)
                assert "error" in reply or reply["result"].get("Status", "").startswith("4"), reply
                callee.nothing()
                continue
            import threading
            result = {}
            asker = threading.Thread(target=lambda: result.update(server.mi_call("t_uac_dlg", request)))
            asker.start()
            message = callee.expect("OPTIONS")
            assert message.get("x-local") == "OPTIONS sip:go@" + callee.name
            callee.reply(message, 200, "OK", tag="t")
            asker.join(5)
            assert "result" in result, result


def test_the_error_route_is_told_what_was_wrong(start):
    server = start("waiting.cfg", ROUTE="""
        route { send_reply(200, "OK"); }
        error_route {
            usleep(10000);
            xlog("L_NOTICE", "class $err.class level $err.level code $err.rcode info $err.info\\n");
            sl_send_reply($err.rcode, $err.rreason);
            exit;
        }
        """)
    with Agent((server.address, server.port)) as one:
        one.send("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKe\r\nFrom: <sip:a@b>;tag=1\r\n"
                 "To: <sip:x@127.0.0.1>\r\nCall-ID: e\r\nCSeq: nonsense\r\nContent-Length: 0\r\n\r\n" % one.name)
        one.expect(400)
    assert lines(server, "class 1 level 1 code 400 info "), server.tail()
