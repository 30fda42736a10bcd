"""Levels and subscriptions that change under traffic: no session is ever cut, unbalanced or wrongly nested."""
import random
import time
from collections import Counter

import pytest

from b2bcalls import b2b  # noqa: F401 (fixture)
from conftest import Events, free_port, sessions, wait_for
from test_calls import target


def test_level_changes_under_traffic_never_split_a_session(start, sipp, events):
    server = start("spine.cfg", UAS_PORT=free_port(), BUSY_PORT=free_port(), DEAD_PORT=free_port(), WORKERS=3)
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT", fields="parent")
    client = sipp("options", "%s:%d" % (server.address, server.port), calls=3000, rate=1000)
    generator = random.Random(11)
    identifiers = [p["ID"] for p in server.mi("ps")["Processes"]]
    changes = 0
    while client.process.poll() is None or changes < 300:
        level = generator.choice([0, 0, 1, 2, 3])
        if generator.random() < 0.3:
            server.mi("core:profiling_proc", level=level)
        else:
            server.mi("core:profiling_proc", id=generator.choice(identifiers), level=level)
        changes += 1
    client.finish()
    server.mi("core:profiling_proc", level=0)
    events.whole("E_PROFILING_SCRIPT", least=3000)
    assert changes >= 300
    lost = {k: v for k, v in server.mi("statistics:get", statistics=["evi:"]).items() if k.startswith("evi:lost") and v}
    assert not lost
    process, script = events.all("E_PROFILING_PROC"), events.all("E_PROFILING_SCRIPT")
    assert not any(r.get("truncated") for r in process + script)
    assert len(sessions(process)) > 50 and len(sessions(script)) > 50
    assert not set(sessions(process)) & set(sessions(script))
    parents = {g[0]["parent"] for g in sessions(script).values() if "parent" in g[0]}
    assert parents and parents <= set(sessions(process)), "a parent that was told is there as a whole"


def test_subscribing_under_traffic_begins_with_whole_sessions(start, sipp, events):
    server = start("spine.cfg", UAS_PORT=free_port(), BUSY_PORT=free_port(), DEAD_PORT=free_port(), WORKERS=2)
    server.mi("core:profiling_proc", level=3)
    other = Events()  # one that listens all the time
    server.subscribe(other, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    client = sipp("options", "%s:%d" % (server.address, server.port), calls=1500, rate=1000)
    rounds = 0
    while client.process.poll() is None or rounds < 20:
        for name in ("E_PROFILING_PROC", "E_PROFILING_SCRIPT"):
            server.mi("evi:subscribe", event=name, socket=events.name)
        count = len(events.raw)
        wait_for(lambda: len(events.raw) > count + 50 or client.process.poll() is not None, "records")
        for name in ("E_PROFILING_PROC", "E_PROFILING_SCRIPT"):
            server.mi("evi:unsubscribe", event=name, socket=events.name)
        rounds += 1
    client.finish()
    server.mi("core:profiling_proc", level=0)
    script = sessions(other.whole("E_PROFILING_SCRIPT", least=1500))
    assert len(script) == server.statistic("core:rcv_requests") and sessions(other.all("E_PROFILING_PROC"))
    other.close()
    # Of what was going on when a subscription ended the end is missing: only silence tells that no more comes.
    events.settle(timeout=1)
    groups = {}
    for record in events.all():
        groups.setdefault(record["session"], []).append(record)
    # What was going on when the subscription ended has no end, but nothing is without a beginning.
    assert len(groups) > 100
    whole = [r for group in groups.values() if group[-1]["verb"] == "end" for r in group]
    assert len(sessions(whole)) > 0.8 * len(groups)
    assert all(group[0]["verb"] == "start" and group[0]["depth"] == 1 for group in groups.values())


def well_nested(groups):
    """Every exit belongs to the enter that is open: it always bears the one name that goes with that enter."""
    names = {}
    for group in groups:
        inside = []
        for record in group:
            if record["verb"] == "enter":
                inside.append(record["name"])
            elif record["verb"] == "exit":
                entered = inside.pop()
                assert names.setdefault(entered, record["name"]) == record["name"], (entered, record)
        assert not inside
        assert group[0]["name"] == group[-1]["name"]


# Waits twice for each call, so that levels change between a script's beginning and its resumes.
WAITING = """
route {
    if (has_totag()) {
        if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
        loose_route();
        t_relay();
        exit;
    }
    t_newtran();
    record_route();
    usleep(10000);
    async(usleep(10000), relay);
}
route[relay] { $du = "sip:127.0.0.1:%d"; t_relay(); }
"""


def serve(start, b2b, mode):
    """A server that takes calls in that way, the URI's user that leads to the callee, and the callee's port."""
    port = free_port()
    if mode == "b2b":
        return b2b(UAS_PORT=port), "callee", port
    if mode == "tcp":
        return start("tcp.cfg", WORKERS=2, UDP_PORT=9, TCP_PORT=port, GLOBAL="", REGISTER=""), "tcp", port
    if mode == "waiting":
        return start("waiting.cfg", WORKERS=3, ROUTE=WAITING % port), "callee", port
    return start("spine.cfg", WORKERS=3, UAS_PORT=port, BUSY_PORT=9, DEAD_PORT=9), "callee", port


def change_levels(server, until, at_least):
    """Changes the level of all processes, or of one, at random, some hundred times a second."""
    generator = random.Random(4)
    identifiers = [p["ID"] for p in server.mi("ps")["Processes"]]
    changes = 0
    while not until() or changes < at_least:
        level = generator.choice([0, 0, 1, 2, 3])
        if generator.random() < 0.2:
            server.mi("core:profiling_proc", level=level)
        else:
            server.mi("core:profiling_proc", id=generator.choice(identifiers), level=level)
        changes += 1
        time.sleep(0.001)  # leaves the processor to those who call
    return changes


# Of each call, the sessions of the request route and of the local route. INVITE, ACK and BYE run the script, one that waits
# once more for each wait; of a back-to-back call the INVITE alone, and three requests the local route.
ROUTES = {"udp": (3, 0), "tcp": (3, 0), "b2b": (1, 3), "waiting": (5, 0)}


@pytest.mark.parametrize("mode", ROUTES)
def test_thousands_of_level_changes_at_two_hundred_calls_a_second(start, b2b, sipp, events, mode):  # noqa: F811
    server, user, port = serve(start, b2b, mode)
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT", fields="parent")
    calls, transport = 1000, ["-t", "t1"] if mode == "tcp" else []
    callee = sipp("uas_call", port=port, calls=calls, arguments=transport)
    client = sipp("uac_call", target(server), calls=calls, rate=200, port=free_port(),
                  arguments=["-s", user, *transport])
    changes = change_levels(server, lambda: client.process.poll() is not None, at_least=2000)
    client.finish()
    callee.finish()
    server.mi("core:profiling_proc", level=0)
    events.whole("E_PROFILING_SCRIPT", least=calls * sum(ROUTES[mode]))
    lost = {k: v for k, v in server.mi("statistics:get", statistics=["evi:"]).items() if k.startswith("evi:lost") and v}
    assert not lost
    process, script = events.all("E_PROFILING_PROC"), events.all("E_PROFILING_SCRIPT")
    assert not any(r.get("truncated") for r in process + script)
    by_process, by_script = sessions(process), sessions(script)
    well_nested(by_process.values())
    well_nested(by_script.values())
    kinds = Counter(g[0]["type"] for g in by_script.values())
    # What a sipp that stood still for long sent again runs the script once more.
    again = server.statistic("core:rcv_requests") - 3 * calls
    requests, local = (calls * count for count in ROUTES[mode])
    assert requests <= kinds[1] <= requests + again and kinds[32] == local, (kinds, again)
    assert len(by_process) > 500 and not set(by_process) & set(by_script) and changes >= 2000
    if mode == "tcp":
        assert {g[0]["type"] for g in by_process.values()} >= {2}
    # A branch route's session is inside its request route's, which is inside a process's where that says something.
    parents = {g[0]["parent"] for g in by_script.values() if "parent" in g[0]}
    assert parents & set(by_process) and parents <= set(by_process) | set(by_script)
