"""Tracing is switched on and off while calls go on: what ran while it was on is a span, whole, and nothing else is touched."""
import collections
import random
import time

import pytest

from collector import at, check_against_events, collector, module, sent  # noqa: F401 (fixture)
from conftest import sessions
from test_calls import spine, target  # noqa: F401 (fixture)

# A time of the test's clock against one of a record: calibration, and the record's whole microseconds.
SLACK_US = 500


def levels(server):
    return {p["Profiling level"] for p in server.mi("core:profiling_proc")["Processes"]}


def switching(server, caller, level):
    """Switches until the caller has ended: [(on, off)], the times in microseconds between which it was surely on."""
    windows, switches = [], 0
    while caller.process.poll() is None:
        value = switches % 2 ^ 1
        before = time.time()
        assert server.mi(("opentelemetry:enable", "otel_enable")[switches % 3 == 0], enable=value) == {"enabled": value}
        if value:
            windows.append([time.time() * 1e6 + SLACK_US, None])
        else:
            windows[-1][1] = before * 1e6 - SLACK_US
        if switches % 25 == 0:
            assert levels(server) == {value | level}
        switches += 1
        # Mostly hundreds a second, so that a few fall into each call; now and then it stays for as long as many sessions take.
        time.sleep(random.choice((0.001, 0.003, 0.003, 0.03)))
    assert switches > 100
    return [w for w in windows if w[1]]


def outermost(number, groups):
    while "parent" in groups[number][0]:
        number = groups[number][0]["parent"]
    return groups[number][0]


@pytest.mark.parametrize("processes, level", [(0, 1), (1, 0)])
def test_switching_under_traffic_loses_and_breaks_no_session(spine, sipp, collector, events, processes, level):
    """`level`: what processes say without tracing."""
    server = spine(EXTRA=module(collector, "proc_profiling=%d" % processes))
    server.subscribe(events, "E_PROFILING_SCRIPT", "E_PROFILING_PROC", fields="parent,link")
    server.mi("core:profiling_proc", level=level)
    assert server.mi("opentelemetry:status")["enabled"] == 0 and levels(server) == {level}
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=150)
    caller = sipp("uac_call", target(server), calls=150, rate=60, arguments=["-s", "callee"])
    windows = switching(server, caller, level)
    caller.finish()
    callee.finish()
    assert server.mi("opentelemetry:enable", enable=0) == {"enabled": 0}
    spans = sent(server, collector)
    events.settle()
    status = server.mi("opentelemetry:status")["sampling"]
    assert status["trees_truncated"] == 0 and status["records_lost"] == 0 and status["trees_kept"] > 0
    assert not [s for s in spans if s["sipray.session.truncated"]]

    # What the subscriber, who was there all along, saw end while it was surely on, in a pass of its process that had begun then, has its
    # span; and each span is a session that it saw, with all of its jobs.
    groups = sessions(events.all())
    of_process = {e["session"] for e in events.all("E_PROFILING_PROC")}
    inside = {number for number, group in groups.items()
              if outermost(number, groups)["session"] in of_process and (processes or number not in of_process)
              and any(on < at(outermost(number, groups)) and at(group[-1]) < off for on, off in windows)}
    traced = {s["sipray.session.id"] for s in spans if s["sipray.session.id"] is not None}
    assert len(inside) > 100 and inside <= traced, [groups[n] for n in sorted(inside - traced)[:3]]
    assert traced <= set(groups) and len(traced) < len(groups)
    check_against_events(spans, {number: groups[number] for number in traced}, partly=True)

    # Each trace is whole: it has its one root, and whoever is not it hangs on something that was sent too. (A reply that comes while
    # it is on belongs to its request's trace if that was traced, and begins one of its own if not.)
    ids = {s.id: s for s in spans}
    assert len(ids) == len(spans) > 300
    assert all(s.parent == "" or ids[s.parent].trace == s.trace for s in spans)
    roots = collections.Counter(s.trace for s in spans if not s.parent)
    assert set(roots) == {s.trace for s in spans} and set(roots.values()) == {1}
    names = {s.name for s in spans}
    assert not names & {"SIP request", "SIP onreply", "SIP branch"}, "what has no note of its message was not recorded for tracing"
    assert names >= {"INVITE request", "INVITE onreply", "BYE request"} and ("TM_reply_received" in names) == bool(processes)


def test_what_enable_takes(start, collector):
    server = start("spine.cfg", UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(collector))
    for value in (2, -1, "x"):
        assert server.mi_call("opentelemetry:enable", {"enable": value})["error"]["code"] == -32602
    assert server.mi_call("opentelemetry:enable")["error"]["code"] == -32602
    assert server.mi("opentelemetry:enable", enable="1") == {"enabled": 1}
    assert server.mi("opentelemetry:enable", enable=1) == {"enabled": 1}
