"""What the profiling records of real traffic say: balanced, unique, right parents, right lines, the seed's sequence."""
import json
import pathlib
import socket

import pytest

from conftest import sessions, wait_for
from management import FIFO, Datagram
from test_calls import spine, target  # noqa: F401 (fixture)
from test_management_http import web  # noqa: F401 (fixture)

CAPTURES = pathlib.Path(__file__).parent / "../Fixtures/captures"

SEED = [
    ("start", "SIP receiver udp:{address}", None, None),
    ("enter", "udp proto reading", "handle_io", 317),
    ("enter", "receive_msg", "receive_msg", 120),
    ("enter", "request_script", "receive_msg", 235),
    ("exit", "request_script", "receive_msg", 237),
    ("exit", "receive_msg", "receive_msg", 316),
    ("exit", "reading done", "handle_io", 324),
    ("end", "SIP receiver udp:{address}", None, None),
]


def brief(record):
    return record["verb"], record["name"], record.get("file"), record.get("line")


def test_a_request_answered_by_the_script_is_the_seeds_sequence(spine, sipp, events):
    server = spine()
    assert server.mi("core:profiling_proc", level=1) == "OK"
    server.subscribe(events, "E_PROFILING_PROC")
    sipp("options", target(server), calls=1).finish()
    reads = [g for g in sessions(events.whole("E_PROFILING_PROC")).values() if g[0]["name"].startswith("SIP receiver")]
    assert len(reads) == 1
    address = "%s:%d" % (server.address, server.port)
    assert [brief(r) for r in reads[0]] == [(v, n.format(address=address), f, l) for v, n, f, l in SEED]
    assert all(r["type"] == 1 for r in reads[0])
    assert all(("status" in r) == (r["verb"] in ("exit", "end")) for r in reads[0])


def line_of(server, text, nth=0):
    lines = server.cfg.read_text().splitlines()
    return [n for n, l in enumerate(lines, 1) if text in l][nth]


def test_script_records_alone_name_routes_with_their_lines(spine, sipp, events):
    server = spine()
    server.subscribe(events, "E_PROFILING_SCRIPT")
    sipp("options", target(server), calls=1).finish()
    groups = list(sessions(events.whole()).values())
    assert len(groups) == 1
    records = groups[0]
    routes = [(r["verb"], r["name"], r.get("line"), r.get("status")) for r in records
              if r["name"] in ("<root>", "sanity", "nested")]
    first = line_of(server, "route(sanity")
    nested = line_of(server, "route(nested)")
    assert routes == [
        ("start", "<root>", None, None), ("enter", "<root>", first, None), ("enter", "sanity", first, None),
        ("enter", "nested", nested, None), ("exit", "nested", nested, 1), ("exit", "sanity", first, 7),
        ("exit", "<root>", first, routes[-2][3]), ("end", "<root>", None, routes[-1][3])]
    assert all(r["type"] == 1 and ("file" not in r or r["file"].endswith("sipray.cfg")) for r in records)


def test_a_call_through_two_processes(spine, sipp, events):
    server = spine(WORKERS=3)
    server.mi("core:profiling_proc", level=3)
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=20)
    sipp("uac_call", target(server), calls=20, rate=20, arguments=["-s", "callee"]).finish()
    callee.finish()
    server.mi("core:profiling_proc", level=0)
    script = sessions(events.whole("E_PROFILING_SCRIPT", least=60 + 20 + 40))
    process = sessions(events.all("E_PROFILING_PROC"))
    assert not set(process) & set(script)
    assert all(s < 1 << 53 for s in list(process) + list(script))
    kinds = {}
    for group in script.values():
        kinds.setdefault((group[0]["name"], group[0]["type"]), []).append(group)
    assert len(kinds[("<root>", 1)]) == 60  # INVITE, ACK, BYE
    assert len(kinds[("per_branch", 8)]) == 20
    assert len(kinds[("on_reply", 4)]) == 40  # 180, 200
    names = {r["name"] for g in process.values() for r in g}
    assert {"reply_forward", "TM_reply_received", "request_script", "receive_msg"} <= names
    slow = {r["name"] for g in kinds[("<root>", 1)] for r in g}
    assert {"t_relay", "relay", "sequential"} <= slow
    # Every script session ran inside a process session on the same process: its interval lies within one of them.
    def interval(group):
        at = lambda r: r["sec"] * 1_000_000 + r["usec"]
        return at(group[0]), at(group[-1])
    spans = [interval(g) for g in process.values()]
    for group in script.values():
        low, high = interval(group)
        assert any(a <= low and high <= b for a, b in spans), group[0]


def test_levels_are_per_process(spine, sipp, events):
    server = spine(WORKERS=1)
    receiver = server.processes("SIP receiver")[0]
    server.subscribe(events, "E_PROFILING_PROC")
    assert server.mi("core:profiling_proc", id=receiver["ID"], level=1) == "OK"
    listed = {p["ID"]: p["Profiling level"] for p in server.mi("core:profiling_proc")["Processes"]}
    assert listed[receiver["ID"]] == 1 and sum(listed.values()) == 1
    sipp("options", target(server), calls=2).finish()
    # In one read of the receiver or in two.
    assert {g[0]["name"] for g in sessions(events.whole()).values()} == {receiver["Type"]}


def test_management_requests_show_at_level_2(spine, events):
    server = spine()
    server.mi("core:profiling_proc", level=2)
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("ps")
    wait_for(lambda: any(r["name"] == "MI_DATAGRAM ps" for r in events.all()), "the command")
    server.mi("core:profiling_proc", level=0)
    events.settle()
    groups = [g for g in sessions(events.all()).values() if g[0]["name"] == "MI Datagram"]
    assert any([brief(r)[:2] for r in g] == [
        ("start", "MI Datagram"), ("enter", "MI_DATAGRAM handling"), ("enter", "MI_DATAGRAM ps"),
        ("exit", "MI_DATAGRAM ps"), ("exit", "MI_DATAGRAM"), ("end", "MI Datagram")] for g in groups), groups
    assert all(g[0]["type"] == 4 for g in groups)


def test_timer_jobs_show_at_level_3_by_name(spine, sipp, events):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = spine(DEAD_PORT=silent.getsockname()[1], T1=500, FR=3)
        server.subscribe(events, "E_PROFILING_PROC")
        server.mi("core:profiling_proc", level=3)
        callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=1)
        sipp("uac_call", target(server), calls=1, arguments=["-s", "dead"]).finish()
        callee.finish()
        wait_for(lambda: any(r["name"].startswith("tm-") for r in events.all()), "a transaction's timer")
        server.mi("core:profiling_proc", level=0)
        events.settle()
    jobs = [g for g in sessions(events.all()).values() if any(r["name"] == "timer_job" for r in g)]
    assert jobs
    for group in jobs:
        assert len(group) >= 6, "a quiet tick must leave nothing"
    assert any(r["name"].startswith("tm-") for g in jobs for r in g)


# Name by name against what the peer sends (Tests/Fixtures/captures)


def captured(name):
    """The sessions of a capture of the peer, which numbers them by pid, one after the other."""
    groups, open_groups = [], {}
    for line in (CAPTURES / name).read_text().splitlines():
        event = json.loads(line)
        if event["method"] != "E_PROFILING_PROC":
            continue
        record = event["params"]
        if record["verb"] == "start":
            open_groups[record["session"]] = []
            groups.append(open_groups[record["session"]])
        if record["session"] in open_groups:
            open_groups[record["session"]].append(record)
    return groups


def shape(group):
    return [(r["verb"], r["name"], r["type"], r.get("file"), r.get("line"), "status" in r) for r in group]


@pytest.mark.parametrize("transport,capture", [("fifo", "L2_d_mi_fifo.jsonl"), ("udp", "L2_d2_mi_dgram.jsonl")])
def test_management_is_recorded_as_the_peer_records_it(start, events, transport, capture):
    server = start("options.cfg")
    server.mi("core:profiling_proc", level=2)
    server.subscribe(events, "E_PROFILING_PROC")
    request = b'{"jsonrpc":"2.0","id":1,"method":"ps"}'
    client = (FIFO(server.fifo, server.directory) if transport == "fifo"
              else Datagram(("127.0.0.1", server.mi_port), server.directory))
    assert client.ask(request)
    client.close()
    wanted = shape(captured(capture)[0])
    wait_for(lambda: len([r for r in events.all() if r["verb"] == "end"]) >= 1, "the session")
    server.mi("core:profiling_proc", level=0)
    events.settle()
    assert wanted in [shape(g) for g in sessions(events.all()).values()]


def test_http_is_recorded_as_the_peer_records_it(web, events):  # noqa: F811
    """But for the name of the command, which the peer leaves out."""
    server = web()
    server.mi("core:profiling_proc", level=2)
    server.subscribe(events, "E_PROFILING_PROC")
    assert server.http().call("ps")[0] == 200
    wait_for(lambda: any(r["name"].startswith("HTTPD") and r["verb"] == "end" for r in events.all()), "the session")
    server.mi("core:profiling_proc", level=0)
    events.settle()
    own = [shape(g) for g in sessions(events.all()).values() if g[0]["name"].startswith("HTTPD")]
    peer = shape(captured("L2_d3_mi_http.jsonl")[0])
    named = [(v, n.replace("8888", str(server.http_port)) if "127" in n else "HTTPD_CB ps", *rest)
             for v, n, *rest in peer]
    assert own == [named]
    records = [r for r in events.all() if r["name"] == "HTTPD_CB ps"]
    assert [r.get("status") for r in records] == [None, 200]


def test_timer_jobs_are_recorded_as_the_peer_records_them(spine, events):
    """`timer_job`, in it each job by its label; a tick that does nothing leaves nothing."""
    server = spine()
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", level=3)
    wait_for(lambda: len([r for r in events.all() if r["name"] == "load-sample" and r["verb"] == "exit"]) >= 3, "timers")
    server.mi("core:profiling_proc", level=0)
    events.settle()
    peer = {(r["verb"], r.get("file")): True for g in captured("L3_e_timers_idle.jsonl") for r in g}
    groups = [g for g in sessions(events.all()).values() if any(r["name"] == "timer_job" for r in g)]
    assert groups
    for group in groups:
        assert [r["name"] for r in group if r["verb"] == "enter"][0] == "timer_job" and len(group) >= 6, group
        assert all((r["verb"], r.get("file")) in peer for r in group), group
        inside = [r for r in group if r.get("file") == "handle_timer_job"]
        assert inside and all(r["line"] == {"enter": 1012, "exit": 1041}[r["verb"]] for r in inside)
        assert all(r["name"] and r["name"] != "timer_job" for r in inside)
    # The receivers had nothing to do: their ticks left nothing, though they are at level 3, too.
    assert {g[0]["name"] for g in groups} == {"Timer handler"}


def test_jobs_between_processes_have_their_names(start, events):
    server = start("options.cfg", EXTRA="event_route[E_CORE_THRESHOLD] { $var(x) = 1; }")
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", level=1)
    server.mi("evi:raise", event="E_CORE_THRESHOLD")
    wait_for(lambda: any(r["name"] == "ipc_job" and r["verb"] == "exit" for r in events.all()), "the job")
    server.mi("core:profiling_proc", level=0)
    events.settle()
    job, = [g for g in sessions(events.all()).values() if any(r["name"] == "ipc_job" for r in g)]
    assert [(r["verb"], r["name"]) for r in job] == [
        ("start", "Timer handler"), ("enter", "ipc_job"), ("enter", "event_route E_CORE_THRESHOLD"),
        ("exit", "event_route E_CORE_THRESHOLD"), ("exit", "ipc_job"), ("end", "Timer handler")]
