"""What traces of real traffic say, decoded by messages nobody here wrote, against the events of the same traffic."""
import collections
import re

import pytest

from collector import check_against_events, check_attributes, collector, module, sent, wait_spans  # noqa: F401 (fixture)
from conftest import HERE, sessions, wait_for
from peer import Peer
from test_calls import spine, target  # noqa: F401 (fixture)


def test_a_call_is_a_trace_of_each_transaction(spine, sipp, events, collector):
    server = spine(WORKERS=3, EXTRA=module(collector, "enable=1", "proc_profiling=1"))
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT", fields="parent,link")
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=10)
    sipp("uac_call", target(server), calls=10, rate=20, arguments=["-s", "callee"]).finish()
    callee.finish()
    events.whole("E_PROFILING_SCRIPT", least=60)
    spans = sent(server, collector)
    groups = sessions(events.all("E_PROFILING_PROC") + events.all("E_PROFILING_SCRIPT"))
    # The subscriber came a moment after tracing; nothing was on the wire between.
    check_against_events(spans, groups)
    check_attributes(spans)
    assert server.mi("opentelemetry:status")["sampling"]["records_lost"] == 0
    by_id = {s.id: s for s in spans}
    requests = [s for s in spans if s.name == "INVITE request"]
    assert len(requests) == 10 and len({s.trace for s in requests}) == 10
    for request in requests:
        trace = [s for s in spans if s.trace == request.trace]
        names = collections.Counter(s.name for s in trace)
        # The INVITE with its branch, and its replies 100?, 180 and 200, each in the process that it came to.
        assert names["INVITE branch"] == 1 and names["INVITE onreply"] >= 2, names
        branch = next(s for s in trace if s.name == "INVITE branch")
        assert by_id[branch.parent].name == "t_relay"
        replies = [s for s in trace if s.name == "INVITE onreply"]
        assert {(s["sip.response.status_code"], s["sip.response.reason"]) for s in replies} >= {(180, "Ringing"), (200, "OK")}
        for reply in replies:
            # Up to the root of its process session, which hangs on the request's span.
            root = reply
            while root.kind != "internal" or root["sipray.process.id"] is None:
                root = by_id[root.parent]
            assert root.name.startswith("SIP receiver") and by_id[root.parent] is request
        assert all(s["sip.call_id"] == request["sip.call_id"] for s in trace if s["sip.call_id"])
        roots = [s for s in trace if not s.parent]
        assert len(roots) == 1 and roots[0].name.startswith("SIP receiver")
    tasks = {p["ID"]: p for p in server.mi("ps")["Processes"]}
    for span in spans:
        if span["sipray.process.id"] is not None:
            process = tasks[span["sipray.process.id"]]
            assert span["thread.id"] == process["PID"] and span["sipray.process.description"] == process["Type"]
            assert span["thread.name"].startswith(("sip-", "timer-", "mi_"))


def test_a_message_is_the_root_without_processes(spine, collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "loses to the script")
    server = spine(EXTRA=module(collector, "enable=1", 'service_name="edge"'))
    peer = Peer(server)
    peer.request("INVITE", "busy", lines="User-Agent: Phone/1.0\n")
    # Nobody is at either port: both branches fail.
    wait_for(lambda: (peer.receive().status or 0) >= 300, "the final answer")
    peer.close()
    spans = sent(server, collector)
    request = next(s for s in spans if s.name == "INVITE request")
    call = "call%d-" % peer.port
    assert request["sip.call_id"].startswith(call)
    expected = {
        "network.protocol.name": "sip", "network.protocol.version": "2.0", "network.transport": "udp",
        "network.peer.address": "127.0.0.1", "network.peer.port": peer.port,
        "network.local.address": server.address, "network.local.port": server.port,
        "sip.message.type": "request", "sip.request.method": "INVITE",
        "sip.request.uri": "sip:busy@%s:%d" % (server.address, server.port),
        "url.full": "sip:busy@%s:%d" % (server.address, server.port), "url.scheme": "sip",
        "server.address": server.address, "server.port": server.port, "sip.cseq": "1 INVITE",
        "user_agent.original": "Phone/1.0", "opensips.route.type": "request", "opensips.route.is_root": 1,
    }
    for key, value in expected.items():
        assert request[key] == value, key
    assert request.kind == "server" and request.parent == "" and request.status == 0
    assert request["sip.raw"] is None
    route = next(s for s in spans if s.name == "relay" and s.trace == request.trace)
    assert route["opensips.route.name"] == "relay" and route["opensips.route.is_root"] == 0
    assert route["code.file.path"].endswith("sipray.cfg") and route["code.line.number"] > 0
    # The failure route of the same transaction goes on in the same trace, on whatever process the timer ran.
    failure = next(s for s in spans if s.name == "INVITE failure")
    assert failure.trace == request.trace and failure.parent == request.id
    assert failure["opensips.route.name"] == "on_fail"
    resource = request.resource
    assert resource["service.name"] == "edge" and resource["process.pid"] == server.process.pid
    for key in ("service.version", "service.instance.id", "host.name", "process.executable.name", "os.type", "os.name",
                "os.version", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"):
        assert resource[key], key
    assert request.scope[0] == "sipray"


def test_a_call_over_two_servers_is_one_trace(spine, sipp, collector):
    inner = spine(EXTRA=module(collector, "enable=1", "trace_per_call=1", 'service_name="inner"'))
    outer = spine(UAS_PORT=inner.port, EXTRA=module(collector, "enable=1", "trace_per_call=1", 'service_name="outer"'))
    callee = sipp("uas_call", port=inner.ports["UAS_PORT"], calls=3)
    sipp("uac_call", target(outer), calls=3, rate=20, arguments=["-s", "callee"]).finish()
    callee.finish()
    spans = wait_spans(
        collector, lambda spans: all(
            sum(1 for s in spans if s.name == "BYE request" and s.resource["service.name"] == n) == 3
            for n in ("inner", "outer")), "the BYEs of both servers")
    traces = collections.defaultdict(set)
    for span in spans:
        if span["sip.call_id"]:
            traces[span["sip.call_id"]].add(span.trace)
    assert len(traces) == 3 and all(len(t) == 1 for t in traces.values())
    for call in traces.values():
        trace = [s for s in spans if s.trace in call]
        assert {s.resource["service.name"] for s in trace} == {"inner", "outer"}
        assert {"INVITE request", "ACK request", "BYE request", "INVITE onreply"} <= {s.name for s in trace}


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-%s"


@pytest.mark.parametrize("header", [PARENT % "01", PARENT % "00", "garbage", None])
def test_the_trace_is_taken_from_and_given_to_requests(spine, collector, header):
    callee = Peer()
    server = spine(UAS_PORT=callee.port, EXTRA=module(collector, "enable=1", "propagate=1", "proc_profiling=1"))
    caller, callee.server = Peer(server), server
    caller.request("INVITE", "callee", lines="Tracestate: a=1,b=2\n" + ("Traceparent: %s\n" % header if header else ""))
    invite = callee.expect("INVITE")
    # The state goes with its trace only.
    is_followed = header is not None and header.startswith("00-")
    states = [v for n, v in invite.headers if n.lower() == "tracestate"]
    assert states == (["a=1,b=2"] if is_followed else [])
    values = [v for n, v in invite.headers if n.lower() == "traceparent"]
    assert len(values) == 1
    version, trace, span, flags = re.fullmatch("(..)-(.{32})-(.{16})-(..)", values[0]).groups()
    assert version == "00"
    callee.reply(invite, 486, "Busy Here")
    callee.expect("ACK")
    # on_fail tries the same callee once more.
    again = callee.expect("INVITE")
    assert [v.split("-")[1] for n, v in again.headers if n.lower() == "traceparent"] == [trace]
    callee.reply(again, 486, "Busy Here")
    callee.expect("ACK")
    caller.expect(486)
    caller.close()
    callee.close()
    if header == PARENT % "00":
        # The caller does not record this trace, so nobody does; the way is shown all the same.
        assert flags == "00" and trace == header.split("-")[1]
        wait_for(lambda: server.mi("opentelemetry:status")["sampling"]["trees_not_sampled"] >= 3, "what was not sampled")
        assert not [s for s in collector.spans if s.name.startswith("INVITE")]
        return
    assert flags == "01"
    spans = [s for s in sent(server, collector) if s.trace == trace]
    request = next(s for s in spans if s.name == "INVITE request")
    assert request.id == span
    assert {s.state for s in spans} == {"a=1,b=2" if is_followed else ""}
    assert {s.name for s in spans} >= {"INVITE request", "INVITE onreply", "INVITE failure"}
    root = next(s for s in spans if s.id == request.parent or s.name.startswith("SIP receiver"))
    while root.parent and any(s.id == root.parent for s in spans):
        root = next(s for s in spans if s.id == root.parent)
    if header == PARENT % "01":
        assert trace == header.split("-")[1] and root.parent == header.split("-")[2]
        assert root.flags & 0x300 == 0x300, "the parent is remote"
    else:
        assert root.parent == ""


def test_nothing_is_added_unless_asked(spine, collector):
    callee = Peer()
    server = spine(UAS_PORT=callee.port, EXTRA=module(collector, "enable=1"))
    caller, callee.server = Peer(server), server
    caller.request("INVITE", "callee")
    invite = callee.expect("INVITE")
    assert not [n for n, _ in invite.headers if n.lower() == "traceparent"]
    callee.reply(invite, 404)
    callee.expect("ACK")
    caller.expect(404)
    caller.close()
    callee.close()


LOGGING = """
    if (is_method("OPTIONS")) {
        xlog("L_INFO", "asked by $fu");
        xlog("L_WARN", "careful");
        send_reply(200, "OK");
        exit;
    }
"""


def test_logs_raw_messages_and_what_is_masked(start, collector):
    script = (HERE / "cfg" / "spine.cfg").read_text()
    script = script.replace('\troute(sanity, "10");\n', '\troute(sanity, "10");\n' + LOGGING, 1)
    script = script.replace("log_level=3\n", "log_level=3\nxlog_level=3\n")
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(
        collector, "enable=1", "log_level=1", "sip_raw=1", 'redact="users, digest"'))
    peer = Peer(server)
    peer.request("OPTIONS", "+4915112345", lines='Authorization: Digest username="a",\n response="secret"\n')
    peer.expect(200)
    peer.close()
    spans = sent(server, collector)
    message = next(s for s in spans if s.name == "OPTIONS request")
    assert message["sip.request.uri"] == "sip:***@%s:%d" % (server.address, server.port)
    raw = message["sip.raw"]
    assert raw.startswith("OPTIONS sip:***@") and "Authorization: ***\r\n" in raw and raw.endswith("\r\n\r\n")
    assert "secret" not in raw and "4915112345" not in raw and "peer@" not in raw
    lines = [(s, e) for s in spans for e in s.events]
    # log_level=1: warnings, not L_INFO.
    assert [(s.name, e[0], e[2]["log.severity"], e[2]["log.message"]) for s, e in lines] == [
        ("<root>", "log", "WARNING", "careful")]
    span, event = lines[0]
    assert span.start <= event[1] <= span.end


def test_what_is_launched_goes_on_in_the_trace(start, collector, events):
    script = (HERE / "cfg" / "spine.cfg").read_text().replace('\troute(sanity, "10");\n', """\troute(sanity, "10");
	if (is_method("MESSAGE")) {
		launch(usleep(20000), report);
		send_reply(200, "OK");
		exit;
	}
""", 1) + "route[report] { route(nested); }\n"
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(collector, "enable=1"))
    server.subscribe(events, "E_PROFILING_SCRIPT", fields="link")
    peer = Peer(server)
    peer.request("MESSAGE", "x")
    peer.expect(200)
    peer.close()
    wait_for(lambda: collector.named("nested") and len(collector.named("MESSAGE request")) == 2, "the report route")
    request, report = sorted(collector.named("MESSAGE request"), key=lambda s: s.start)
    assert report["opensips.route.name"] == "report"
    assert report.trace == request.trace and report.parent == request.id
    starts = {r["session"]: r for r in events.all("E_PROFILING_SCRIPT") if r["verb"] == "start"}
    assert starts[report["sipray.session.id"]]["link"] == request["sipray.session.id"]


def test_a_local_request_and_a_resumed_script_say_what_they_belong_to(start, collector, events):
    callee = Peer()
    script = (HERE / "cfg" / "spine.cfg").read_text()
    script = script.replace('\troute(sanity, "10");\n', '''\troute(sanity, "10");
	if (is_method("MESSAGE")) {
		t_new_request("NOTIFY", "sip:x@127.0.0.1:%d", "sip:a@b", "sip:c@d");
		async(usleep(20000), later);
	}
''' % callee.port, 1) + '''
route[later] {
	send_reply(200, "OK");
}
local_route {
	route(nested);
}
'''
    server = start(script, UAS_PORT=1, BUSY_PORT=1, DEAD_PORT=1, EXTRA=module(collector, "enable=1"))
    server.subscribe(events, "E_PROFILING_SCRIPT", fields="link")
    callee.server, peer = server, Peer(server)
    peer.request("MESSAGE", "x")
    callee.reply(callee.expect("NOTIFY"), 200)
    peer.expect(200)
    peer.close()
    callee.close()
    spans = sent(server, collector)
    first = [s for s in spans if s.name == "MESSAGE request"]
    assert len(first) == 2 and len({s.trace for s in first}) == 1
    request, resumed = sorted(first, key=lambda s: s.start)
    assert resumed.parent == request.id and resumed["opensips.route.name"] == "later"
    local = next(s for s in spans if s.name == "NOTIFY local")
    assert local.kind == "client" and local.trace == request.trace
    # The records say it too.
    starts = {r["session"]: r for r in events.all("E_PROFILING_SCRIPT") if r["verb"] == "start"}
    assert starts[resumed["sipray.session.id"]]["link"] == request["sipray.session.id"]
    assert starts[local["sipray.session.id"]]["link"] == request["sipray.session.id"]
