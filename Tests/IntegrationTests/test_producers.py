"""Points at which the process producer speaks of SIP, by name, place, type and level, against one table (producers.py).

`Tests/Fixtures/captures` has the peer's records; where it has a point, name, file and line here are the peer's. Of TCP there
is no capture: its points are named as those of UDP. A point in the sources that no table has fails the last test."""
import itertools
import json
import pathlib
import re
import threading

from b2bcalls import b2b  # noqa: F401 (fixture)
from conftest import free_port, wait_for
from dns_server import NameServer
from producers import ELSEWHERE, check, table
from sip import Agent
from stream import Stream, StreamServer
from tcp_server import options, tcp  # noqa: F401 (fixture)
from test_dialogs import Call
from test_topology_hiding import Hidden, contact_uri

SOURCES = pathlib.Path(__file__).parent / "../../Sources"


def test_datagrams(start):
    port = free_port()
    server = start("spine.cfg", UAS_PORT=port, BUSY_PORT=9, DEAD_PORT=free_port())
    with Agent(("127.0.0.1", server.port)) as caller, Agent(None, port=port) as callee:
        def traffic():
            caller.request("MESSAGE", "sip:callee@127.0.0.1")
            callee.reply(callee.expect("MESSAGE"), 200, "OK", tag="t")
            caller.expect(200)
            caller.request("MESSAGE", "sip:dead@127.0.0.1")
            assert caller.receive().status >= 400

        check(server, "udp", traffic)


def test_connections(tcp):  # noqa: F811
    port = free_port()
    server = tcp(TCP_PORT=port, UDP_PORT=9)

    def traffic():
        with Stream(server.tcp) as caller, StreamServer(port=port) as listener:
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
        wait_for(lambda: not server.mi("tcp:list")["Connections"], "the caller's connection to end")

    check(server, "tcp", traffic)


def test_names(start):
    """Each run asks for names of its own, since answers are kept; and has one that nobody answers until the time is over."""
    runs = itertools.count()
    records, silent = {}, []
    with Agent(None) as caller, Agent(None) as callee:
        for run in range(5):
            records["_sip._udp.there%d.test" % run, "SRV"] = [(1, 1, callee.port, "host%d.test" % run)]
            records["host%d.test" % run, "A"] = ["127.0.0.1"]
            silent += ["_sip._udp.silent%d.test" % run, "silent%d.test" % run]
        with NameServer(records, silent=silent) as names:
            server = start("waiting.cfg", arguments=["--dns-server", names.name, "--limit", "lookup_seconds=2"],
                           EXTRA="dns_retr_time=1\ndns_try_naptr=no",
                           ROUTE="route { t_relay(); }")
            caller.server = ("127.0.0.1", server.port)

            def traffic():
                run = next(runs)
                caller.request("MESSAGE", "sip:x@silent%d.test" % run)
                caller.request("MESSAGE", "sip:x@there%d.test" % run)
                callee.reply(callee.expect("MESSAGE"), 200, "OK", tag="t")
                caller.expect(200)
                caller.expect(478)

            check(server, "dns", traffic)


def test_back_to_back(b2b):  # noqa: F811
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

        check(server, "b2b", traffic)


def test_ends_of_lives(b2b):  # noqa: F811
    """Sessions that have lasted long enough are ended by a job that the timer process gives a receiver."""
    server = b2b(EXTRA="""
modparam("b2b_logic", "cleanup_period", 1)
modparam("b2b_logic", "max_duration", 2)
modparam("b2b_entities", "ua_default_timeout", 2)
""", ROUTE="""if ($rU == "box") { ua_session_server_init($var(key), "arhb"); exit; }""")
    to = "127.0.0.1", server.port
    with Agent(to) as caller, Agent(to) as visitor, Agent(to, port=server.uas_port) as callee:
        def traffic():
            caller.request("INVITE", "sip:x@127.0.0.1:%d" % server.port)
            visitor.request("INVITE", "sip:box@127.0.0.1:%d" % server.port)
            callee.reply(callee.expect("INVITE"), 200, "OK", tag="t", headers=["Contact: " + callee.contact])
            callee.expect("ACK")
            callee.reply(callee.expect("BYE"), 200, "OK")
            wait_for(lambda: server.mi("b2be_list") == [] and server.mi("ua_session_list") == [], "the ends")
            for agent in (caller, visitor, callee):
                agent.drain()

        check(server, "lives", traffic)


def test_dialogs(start):
    with Agent(None) as caller, Agent(None) as callee:
        server = start("dialog.cfg", CALLEE=callee.port, ROUTE="""
            route[call] {
                create_dialog("B");
                if ($hdr(X-Dropped) != NULL) { sl_send_reply(486, "No"); exit; }
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
            # A dialog that the script made and left without a call.
            sent = caller.request("INVITE", "sip:x@127.0.0.1", headers=["X-Dropped: 1"])
            caller.ack(sent, caller.expect(486))
            # A request of a dialog that nobody knows: each function says that it is none.
            caller.request("INFO", callee.uri("x"), to_tag="nobody")
            callee.reply(callee.expect("INFO"), 200, "OK")
            caller.expect(200)
            busy = Call(server, caller, callee)
            caller.ack(busy.sent, busy.answer(486, "Busy"))
            short = Call(server, caller, callee, headers=["X-Short: 1"])
            short.answer(ack=False)
            callee.reply(callee.expect("INFO"), 200, "OK")
            short.ack()
            for side in (callee, caller):
                side.reply(side.expect("BYE"), 200, "OK")
            # Ended while it rings; its answer crosses the CANCEL.
            late = Call(server, caller, callee)
            callee.reply(late.invite, 180, "Ringing", tag=late.tag)
            caller.expect(180)
            server.mi("dlg_end_dlg", dialog_id=late.sent["call_id"])
            callee.reply(callee.expect("CANCEL"), 200, "OK")
            late.answer()
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

        check(server, "dialog", traffic)


def test_hidden_calls(start):
    with Agent(None) as caller, Agent(None) as callee:
        server = start("hiding.cfg", CALLEE=callee.port, ROUTE="topology_hiding();", PARAMS="",
                       EXTRA='loadmodule "event_datagram.so"\n')
        caller.server = callee.server = ("127.0.0.1", server.port)

        def traffic():
            call = Hidden(server, caller, callee)
            call.to_callee("ACK", 1, contact_uri(call.answer()))
            callee.expect("ACK")
            caller.request("INFO", "sip:x@127.0.0.1:%d" % server.port, to_tag="nobody")
            caller.expect(481)

        check(server, "hiding", traffic)


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
    for name, test in ELSEWHERE.items():
        assert name in (SOURCES / "../Tests" / test).read_text(), "the test that ELSEWHERE names does not look at it"
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
