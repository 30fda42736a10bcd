"""Every point at which the process producer speaks, by name, place, type and level, against one table.

`Tests/Fixtures/captures` has the peer's records; where it has a point, name, file and line here are the peer's. Of TCP there
is no capture: its points are named as those of UDP. A point in the sources that no table has fails the last test."""
import json
import pathlib
import re
import threading

from b2bcalls import b2b  # noqa: F401 (fixture)
from conftest import free_port, sessions, wait_for
from dns_server import NameServer
from management import FIFO
from producers import ELSEWHERE, table
from sip import Agent
from stream import Stream, StreamServer
from tcp_server import options, tcp  # noqa: F401 (fixture)
from test_dialogs import Call
from test_management_http import web  # noqa: F401 (fixture)
from test_topology_hiding import Hidden, contact_uri

SOURCES = pathlib.Path(__file__).parent / "../../Sources"


def seen(groups):
    """{(process, type, name, file, line): {(name, line) of the exit}} of all jobs, paired as brackets."""
    found = {}
    for group in groups:
        inside = []
        for record in group[1:-1]:
            if record["verb"] == "enter":
                inside.append(record)
            else:
                enter = inside.pop()
                assert enter["file"] == record["file"] and "status" in record
                key = group[0]["name"], record["type"], enter["name"], enter["file"], enter.get("line")
                found.setdefault(key, set()).add((record["name"], record.get("line")))
    return found


def check(server, events, scenario, traffic):
    """Runs traffic at each level that the table has for the scenario."""
    rows = [row for row in table() if row[0] == scenario]
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", level=max(row[1] for row in rows))
    traffic()

    def missing():
        found = seen(group for group in groups() if group[-1]["verb"] == "end")
        return [row for row in rows if not any(
            key[0].startswith(row[2]) and key[1:] == row[3:7] and exits <= row[7] for key, exits in found.items())]

    def groups():
        out = {}
        for record in events.all("E_PROFILING_PROC"):
            out.setdefault(record["session"], []).append(record)
        return out.values()

    try:
        wait_for(lambda: not missing(), "all points", timeout=8)
    except BaseException:
        for row in missing():
            print("missing:", row, [k for k in seen(g for g in groups() if g[-1]["verb"] == "end") if k[2] == row[4]])
        raise
    server.mi("core:profiling_proc", level=0)
    events.settle()
    sessions(events.all("E_PROFILING_PROC"))


def test_datagrams(start, events):
    port = free_port()
    server = start("spine.cfg", UAS_PORT=port, BUSY_PORT=9, DEAD_PORT=free_port())
    with Agent(("127.0.0.1", server.port)) as caller, Agent(None, port=port) as callee:
        def traffic():
            caller.request("MESSAGE", "sip:callee@127.0.0.1")
            callee.reply(callee.expect("MESSAGE"), 200, "OK", tag="t")
            caller.expect(200)
            caller.request("MESSAGE", "sip:dead@127.0.0.1")
            assert caller.receive().status >= 400

        check(server, events, "udp", traffic)


def test_connections(tcp, events):  # noqa: F811
    with StreamServer() as listener:
        server = tcp(TCP_PORT=listener.port, UDP_PORT=9)
        with Stream(server.tcp) as caller:
            def traffic():
                caller.send(options(caller, server))
                caller.expect(200)
                caller.send(caller.request("MESSAGE", "sip:tcp@%s" % server.name))
                with listener.accept() as callee:
                    callee.reply(callee.expect("MESSAGE"), 200)
                caller.expect(200)
                listener.close()
                wait_for(lambda: len(server.mi("tcp:list")["Connections"]) == 1, "the callee's connection to end")
                caller.send(caller.request("MESSAGE", "sip:tcp@%s" % server.name))
                assert caller.receive().status in (477, 500)

            check(server, events, "tcp", traffic)


def test_names(start, events):
    with Agent(None) as caller, Agent(None) as callee, NameServer({
            ("_sip._udp.there.test", "SRV"): [(1, 1, callee.port, "host.test")], ("host.test", "A"): ["127.0.0.1"]},
            silent=["_sip._udp.silent.test", "silent.test"]) as names:
        server = start("waiting.cfg", arguments=["--dns-server", names.name], ROUTE="route { t_relay(); }")
        caller.server = ("127.0.0.1", server.port)

        def traffic():
            caller.request("MESSAGE", "sip:x@there.test")
            callee.reply(callee.expect("MESSAGE"), 200, "OK", tag="t")
            caller.expect(200)
            caller.request("MESSAGE", "sip:x@silent.test")

        check(server, events, "dns", traffic)


def test_back_to_back(b2b, events):  # noqa: F811
    server = b2b()
    to = "127.0.0.1", server.port
    with Agent(to) as caller, Agent(to, port=server.uas_port) as callee:
        def leg(agent, message, method, cseq):
            """A request of the side that has `message`, inside its dialog."""
            target = message.get("contact").partition("<")[2].partition(">")[0]
            own, other = ("from", "to") if message.is_reply else ("to", "from")
            return agent.request(method, target, caller="sip:a@x", callee="sip:b@x", call_id=message.get("call-id"),
                                 cseq=cseq, from_tag=message.tag(own), to_tag=message.tag(other))

        def traffic():
            sent = caller.request("INVITE", "sip:x@127.0.0.1:%d" % server.port)
            invite = callee.expect("INVITE")
            contact = ["Contact: <sip:me@%s>" % callee.name]
            callee.reply(invite, 180, "Ringing", tag="t", headers=contact)
            caller.expect(180)
            callee.reply(invite, 200, "OK", tag="t", headers=contact)
            answer = caller.expect(200)
            leg(caller, answer, "ACK", sent["cseq"])
            ack = callee.expect("ACK")
            # Both sides ask something inside the dialog, and the callee ends it.
            leg(caller, answer, "INFO", 2)
            callee.reply(callee.expect("INFO"), 200, "OK")
            caller.expect(200)
            callee.request("BYE", invite.get("contact").partition("<")[2].partition(">")[0], caller="sip:b@x",
                           callee="sip:a@x", call_id=invite.get("call-id"), cseq=1, from_tag="t",
                           to_tag=invite.tag("from"))
            caller.reply(caller.expect("BYE"), 200, "OK")
            callee.expect(200)
            assert ack

        check(server, events, "b2b", traffic)


def test_dialogs(start, events):
    with Agent(None) as caller, Agent(None) as callee:
        server = start("dialog.cfg", CALLEE=callee.port, ROUTE="""
            route[call] {
                create_dialog("B");
                if ($hdr(X-Short) != NULL) { $DLG_timeout = 1; dlg_on_answer("answered"); }
                record_route();
            }
            route[answered] { dlg_send_sequential("INFO", "callee", "hello", "text/plain"); }
            route[inside] {
                loose_route();
                match_dialog();
                validate_dialog();
                fix_route_dialog();
            }""")
        caller.server = callee.server = ("127.0.0.1", server.port)

        def traffic():
            busy = Call(server, caller, callee)
            caller.ack(busy.sent, busy.answer(486, "Busy"))
            short = Call(server, caller, callee, headers=["X-Short: 1"])
            short.answer(ack=False)
            callee.reply(callee.expect("INFO"), 200, "OK")
            short.ack()
            for side in (callee, caller):
                side.reply(side.expect("BYE"), 200, "OK")
            for ends in ("caller", "management"):
                call = Call(server, caller, callee)
                callee.reply(call.invite, 180, "Ringing", tag=call.tag)
                caller.expect(180)
                call.answer()
                if ends == "management":
                    dialog = server.mi("dlg_list")["Dialogs"][0]
                    thread = threading.Thread(target=server.mi, args=("dlg_end_dlg",), kwargs=dict(dialog_id=dialog["ID"]))
                    thread.start()
                    callee.reply(callee.expect("BYE"), 200, "OK")
                    caller.reply(caller.expect("BYE"), 200, "OK")
                    thread.join(5)
                else:
                    call.bye()

        check(server, events, "dialog", traffic)


def test_hidden_calls(start, events):
    with Agent(None) as caller, Agent(None) as callee:
        server = start("hiding.cfg", CALLEE=callee.port, ROUTE="topology_hiding();", PARAMS="",
                       EXTRA='loadmodule "event_datagram.so"\n')
        caller.server = callee.server = ("127.0.0.1", server.port)

        def traffic():
            call = Hidden(server, caller, callee)
            call.to_callee("ACK", 1, contact_uri(call.answer()))
            callee.expect("ACK")

        check(server, events, "hiding", traffic)


def test_waiting(start, events):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route {
            if ($rU == "sleep") async(usleep(10000), resume);
            if ($rU == "exec") async(exec("echo x", , $var(b)), resume);
            if ($rU == "launch") { launch(usleep(10000), report); sl_send_reply(200, "OK"); exit; }
            usleep(10000);
            sl_send_reply(200, "OK");
        }
        route[resume] { t_reply(200, "OK"); }
        route[report] { $var(x) = 1; }
        """)
    with Agent(("127.0.0.1", server.port)) as agent:
        def traffic():
            for user in ("sleep", "exec", "launch", "plain"):
                agent.request("MESSAGE", "sip:%s@127.0.0.1" % user)
                agent.expect(200)

        check(server, events, "async", traffic)


def test_jobs(start, events):
    server = start("options.cfg", EXTRA="event_route[E_CORE_THRESHOLD] { $var(x) = 1; }")
    check(server, events, "ipc", lambda: server.mi("evi:raise", event="E_CORE_THRESHOLD"))


def test_fifo(start, events):
    server = start("options.cfg")

    def traffic():
        client = FIFO(server.fifo, server.directory)
        assert client.ask(b'{"jsonrpc":"2.0","id":1,"method":"ps"}')
        client.send(b'{"jsonrpc":')  # given up after 2 s
        assert client.receive()
        client.close()

    check(server, events, "fifo", traffic)


def test_http_and_datagrams_of_management(web, events):  # noqa: F811
    server = web()
    with Agent(None) as answering:
        def traffic():
            server.mi("ps")
            assert server.http().call("ps")[0] == 200 and server.http().ask(b"x", path="/nowhere")[0] == 400
            thread = threading.Thread(target=lambda: server.http().call("t_uac_dlg", dict(
                method="OPTIONS", ruri="sip:x@" + answering.name, headers="From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n")))
            thread.start()
            answering.reply(answering.expect("OPTIONS"), 200, "OK", tag="t")
            thread.join(5)

        check(server, events, "http", traffic)


def test_timers(start, events):
    """Each by its label. A tick that does nothing leaves nothing: every session has a job in it."""
    with Agent(None) as callee, Agent(None) as caller:
        server = start("dialog.cfg", CALLEE=callee.port, EXTRA="""
loadmodule "cfgutils.so"
loadmodule "usrloc.so"
modparam("usrloc", "working_mode_preset", "single-instance-no-db")
modparam("usrloc", "timer_interval", 1)
timer_route[tick, 1] { $var(x) = 1; }
""", ROUTE="""
            route[call] { usleep(5000); create_dialog(); record_route(); }
            route[inside] { loose_route(); }""")
        caller.server = ("127.0.0.1", server.port)

        def traffic():
            caller.request("INVITE", "sip:x@127.0.0.1")
            callee.expect("INVITE")
            callee.expect("INVITE", 3)  # sent again by a timer

        check(server, events, "timers", traffic)
        for group in sessions(events.all("E_PROFILING_PROC")).values():
            if group[1]["name"] == "timer_job":
                assert len(group) >= 6 and group[2]["verb"] == "enter", group


# Completeness


SITE = re.compile(r'(?:\bSite|\bnotify|Sites\.(?:timer|job))\(\s*"((?:[^"\\]|\\\()*)', re.S)
PERIODIC = re.compile(r'environment\.every\(milliseconds: [^"\n]*"([^"]+)"')


def names_in_sources():
    """{name: file} of every point of the process producer; an interpolated name up to what is filled in."""
    found = {}
    for path in sorted(SOURCES.rglob("*.swift")):
        if {"Demo", "Profiling", "ProfilingTracing", "Benchmarks"} & set(path.parts):
            continue
        text = path.read_text()
        for match in [*SITE.finditer(text), *PERIODIC.finditer(text)]:
            end = text.find(")", match.end())
            if "interest: .script" not in text[match.end():end]:
                found.setdefault(match[1].partition("\\(")[0], path.name)
    return found


def test_no_point_is_missing_in_the_table():
    listed, present = {row[4] for row in table()} | set(ELSEWHERE), names_in_sources()
    missing = {name: file for name, file in present.items()
               if name and not any(one == name or name.endswith(" ") and one.startswith(name) for one in listed)}
    assert not missing
    assert not set(ELSEWHERE) & {row[4] for row in table()}
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.swift"))
    assert not [name for name in listed if '"' + name.split(" ")[0] not in text], "the sources have no such name"


def test_the_captured_points_are_in_the_table():
    """What the peer was seen to say at levels 1 to 3, but for labels of its own timers."""
    listed = {(row[4], row[5]) for row in table()} | {("async_script", "handle_io")}
    for path in sorted(pathlib.Path(__file__).parent.glob("../Fixtures/captures/L[123]*.jsonl")):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            record = event["params"]
            if event["method"] != "E_PROFILING_PROC" or record["verb"] != "enter":
                continue
            name, file = record["name"].strip(), record["file"]
            if file in ("handle_timer_job", "t_resume_async"):
                assert any(one == file for _, one in listed)
            else:
                assert (name, file) in listed, (path.name, name, file)
