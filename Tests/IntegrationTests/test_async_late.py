"""What comes too late for one wait of a script: the next wait does not take it for its own, and nothing is sent for it."""
import threading

import pytest

from conftest import wait_for
from dns_server import NameServer
from http_service import Service
from sip import Agent


@pytest.fixture
def service():
    one = Service()
    yield one
    one.close()


def settle(one, times=5):
    """The only process has handled what came before these."""
    for _ in range(times):
        one.request("OPTIONS", "sip:ping@127.0.0.1")
        one.expect(200)


PING = 'if ($rm == "OPTIONS") { send_reply(200, "OK"); exit; }'


def test_a_cancelled_transfer_does_not_resume_the_wait_for_a_name(start, agent, service):
    gate = threading.Event()
    with Agent(("127.0.0.1", 1)) as callee, NameServer({("late.test", "A"): ["127.0.0.1"]}, gate=gate) as names:
        server = start("waiting.cfg", WORKERS=1, arguments=("--dns-server", names.name), EXTRA="dns_try_naptr=no",
                       ROUTE="""
            route {
                %s
                $ru = "sip:x@late.test:%d";
                async(rest_get("%s/hold", $var(b), , $var(c)), relay, 1);
            }
            route[relay] { t_relay(); xlog("L_NOTICE", "relayed with $rc\\n"); }
            """ % (PING, callee.port, service.url))
        callee.server = (server.address, server.port)
        one, pinger = agent(server), agent(server)
        one.request("MESSAGE", "sip:x@127.0.0.1")
        # The timeout ends the transfer, and the script asks for the name.
        wait_for(lambda: service.gone == 1 and names.asked, "the script to wait for the name")
        settle(pinger)
        assert "relayed" not in server.tail()
        gate.set()
        callee.reply(callee.expect("MESSAGE"), 200, "Here", tag="b")
        assert "Here" in one.expect(200).first
        assert "relayed with 1" in server.tail()


def test_a_cancelled_transfer_does_not_get_the_script_a_lock(start, agent, service):
    """Nor does a script that was refused a lock give away the one of another."""
    holding = Service()
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route {
            %s
            if ($rm == "CANCEL") { t_relay(); exit; }
            if ($rm == "ACK") exit;
            t_newtran();
            if ($rm == "INFO") {
                get_static_lock("k");
                rest_get("%s/hold", $var(b));
                release_static_lock("k");
                t_reply(200, "Released");
                exit;
            }
            rest_get("%s/hold", $var(b));
            xlog("L_NOTICE", "the transfer: $rc\\n");
            release_static_lock("k");
            get_static_lock("k");
            xlog("L_NOTICE", "the lock: $rc\\n");
        }
        """ % (PING, holding.url, service.url))
    one, caller, pinger = agent(server), agent(server), agent(server)
    one.request("INFO", "sip:x@127.0.0.1")
    wait_for(lambda: holding.waiting == 1, "the first script to hold the lock")
    sent = caller.request("INVITE", "sip:x@127.0.0.1")
    wait_for(lambda: service.waiting == 1, "the second script to wait")
    caller.cancel(sent)
    wait_for(lambda: service.gone == 1 and "the transfer: -1" in server.tail(), "the transfer to be ended")
    settle(pinger)
    assert "the lock" not in server.tail()
    holding.release()
    assert "Released" in one.expect(200).first
    wait_for(lambda: "the lock: 1" in server.tail(), "the second script to hold the lock")
    holding.close()


def test_nothing_is_sent_for_a_script_that_may_not_wait(start, agent, service):
    gate = threading.Event()
    with Agent(("127.0.0.1", 1)) as callee, NameServer({("late.test", "A"): ["127.0.0.1"]}, gate=gate) as names:
        server = start("waiting.cfg", WORKERS=1, arguments=("--dns-server", names.name, "--limit", "waiting_scripts=1"),
                       EXTRA="dns_try_naptr=no", ROUTE="""
            route {
                %s
                if ($rm == "INFO") { rest_get("%s/hold", $var(b)); send_reply(200, "$rc $var(b)"); exit; }
                $ru = "sip:x@late.test:%d";
                if ($rm == "NOTIFY") { forward(); send_reply(480, "$rc"); exit; }
                t_relay("0x02");
                t_reply(480, "$rc");
            }
            """ % (PING, service.url, callee.port))
        callee.server = (server.address, server.port)
        one, pinger = agent(server), agent(server)
        pinger.request("INFO", "sip:x@127.0.0.1")
        wait_for(lambda: service.waiting == 1, "a script to wait")
        for method in ("MESSAGE", "NOTIFY"):
            one.request(method, "sip:x@127.0.0.1")
            assert one.expect(480).first.endswith(" -1")
        assert "(limit waiting_scripts)" in server.tail()
        wait_for(lambda: names.asked, "the question")
        # The name is known now: neither request leaves, and the script that waits for something else waits on.
        gate.set()
        wait_for(lambda: server.statistic("core:waiting_scripts") == 1, "the script to wait")
        settle(one)
        callee.nothing()
        pinger.nothing()
        service.release()
        assert pinger.expect(200).first.endswith(" 1 slow")


def test_a_relay_that_may_not_wait_is_answered(start, agent, service):
    with NameServer({}, silent=["late.test"]) as names:
        server = start("waiting.cfg", WORKERS=1, arguments=("--dns-server", names.name, "--limit", "waiting_scripts=1"),
                       EXTRA="dns_try_naptr=no", ROUTE="""
            route {
                if ($rm == "INFO") { rest_get("%s/hold", $var(b)); send_reply(200, "OK"); exit; }
                t_relay();
            }
            """ % service.url)
        one, waiter = agent(server), agent(server)
        waiter.request("INFO", "sip:x@127.0.0.1")
        wait_for(lambda: service.waiting == 1, "a script to wait")
        one.request("MESSAGE", "sip:x@late.test:5060")
        assert one.expect(503)
        service.release()
        assert waiter.expect(200)
