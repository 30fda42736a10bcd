"""Timers that run late are counted, by kind of process, and told of, by label and not too often; others are not."""
import re

from conftest import wait_for
from sip import Agent

# Busy until the second after the next begins: by the clock, since builds differ in speed.
BURN = """$var(end) = $Ts + 2; $var(s) = "x";
    while ($Ts < $var(end)) { $var(s) = $(var(s){s.sha512}{s.sha512}{s.sha512}{s.sha512}{s.sha512}{s.sha512}); }"""


def told(server):
    """{label: [(milliseconds, how many others before)]} of the warnings."""
    found = {}
    pattern = r"WARNING:core: timer job <([^>]+)> has a (\d+)000 us delay in execution(?:, as (\d+) before it had)?\n"
    for label, late, others in re.findall(pattern, server.log_path.read_text()):
        found.setdefault(label, []).append((int(late), int(others or 0)))
    return found


def figures(server):
    return {name.removeprefix("timer:"): value for name, value in
            server.mi("statistics:get", statistics=["timer:"]).items()}


def test_a_timer_process_that_is_held_up_tells_of_every_job(start, events):
    server = start("dialog.cfg", CALLEE=9, EXTRA="max_while_loops=10000000", ROUTE="""
        route[call] { create_dialog(); }
        route[inside] { exit; }
        timer_route[busy, 3] { %s }
        timer_route[other, 1] { $var(x) = 1; }
        """ % BURN)
    server.subscribe(events, "E_CORE_THRESHOLD")
    labels = {"dlg-timer", "dlg-options-pinger", "dlg-reinvite-pinger", "load-sample", "timer_route other"}
    wait_for(lambda: labels <= set(told(server)), "a word about each job", timeout=20)
    assert all(late > 200 for late, _ in sum(told(server).values(), []))
    raised = wait_for(lambda: [e for e in events.all("E_CORE_THRESHOLD") if e["extra"] == "dlg-timer"], "the event")
    assert raised[0]["source"] == "timer" and raised[0]["time"] > 200000
    seen = figures(server)
    assert seen["late_runs"] >= len(labels) and seen["late_timer"] >= seen["late_runs"]
    assert seen["lateness_milliseconds_max_timer"] >= max(late for late, _ in told(server)["dlg-timer"])


def test_a_receiver_that_is_held_up_tells_of_transactions_and_of_sleeping_scripts_once(start):
    """Thirty scripts sleep while their one process is busy: one line about them, and the figures for the rest."""
    with Agent(None) as silent, Agent(None) as caller:
        server = start("waiting.cfg", WORKERS=1, T1=500, EXTRA="max_while_loops=10000000", ROUTE="""
            route {
                if ($rm == "OPTIONS") { %s send_reply(200, "OK"); exit; }
                if ($rm == "INFO") { usleep(400000); exit; }
                $du = "sip:%s";
                t_relay();
            }""" % (BURN, silent.name))
        caller.server = server.address, server.port

        def hold_up():
            caller.request("MESSAGE", "sip:x@127.0.0.1")
            for _ in range(30):
                caller.request("INFO", "sip:x@127.0.0.1")
            caller.request("OPTIONS", "sip:x@127.0.0.1")
            assert caller.expect(200, timeout=20)

        hold_up()
        wait_for(lambda: {"tm-timer", "sleep"} <= set(told(server)), "a word about both")
        seen = wait_for(lambda: [one for one in [figures(server)] if one["late_runs"] > 10], "the late timers")[0]
        assert seen["late_udp"] > 10 and seen["lateness_milliseconds_max_udp"] > 200
        assert len(told(server)["sleep"]) < 4, "one, or some more of a machine that stood still in between"
        # The next word, a second later at the earliest, has the rest.
        hold_up()
        wait_for(lambda: any(10 < others < 60 for _, others in told(server)["sleep"]), "the next word")
        assert len(told(server)["sleep"]) < 8
        before = figures(server)["late_udp"]
        server.mi("statistics:reset", statistics=["timer:late_udp"])
        assert figures(server)["late_udp"] < before


def test_a_healthy_server_has_no_late_timers_however_long_its_start_took(start):
    """A start of 4 s would make the jobs of every second 3 s late. A machine that stands still makes some late, not long."""
    server = start("dialog.cfg", CALLEE=9, EXTRA='loadmodule "cfgutils.so"', ROUTE="""
        startup_route { usleep(4000000); xlog("L_NOTICE", "started\\n"); }
        route[call] { create_dialog(); }
        route[inside] { exit; }
        timer_route[tick, 1] { xlog("L_NOTICE", "tick\\n"); }
        """)

    def ticks():
        return server.log_path.read_text().count("tick\n")

    for _ in range(5):
        before, seen = figures(server)["late_runs"], ticks()
        wait_for(lambda: ticks() >= seen + 2, "the timer route")
        if figures(server)["late_runs"] == before:
            break
    else:
        raise AssertionError("late timers all the time: %s" % told(server))
    assert all(late < 2500 for late, _ in sum(told(server).values(), [])), told(server)
    if not told(server):
        assert figures(server)["late_runs"] == 0
