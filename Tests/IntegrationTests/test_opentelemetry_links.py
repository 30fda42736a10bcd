"""What goes on elsewhere says where it comes from: requests of the server's own in the trace of what made them, jobs with a link."""
import re

import pytest

import test_b2b
import test_dialogs
from collector import collector, module, sent  # noqa: F401 (fixture)
from conftest import HERE, wait_for
from peer import Peer
from test_b2b import agents, b2b  # noqa: F401 (fixtures)
from test_dialogs import peers  # noqa: F401 (fixture)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00-%s-00f067aa0ba902b7-01" % TRACE
HEADER = "traceparent: " + PARENT


def spine(*replacements, more=""):
    """The script of spine.cfg with something before its first decision, and more routes."""
    text = (HERE / "cfg" / "spine.cfg").read_text()
    first = '\troute(sanity, "10");\n'
    return text.replace(first, first + "\n".join(replacements), 1) + more


def trace_parent(message):
    """(trace, span, flags) of a request as a peer received it; of either kind of message in these tests."""
    values = message.all("traceparent")
    assert len(values) == 1, values
    return re.fullmatch("00-(.{32})-(.{16})-(..)", values[0]).groups()


def sender(message, spans):
    """The span that sent a request, by what the request says."""
    trace, span, flags = trace_parent(message)
    found = [s for s in spans if s.id == span]
    assert len(found) == 1 and found[0].trace == trace and flags == "01", (message, found)
    return found[0]


@pytest.mark.parametrize("processes", [0, 1])
@pytest.mark.parametrize("route", ["", "local_route { route(nested); }\n"], ids=["no local_route", "local_route"])
@pytest.mark.parametrize("incoming", [True, False], ids=["traceparent", "none"])
def test_a_request_of_our_own_stays_in_the_incoming_trace(start, collector, route, incoming, processes):
    callee = Peer()
    script = spine('if (is_method("MESSAGE")) { t_new_request("NOTIFY", "sip:x@127.0.0.1:%d", "sip:a@b", "sip:c@d");'
                   ' send_reply(200, "OK"); exit; }' % callee.port, more=route)
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(
        collector, "enable=1", "propagate=1", "proc_profiling=%d" % processes))
    callee.server, peer = server, Peer(server)
    peer.request("MESSAGE", "x", lines="tracestate: a=1,b=2\n" + (HEADER + "\n" if incoming else ""))
    notify = callee.expect("NOTIFY")
    state = "a=1,b=2" if incoming else ""
    assert notify.all("tracestate") == ([state] if state else [])
    callee.reply(notify, 200)
    peer.expect(200)
    spans = sent(server, collector)
    request = next(s for s in spans if s.name == "MESSAGE request")
    assert (request.trace == TRACE) == incoming and request.state == state
    made = sender(notify, spans)
    assert made.trace == request.trace
    assert made is (next(s for s in spans if s.name == "NOTIFY local") if route else request)
    if processes:
        # The reply that no route saw goes on with what made the request.
        wait_for(lambda: [s for s in collector.spans if s["sip.response.status_code"] == 200], "the reply's span")
        reply = next(s for s in sent(server, collector) if s["sip.response.status_code"] == 200)
        assert reply.trace == request.trace and reply.state == state
    callee.close()
    peer.close()


def test_a_dialogs_request_stays_in_the_trace_of_what_asked_for_it(start, peers, collector):
    """A BYE that the script asks for, in an INFO that came with a trace of its own."""
    server = test_dialogs.serve(start, peers, extra=module(collector, "enable=1", "propagate=1"),
                                inside='if (is_method("INFO")) { dlg_send_sequential("MESSAGE", "callee", "x", "text/plain"); }')
    caller, callee = peers
    call = test_dialogs.Call(server, caller, callee)
    call.answer()
    call.within("INFO", 2, headers=[HEADER])
    received = [callee.receive(), callee.receive()]
    for request in received:
        callee.reply(request, 200, "OK")
    caller.expect(200)
    message = next(r for r in received if r.method == "MESSAGE")
    info = next(r for r in received if r.method == "INFO")
    call.bye(cseq=3)
    spans = sent(server, collector)
    assert trace_parent(message)[0] == TRACE == trace_parent(info)[0]
    assert sender(message, spans).name == sender(info, spans).name == "INFO request"


@pytest.mark.parametrize("route", ["", 'dlg_on_timeout("more");'], ids=["no route", "a route in the same pass"])
def test_a_bye_at_the_end_of_a_dialogs_time_names_the_job_that_sent_it(start, peers, collector, route):
    server = test_dialogs.serve(start, peers, flags="B", call="$DLG_timeout = 1; " + route, routes="route[more] { xlog(\"over\"); }\n",
                                extra=module(collector, "enable=1", "propagate=1", "proc_profiling=1"))
    call = test_dialogs.Call(server, *peers)
    call.answer()
    byes = []
    for agent in peers:
        byes.append(agent.expect("BYE"))
        agent.reply(byes[-1], 200, "OK")
    spans = sent(server, collector)
    for bye in byes:
        job = sender(bye, spans)
        assert job["sipray.process.id"] is not None and job.kind == "internal", job
        assert [s for s in spans if s.name == "more"] if route else not [s for s in spans if s.name == "more"]
        # The BYE's reply is in the same trace.
        assert [s for s in spans if s.trace == job.trace and s["sip.cseq"] == bye.get("cseq") and s["sip.response.status_code"] == 200]


@pytest.mark.parametrize("processes", [0, 1])
def test_both_legs_of_a_back_to_back_call_are_in_one_trace(b2b, agents, collector, processes):
    server = b2b(EXTRA=module(collector, "enable=1", "propagate=1", "proc_profiling=%d" % processes))
    call = test_b2b.Call(server, agents, headers=[HEADER, "tracestate: a=1", "tracestate: b=2"])
    assert trace_parent(call.invite)[0] == TRACE and call.invite.all("tracestate") == ["a=1,b=2"]
    call.pick_up().confirm()
    # A request inside the dialog, which no route sees on its way in.
    other = TRACE[::-1]
    call.a.request("INFO", headers=["traceparent: 00-%s-00f067aa0ba902b7-01" % other, "tracestate: c=3"])
    info = call.callee.expect("INFO")
    call.callee.reply(info, 200, "OK")
    call.caller.expect(200)
    assert trace_parent(info)[0] == other and info.all("tracestate") == ["c=3"]
    call.hang_up()
    spans = sent(server, collector)
    # The legs' requests pass local_route, whose spans are what sends them.
    assert sender(call.invite, spans).name == "INVITE local" and sender(info, spans).name == "INFO local"
    if processes:
        assert sender(call.ack, spans).name == "ACK local"
        root = next(s for s in spans if s.trace == other and s.parent == "00f067aa0ba902b7")
        assert root["sipray.process.id"] is not None and root.flags & 0x300 == 0x300
        taken = next(s for s in spans if s.trace == other and s["sip.message.type"] == "request" and s.kind == "internal")
        assert taken["network.peer.port"] == call.caller.port


@pytest.mark.parametrize("calls", [0, 1], ids=["by transaction", "trace_per_call"])
def test_a_job_for_another_process_links_to_its_cause(start, collector, events, calls):
    """An event route runs as a job of the timer process, in a trace of its own with a link to the span that raised the event."""
    script = spine('if (is_method("MESSAGE")) { raise_event("E_MINE"); send_reply(200, "OK"); exit; }',
                   more="event_route[E_MINE] { route(nested); }\n")
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(
        collector, "enable=1", "proc_profiling=1", "trace_per_call=%d" % calls))
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT", fields="link,parent")
    peer = Peer(server)
    peer.request("MESSAGE", "x")
    peer.expect(200)
    wait_for(lambda: collector.named("SIP event"), "the event route")
    spans = sent(server, collector)
    request = next(s for s in spans if s.name == "MESSAGE request")
    route = next(s for s in spans if s.name == "SIP event")
    job = next(s for s in spans if s.name == "Timer handler" and s.trace == route.trace)
    assert job.trace != request.trace and job.parent == ""
    assert job.links == [(request.trace, request.id)]
    assert {s.name for s in spans if s.trace == job.trace} >= {"ipc_job", "SIP event"}
    # The records say the same.
    starts = {r["session"]: r for r in events.all() if r["verb"] == "start"}
    assert starts[job["sipray.session.id"]]["link"] == request["sipray.session.id"]
    peer.close()


def test_without_processes_a_job_leaves_nothing_open(start, collector):
    """Process sessions may be recorded for somebody else: what scripts make of them is no link to a span that nobody has."""
    script = spine('if (is_method("MESSAGE")) { raise_event("E_MINE"); send_reply(200, "OK"); exit; }',
                   more="event_route[E_MINE] { t_new_request(\"NOTIFY\", \"sip:x@127.0.0.1:9\", \"sip:a@b\", \"sip:c@d\"); }\n"
                        "local_route { route(nested); }\n")
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(collector, "enable=1"))
    server.mi("core:profiling_proc", level=3)
    peer = Peer(server)
    peer.request("MESSAGE", "x")
    peer.expect(200)
    peer.close()
    wait_for(lambda: collector.named("NOTIFY local"), "the local request")
    spans = sent(server, collector)
    ids = {s.id for s in spans}
    assert all(s.parent in ids for s in spans if s.parent) and all(i in ids for s in spans for _, i in s.links)
