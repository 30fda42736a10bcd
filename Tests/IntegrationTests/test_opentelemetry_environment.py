"""What the environment says, seen in what a collector gets: where spans go, which are kept, and what they are of."""
import pytest

import faulty_collector as c
from collector import collector, module, sent  # noqa: F401 (fixture)
from exporting import close, lost, serve, settled  # noqa: F401 (fixtures)
from conftest import free_port, wait_for
from sip import Agent

# Which of the addresses that are set is used, and with what path: {C} is the collector's, {N} one where nobody is.
PLACES = [
    ({"ENDPOINT": "{C}"}, None, "/v1/traces"), ({"ENDPOINT": "{C}/base/"}, None, "/base/v1/traces"),
    ({"ENDPOINT": "{N}", "TRACES_ENDPOINT": "{C}/as/it?is=1"}, None, "/as/it?is=1"), ({"TRACES_ENDPOINT": "{C}"}, None, "/"),
    ({"ENDPOINT": "{N}", "TRACES_ENDPOINT": "{N}/x"}, "{C}/script", "/script"),
]


@pytest.mark.parametrize("places, script, path", PLACES)
def test_where_spans_go(serve, close, places, script, path):
    collector = close(c.HTTPCollector())
    where = dict(C="http://127.0.0.1:%d" % collector.port, N="http://127.0.0.1:%d" % free_port())
    server, traffic = serve(script and script.format(**where),
                            **{"OTEL_EXPORTER_OTLP_" + name: value.format(**where) for name, value in places.items()})
    traffic.send(2)
    assert lost(settled(server, traffic)) == {}
    assert {h[":line"] for h in collector.headers} == {"POST %s HTTP/1.1" % path}
    resource = {a.key: a.value.string_value for a in collector.requests[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "sipray"


@pytest.mark.parametrize("insecure, cause", [("true", None), ("false", "tls"), (None, "tls")])
def test_a_grpc_endpoint_without_a_scheme_is_secure_unless_told(serve, close, insecure, cause):
    collector = close(c.GRPCCollector())
    server, traffic = serve("", OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_ENDPOINT="127.0.0.1:%d" % collector.port,
                            **({"OTEL_EXPORTER_OTLP_INSECURE": insecure} if insecure else {}))
    traffic.send(2)
    now = settled(server, traffic)
    assert (not collector.spans) == bool(cause)
    # To a server that speaks no TLS: what it answers with is no handshake, or the end of the connection.
    assert set(lost(now)) <= ({cause, "unreachable"} if cause else set()) and bool(lost(now)) == bool(cause)


PARENT = "00-%032x-00f067aa0ba902b7-%s"
# Sampler, its argument, flags of the caller's traceparent (None: it has none), how many of 40 traces are kept at least and at most.
SAMPLERS = [
    ("always_on", None, "00", 40, 40), ("always_off", None, "01", 0, 0), ("traceidratio", "0", "01", 0, 0),
    ("traceidratio", "1", None, 40, 40), ("traceidratio", "0.5", None, 5, 35), ("parentbased_always_on", None, "00", 0, 0),
    ("parentbased_always_off", None, "01", 40, 40), ("parentbased_always_off", None, None, 0, 0),
    ("parentbased_traceidratio", "0", "01", 40, 40), ("parentbased_traceidratio", "0.5", None, 5, 35),
]


@pytest.mark.parametrize("sampler, argument, flags, least, most", SAMPLERS)
def test_samplers(start, collector, monkeypatch, sampler, argument, flags, least, most):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    if argument:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    server = start("waiting.cfg", EXTRA=module(collector, "enable=1", "propagate=1"), ROUTE='\nroute { send_reply(200, "OK"); }\n')
    with Agent((server.address, server.port)) as one:
        for number in range(40):
            trace = [] if flags is None else ["traceparent: " + PARENT % (number + 1, flags)]
            one.request("OPTIONS", "sip:x@127.0.0.1", headers=trace)
            one.expect(200)

    def judged():
        sampling = server.mi("opentelemetry:status")["sampling"]
        return sampling if sampling["trees_kept"] + sampling["trees_not_sampled"] == 40 else None
    sampling = wait_for(judged, "all traces to be judged")
    assert least <= sampling["trees_kept"] <= most
    if most:
        roots = [s for s in sent(server, collector) if s["sipray.session.id"]]
        assert len(roots) == len({s.trace for s in roots}) == sampling["trees_kept"]


def test_what_was_lost_of_a_session_is_said(start, collector):
    """Notes are overwritten when a process makes more than it has room for: the session says so, and users stay masked."""
    server = start("waiting.cfg", WORKERS=1, ROUTE='\nroute { send_reply(200, "OK"); }\n', EXTRA="maxbuffer=8388608\n" + module(
        collector, "enable=1", "sip_raw=1", 'redact="users, numbers"'))
    made = lambda: server.mi("opentelemetry:status")["sampling"]
    sent_count = 0
    with Agent((server.address, server.port)) as one:
        # The first time mostly; not where the collector of records came round between two requests each time.
        while made()["trees_truncated"] == 0 and sent_count < 800:
            for _ in range(40):
                one.request("MESSAGE", "sip:+49151123456@127.0.0.1", body="sip:alice@a.org " * 3000)
            for _ in range(40):
                one.expect(200)
            sent_count += 40
            wait_for(lambda: made()["trees_kept"] == sent_count, "the traces")
    spans = sent(server, collector)
    roots = [s for s in spans if s["sipray.session.id"]]
    cut = [s for s in roots if s["sipray.session.truncated"]]
    assert len(roots) == sent_count and 0 < len(cut) == made()["trees_truncated"]
    assert all(s["sip.raw"] is None for s in cut)
    assert not [s for s in spans for value in s.attributes.values() if isinstance(value, str) and ("alice" in value or "151123" in value)]


def test_numbers_are_masked_but_for_their_end(start, collector):
    server = start("waiting.cfg", EXTRA=module(collector, "enable=1", 'redact="numbers"'), ROUTE='\nroute { send_reply(200, "OK"); }\n')
    with Agent((server.address, server.port)) as one:
        for user in ("+49151123456", "bob"):
            one.request("OPTIONS", "sip:%s@127.0.0.1" % user)
            one.expect(200)
    spans = [s for s in sent(server, collector) if s["sipray.session.id"]]
    assert sorted(s["sip.request.uri"] for s in spans) == ["sip:***56@127.0.0.1", "sip:bob@127.0.0.1"]
