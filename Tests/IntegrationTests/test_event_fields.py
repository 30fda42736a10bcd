"""Fields of profiling events beyond the peer's: only for who asks, and right for calls, resumes and local requests."""
import json
import re

import pytest

from conftest import HERE, Events, free_port, sessions, wait_for
from sip import Agent
from test_event_stream import STREAM, Stream
from test_start import ask

EVENTS = "E_PROFILING_PROC", "E_PROFILING_SCRIPT"
PEERS = re.compile(
    rb'\{"jsonrpc":"2\.0","method":"E_PROFILING_(PROC|SCRIPT)","params":\{"sec":\d+,"usec":\d+,"session":\d+,"verb":'
    rb'("start","name":"[^"]*","type":\d+,"depth":1'
    rb'|"enter","name":"[^"]*","type":\d+,"depth":\d+,"file":"[^"]*","line":\d+'
    rb'|"exit","name":"[^"]*","type":\d+,"depth":\d+,"file":"[^"]*","line":\d+,"status":-?\d+'
    rb'|"end","name":"[^"]*","type":\d+,"depth":1,"status":-?\d+)\}\}')


@pytest.fixture
def listeners():
    made = []

    def make(kind=Events):
        made.append(kind())
        return made[-1]

    yield make
    for one in made:
        one.close()


def call(server, agents):
    """A call from its INVITE to its end; gives its Call-ID."""
    caller, callee = agents
    sent = caller.request("INVITE", "sip:callee@127.0.0.1:%d" % server.port)
    invite = callee.expect("INVITE")
    callee.reply(invite, 180, "Ringing", tag="t")
    caller.expect(180)
    callee.reply(invite, 486, "Busy Here", tag="t")
    # The failure route tries once more; the ACK of the first try may be behind that.
    came = {message.method: message for message in (callee.receive(), callee.receive())}
    callee.reply(came["INVITE"], 486, "Busy Here", tag="t")
    assert "ACK" in came and callee.expect("ACK")
    caller.ack(sent, caller.expect(486))
    return sent["call_id"]


def test_without_asking_the_wire_is_the_seeds(start, listeners):
    """Byte for byte, also while others ask for everything."""
    server = start("options.cfg", EXTRA=STREAM)
    plain, curious = listeners(), listeners()
    stream = listeners(Stream)
    server.subscribe(plain, *EVENTS)
    server.subscribe(stream, *EVENTS)
    server.subscribe(curious, *EVENTS, fields="all")
    server.mi("core:profiling_proc", level=3)
    for _ in range(5):
        ask(server.port)
    wait_for(lambda: len([r for r in plain.all(EVENTS[1]) if r["verb"] == "end"]) == 5, "the records")
    server.mi("core:profiling_proc", level=0)
    plain.settle()
    curious.settle()
    wait_for(lambda: len(curious.raw) >= len(plain.raw), "the curious one's")
    assert len(plain.raw) >= 40 and all(PEERS.fullmatch(raw) for raw in plain.raw)
    assert len([r for r in curious.all() if "call" in r]) >= 20 and all("nsec" in r for r in curious.all())
    wait_for(lambda: len(stream.events) >= len(plain.raw), "the stream's")
    as_sent = [json.dumps(e, separators=(",", ":")).encode() for e in stream.events]
    assert all(PEERS.fullmatch(raw) for raw in as_sent)


@pytest.mark.parametrize("way", ["field", "event_datagram", "event_stream"])
def test_the_call_is_named(start, listeners, way):
    """Each session about a SIP message names its Call-ID from where it is known; others name none."""
    extra = {"field": "", "event_datagram": 'modparam("event_datagram", "profiling_fields", "call")\n',
             "event_stream": STREAM + 'modparam("event_stream", "profiling_fields", "call")\n'}[way]
    port = free_port()
    line = 'loadmodule "event_datagram.so"\n'
    text = (HERE / "cfg" / "spine.cfg").read_text().replace(line, line + extra)
    server = start(text, UAS_PORT=port, BUSY_PORT=9, DEAD_PORT=9)
    one = listeners(Stream if way == "event_stream" else Events)
    server.subscribe(one, *EVENTS, fields="call" if way == "field" else None)
    server.mi("core:profiling_proc", level=3)
    with Agent(("127.0.0.1", server.port)) as caller, Agent(("127.0.0.1", server.port), port=port) as callee:
        identity = call(server, (caller, callee))
        wait_for(lambda: any(r["name"] == "load-sample" for r in one.all()), "a timer")
    server.mi("core:profiling_proc", level=0)
    server.mi("evi:raise", event="E_CORE_THRESHOLD")
    wait_for(lambda: len([r for r in one.all(EVENTS[1]) if r["verb"] == "end"]) >= 6, "the records")
    if way != "event_stream":
        one.settle()
    script = sessions(one.all(EVENTS[1])).values()
    kinds = {g[0]["type"] for g in script}
    # INVITE (request, branch), 180 and 486 (onreply), failure, ACK.
    assert kinds >= {1, 2, 4, 8}
    assert all(r.get("call") == identity for g in script for r in g), "script sessions from their start"

    def whole():
        """The process records as they are when no session is open."""
        records = one.all(EVENTS[0])
        return records if len({r["session"] for r in records}) == len([r for r in records if r["verb"] == "end"]) else None
    for group in sessions(wait_for(whole, "every session to end")).values():
        named = [r.get("call") for r in group]
        if group[0]["name"].startswith("SIP receiver") and group[1]["name"] == "udp proto reading":
            at = next(n for n, r in enumerate(group) if r["name"] == "receive_msg")
            assert named[:at + 1] == [None] * (at + 1) and set(named[at + 1:]) == {identity}, group
        else:
            assert set(named) == {None}, group


@pytest.mark.parametrize("module", ["event_datagram", "event_stream"])
def test_a_module_parameter_asks_for_every_field(start, listeners, module):
    """And for what a session goes on with: a resume, the routes of a reply, a failure route."""
    parameter = 'modparam("%s", "profiling_fields", "parent, link, call, nsec")\n' % module
    text = (HERE / "cfg" / "waiting.cfg").read_text()
    line = 'loadmodule "event_datagram.so"\n'
    with Agent(None) as caller, Agent(None) as callee:
        extra = parameter if module == "event_datagram" else STREAM + parameter
        server = start(text.replace(line, line + extra), ROUTE="""
            route {
                if ($rm == "ACK") { t_check_trans(); exit; }
                async(usleep(20000), resume);
            }
            route[resume] { t_on_reply("progress"); t_on_failure("failed"); $du = "sip:%s"; t_relay(); }
            onreply_route[progress] { $var(x) = 1; }
            failure_route[failed] { $var(x) = 1; }
            """ % callee.name)
        caller.server = server.address, server.port
        one = listeners(Stream if module == "event_stream" else Events)
        server.subscribe(one, *EVENTS)
        server.mi("core:profiling_proc", level=1)
        sent = caller.request("INVITE", "sip:x@127.0.0.1")
        callee.reply(callee.expect("INVITE"), 486, "Busy", tag="t")
        callee.expect("ACK")
        caller.ack(sent, caller.expect(486))

    def starts():
        ended = {r["session"] for r in one.all() if r["verb"] == "end"}
        found = {r["name"]: r for r in one.all(EVENTS[1]) if r["verb"] == "start" and r["session"] in ended}
        return found if {"<root>", "resume", "progress", "failed"} <= set(found) else None

    found = wait_for(starts, "the four routes")
    records = one.all()
    assert all("nsec" in r and r["nsec"] // 1000 == r["usec"] for r in records)
    begun = next(r for r in one.all(EVENTS[1]) if r["verb"] == "start" and r["name"] == "<root>")
    assert "link" not in begun and found["resume"]["link"] == begun["session"]
    # The one that made the transaction, by async(); both belong to it, whoever relayed.
    assert found["progress"]["link"] == found["failed"]["link"] == begun["session"]
    jobs = {r["session"] for r in one.all(EVENTS[0]) if r["verb"] == "start"}
    assert {r["parent"] for r in found.values()} <= jobs
    assert {r["call"] for r in found.values()} == {sent["call_id"]}


def test_a_resume_names_its_call(start, events):
    server = start("waiting.cfg", ROUTE="""
        route { async(usleep(20000), resume); }
        route[resume] { t_reply(200, "Resumed"); }
        timer_route[tick, 1] { $var(x) = 1; }
        """)
    server.subscribe(events, *EVENTS, fields="call,link")
    server.mi("core:profiling_proc", level=1)
    with Agent(("127.0.0.1", server.port)) as agent:
        sent = agent.request("MESSAGE", "sip:x@127.0.0.1")
        agent.expect(200)
    wait_for(lambda: any(r["type"] == 128 and r["verb"] == "end" for r in events.all(EVENTS[1])), "the timer route")
    wait_for(lambda: {"<root>", "resume", "tick"} <= {r["name"] for r in events.all(EVENTS[1]) if r["verb"] == "end"}, "all")
    events.settle()
    script = sessions(events.all(EVENTS[1])).values()
    about = {g[0]["name"]: {r.get("call") for r in g} for g in script}
    assert about["<root>"] == about["resume"] == {sent["call_id"]} and about["tick"] == {None}
    resumed, = [g for g in sessions(events.all(EVENTS[0])).values() if any(r["name"] == "async_script" for r in g)]
    assert resumed[-1]["call"] == sent["call_id"] and "call" not in resumed[0]


def test_a_broken_message_names_what_it_can(start, events):
    server = start("options.cfg")
    server.subscribe(events, "E_PROFILING_PROC", fields="call")
    server.mi("core:profiling_proc", level=1)
    with Agent(("127.0.0.1", server.port)) as agent:
        agent.request("OPTIONS", 'sip:x@127.0.0.1', call_id='quoted"\\@here')
        agent.expect(200)
        agent.send("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nCSeq: x\r\n\r\n")
        agent.send("nonsense\r\n\r\n")
    received = wait_for(lambda: len([r for r in events.all() if r["verb"] == "end"]) >= 3 and events.all(), "the records")
    ends = [g[-1].get("call") for g in sessions(received).values()]
    assert ends == ['quoted"\\@here', None, None]
