"""A collector that fails in every way there is, by all protocols to which the way applies.

In each fault: calls go through at once, memory stays where it was, what is lost is counted by the right cause, and when the collector
is well again spans arrive without a restart.
"""
import collections
import shutil
import struct
import subprocess
import time

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

import faulty_collector as c
from exporting import (  # noqa: F401 (fixtures)
    HERE, PROTOCOLS, SILENT, Bounded, certificates, close, collector_of, lost, recovers, serve, settled, status, url_of)
from conftest import free_port, wait_for

# What must be here, in the words of what was asked for; `test_no_fault_is_missing` looks for each.
ASKED = {
    "down at start", "down in mid-run", "accepts and never answers", "answers drop by drop", "resets in mid-body",
    "resets in an error's body", "400", "401", "404", "413", *("%s, Retry-After %s" % (s, w) for s in ("429", "503")
                                                              for w in ("seconds", "date", "huge", "negative")),
    "garbage in a 200", "an answer of 5 MiB", "an answer without end", "a gzip bomb", "partial success", "expired certificate", "wrong-name certificate",
    "clock step forward", "clock step back",
}
# Not over gRPC: a status of HTTP's. Its own statuses are in the table.
HTTP_ONLY = {"resets in an error's body", "400", "401", "404", "413"} | {name for name in ASKED if "Retry-After" in name}

# `behave` of a collector, the cause that spans are lost by (None: none is), whether it is tried again.
Fault = collections.namedtuple("Fault", "name protocol behave cause retried")


def http_date(seconds):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds))


def busy(code, reason):
    waits = [("seconds", "1"), ("date", lambda: http_date(3)), ("huge", "99999999999999"), ("negative", "-5"),
             ("date gone by", "Mon, 01 Jan 2024 00:00:00 GMT"), ("nonsense", "after lunch")]
    yield Fault("%d" % code, "http/protobuf", c.says("%d %s" % (code, reason)), "retry_exhausted", True)
    for name, value in waits:
        async def behave(collector, reader, writer, headers, body, value=value):
            writer.write(c.response("%d %s" % (code, reason), b"later", "Retry-After: " + (value() if callable(value) else value)))
        yield Fault("%d, Retry-After %s" % (code, name), "http/protobuf", behave, "retry_exhausted", True)


HTTP = [
    ("accepts and never answers", c.never, "timeout", True), ("answers drop by drop", c.drop_by_drop, "timeout", True),
    ("resets in mid-body", c.reset(), "unreachable", True), ("not HTTP", c.not_http, "unreachable", True),
    ("resets in an error's body", c.reset("400 Bad Request"), "rejected", False),
    ("resets in a busy's body", c.reset("503 Service Unavailable"), "retry_exhausted", True),
    ("400", c.says("400 Bad Request"), "rejected", False), ("401", c.says("401 Unauthorized"), "rejected", False),
    ("404", c.says("404 Not Found"), "rejected", False), ("413", c.says("413 Content Too Large"), "rejected", False),
    ("500", c.says("500 Internal Server Error"), "rejected", False), ("302", c.says("302 Found", "Location: /"), "rejected", False),
    ("502", c.says("502 Bad Gateway"), "retry_exhausted", True), ("504", c.says("504 Gateway Timeout"), "retry_exhausted", True),
    ("an answer of 5 MiB", c.too_long, "answer_too_big", False), ("an answer without end", c.endless, "answer_too_big", False),
    ("a gzip bomb", c.bomb, "answer_too_big", False),
    ("garbage in a 200", c.garbage, None, False), ("broken compression", c.broken, None, False),
    ("partial success", c.partly(2, "over quota"), "partially_rejected", False),
]
# What depends on the encoding is shown for JSON too.
JSON = ("accepts and never answers", "garbage in a 200", "broken compression", "partial success", "an answer of 5 MiB", "a gzip bomb", "400")


def ends(code, *details, metadata=()):
    def behave(collector, request, context):
        trailers = list(metadata)
        if details:
            body = b"".join(b"\x1a" + bytes([len(d)]) + d for d in (any_of(x).SerializeToString() for x in details))
            trailers.append(("grpc-status-details-bin", b"\x08" + bytes([code.value[0]]) + body))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(code, "told to")
    return behave


def any_of(delay):
    """google.rpc.RetryInfo with a delay, by hand: its type is not in the packages here."""
    duration = duration_pb2.Duration(seconds=int(delay), nanos=int(delay % 1 * 1e9)).SerializeToString()
    return any_pb2.Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\x0a" + bytes([len(duration)]) + duration)


def sleeps(collector, request, context):
    # Until the client has given up.
    while context.is_active():
        time.sleep(0.02)
    return ExportTraceServiceResponse()


def answers(message=b"", compressed=False, rejected=0, raw=None):
    def behave(collector, request, context):
        if compressed:
            context.set_compression(grpc.Compression.Gzip)
        answer = ExportTraceServiceResponse()
        if message or rejected:
            answer.partial_success.error_message = message
            answer.partial_success.rejected_spans = rejected
        return raw if raw is not None else answer
    return behave


S = grpc.StatusCode
GRPC = [
    ("accepts and never answers", sleeps, "timeout", True), ("UNAVAILABLE", ends(S.UNAVAILABLE), "retry_exhausted", True),
    ("ABORTED", ends(S.ABORTED), "retry_exhausted", True), ("INVALID_ARGUMENT", ends(S.INVALID_ARGUMENT), "rejected", False),
    ("UNAUTHENTICATED", ends(S.UNAUTHENTICATED), "rejected", False), ("UNIMPLEMENTED", ends(S.UNIMPLEMENTED), "rejected", False),
    ("INTERNAL", ends(S.INTERNAL), "rejected", False),
    # The same with the words in which the library tells of an answer that it can't take: it is the collector's all the same.
    ("INTERNAL in other words", lambda _, __, context: context.abort(S.INTERNAL, "Failed to decode message"), "rejected", False),
    ("RESOURCE_EXHAUSTED", ends(S.RESOURCE_EXHAUSTED), "rejected", False),
    ("RESOURCE_EXHAUSTED, RetryInfo", ends(S.RESOURCE_EXHAUSTED, 0.3), "retry_exhausted", True),
    ("RESOURCE_EXHAUSTED, RetryInfo huge", ends(S.RESOURCE_EXHAUSTED, 10 ** 9), "retry_exhausted", True),
    ("an answer of 5 MiB", answers("x" * (5 << 20)), "answer_too_big", False),
    ("an answer without end", answers("x" * (96 << 20)), "answer_too_big", False),
    ("a gzip bomb", answers("x" * (96 << 20), compressed=True), "answer_too_big", False),
    ("garbage in a 200", answers(raw=b"\xff\xff garbage"), None, False),
    ("partial success", answers("over quota", rejected=2), "partially_rejected", False),
    ("partial success, packed", answers("over quota" * 100, rejected=2, compressed=True), "partially_rejected", False),
]
FAULTS = [Fault(name, "http/protobuf", *rest) for name, *rest in HTTP] + [*busy(429, "Too Many Requests"), *busy(503, "Busy")] + [
    Fault(name, "http/json", *rest) for name, *rest in HTTP if name in JSON] + [Fault(name, "grpc", *rest) for name, *rest in GRPC]
CERTIFICATES = {"expired certificate": "expired", "wrong-name certificate": "other"}
STEPS = {"clock step forward": 86400, "clock step back": -86400}
DOWN = ("down at start", "down in mid-run")


BOMB = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_TIMEOUT": "10000", "OTEL_BSP_EXPORT_TIMEOUT": "20000"}


def well(protocol):
    """What a collector of a protocol does when all is well."""
    return (lambda *_: ExportTraceServiceResponse()) if protocol == "grpc" else c.well


def named(fault):
    return "%s: %s" % (fault.protocol, fault.name)


def endure(server, traffic, fault, collector):
    """Calls during the fault, and what became of their spans; then the collector is well, and spans arrive."""
    memory = Bounded(server)
    traffic.call(10)
    now = settled(server, traffic)
    memory.check()
    if fault.cause is None:
        assert lost(now) == {} and now["answers_unreadable"] >= 1 and now["exported"] == len(collector.spans)
    elif fault.cause == "partially_rejected":
        assert set(lost(now)) == {fault.cause} and now["exported"] + now["lost"][fault.cause] == len(collector.spans)
        assert 0 < now["lost"][fault.cause] <= 2 * len(collector.requests) and now["retries"] == 0
        assert "over quota" in server.log_path.read_text()
    else:
        assert lost(now) == {fault.cause: now["submitted"]} and now["exported"] == 0
        assert now["losing"] is True and now["last_error"]["text"]
    assert (now["retries"] > 0) == fault.retried
    if fault.cause:
        wait_for(lambda: "spans are being lost" in server.log_path.read_text(), "the line about it")
    log = server.log_path.read_text()
    assert log.count("spans are being lost") == log.count("spans are being lost (%s)" % fault.cause) == (fault.cause is not None)
    if hasattr(collector, "behave"):
        collector.behave = well(fault.protocol)
    recovers(server, traffic, collector)
    assert lost(settled(server, traffic)).keys() <= {fault.cause}
    memory.check()


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_fault(serve, close, fault):
    if fault.behave is c.bomb:
        c.packed_zeros()
    collector = close(collector_of(fault.protocol)(fault.behave))
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_PROTOCOL=fault.protocol,
                            **(SILENT if fault.cause == "timeout" else BOMB if "bomb" in fault.name or "packed" in fault.name else {}))
    endure(server, traffic, fault, collector)


MIDDLE = [Fault("broken compression", "grpc", c.broken_message, "answer_broken", False),
          Fault("a message that ends before its end", "grpc", c.short_message, "answer_broken", False),
          Fault("answers drop by drop", "grpc", c.slow_message, "timeout", True),
          Fault("resets in mid-body", "grpc", c.cut_message, "unreachable", True)]


@pytest.mark.parametrize("fault", MIDDLE, ids=named)
def test_a_fault_in_the_middle_of_an_answer(serve, close, fault):
    """What grpcio can't do; a well collector takes its place, on the same port."""
    bad = c.HTTP2Collector(fault.behave, packed=fault.cause == "answer_broken")
    server, traffic = serve(url_of("grpc", bad.port), OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
                            **(SILENT if fault.cause == "timeout" else {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}))
    memory = Bounded(server)
    traffic.call(10)
    now = settled(server, traffic)
    assert lost(now) == {fault.cause: now["submitted"]} and (now["retries"] > 0) == fault.retried and bad.asked, now
    bad.close()
    recovers(server, traffic, close(c.GRPCCollector(port=bad.port)))
    memory.check()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_bad_certificate(serve, close, certificates, name, protocol):
    """Nothing is sent. A good certificate in its place: all is."""
    def secure(certificate, port):
        return c.GRPCCollector(port=port, credentials=certificates.credentials(certificate)) if protocol == "grpc" else \
            c.HTTPCollector(port=port, context=certificates.context(certificate))
    port = free_port()
    bad = secure(CERTIFICATES[name], port)
    server, traffic = serve(url_of(protocol, port, secure=True), OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                            OTEL_EXPORTER_OTLP_CERTIFICATE=certificates.authority)
    memory = Bounded(server)
    traffic.call(6)
    now = settled(server, traffic)
    assert lost(now) == {"tls": now["submitted"]} and not bad.spans, now
    bad.close()
    recovers(server, traffic, close(secure("good", port)))
    memory.check()


def test_an_authority_that_nobody_named_is_not_trusted(serve, close, certificates):
    collector = close(c.HTTPCollector(context=certificates.context("good")))
    server, traffic = serve(collector.url)
    traffic.call(2)
    assert set(lost(settled(server, traffic))) == {"tls"} and not collector.spans


class Clock:
    """The system clock of a server that is started with it: what is behind `clock_gettime`, moved at will (clockstep.c)."""

    def __init__(self, directory):
        self.library, self.offset = directory / "clockstep.so", directory / "offset"
        compiler = shutil.which("cc") or shutil.which("clang")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(self.library), str(HERE / "clockstep.c"), "-ldl"], check=True)
        self.set(0)

    def set(self, seconds):
        with open(self.offset, "r+b" if self.offset.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


async def later(collector, reader, writer, headers, body):
    writer.write(c.response("503 Busy", b"", "Retry-After: " + http_date(2)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", STEPS)
def test_the_system_clock_steps(serve, close, tmp_path, monkeypatch, name, protocol):
    """By a day, between calls and while a batch waits for as long as the collector wants: until a date, over gRPC for a time."""
    clock = Clock(tmp_path)
    step = STEPS[name]
    collector = close(collector_of(protocol)())
    monkeypatch.setenv("CLOCKSTEP_FILE", str(clock.offset))
    monkeypatch.setenv("LD_PRELOAD", str(clock.library))
    # A full batch as JSON takes the collector here its time on a busy machine: that is no fault.
    server, traffic = serve(collector.url, parameters=[("proc_profiling", 1)], OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                            OTEL_EXPORTER_OTLP_TIMEOUT="20000")
    monkeypatch.delenv("LD_PRELOAD")
    memory = Bounded(server)
    traffic.call(4)
    settled(server, traffic)
    begin = time.time()
    clock.set(step)
    traffic.call(4)
    settled(server, traffic)
    collector.behave = ends(S.UNAVAILABLE, 2) if protocol == "grpc" else later
    traffic.call(2)
    wait_for(lambda: status(server)["retries"] > 0 or status(server)["state"] == "waiting to retry", "the wait")
    clock.set(0)
    collector.behave = well(protocol)
    recovers(server, traffic, collector)
    now = settled(server, traffic)
    assert lost(now).keys() <= {"retry_exhausted"}
    memory.check()
    spans = {s.span_id: s for s in collector.spans}
    # No session is bent: nothing lasts for longer than the test, and what is inside another is inside its times.
    for span in spans.values():
        assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 5e9
        outer = spans.get(span.parent_span_id)
        if outer and outer.end_time_unix_nano >= span.end_time_unix_nano:
            assert outer.start_time_unix_nano <= span.start_time_unix_nano
    # And the step was real: some spans bear the stepped time.
    assert any(abs(s.start_time_unix_nano / 1e9 - begin - step) < 60 for s in spans.values())
    assert any(abs(s.start_time_unix_nano / 1e9 - begin) < 60 for s in spans.values())


@pytest.mark.parametrize("name", DOWN)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_down(serve, close, protocol, name):
    port = free_port()
    first = None if name == "down at start" else collector_of(protocol)(port=port)
    server, traffic = serve(url_of(protocol, port), OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    memory = Bounded(server)
    traffic.call(2)
    exported = settled(server, traffic)["exported"]
    if first:
        assert exported == len(first.spans) > 0
        first.close()
    traffic.call(8)
    now = settled(server, traffic)
    assert lost(now) == {"unreachable": now["submitted"] - exported} and now["retries"] > 0
    recovers(server, traffic, close(collector_of(protocol)(port=port)))
    memory.check()


def test_no_fault_is_missing():
    """Each that was asked for is here, by HTTP and, where it applies, by gRPC."""
    everywhere = set(CERTIFICATES) | set(DOWN) | set(STEPS)
    here = {protocol: everywhere | {f.name for f in FAULTS + MIDDLE if f.protocol == protocol} for protocol in PROTOCOLS}
    assert ASKED <= here["http/protobuf"], ASKED - here["http/protobuf"]
    assert ASKED - HTTP_ONLY <= here["grpc"], ASKED - HTTP_ONLY - here["grpc"]
    assert len({named(f) for f in FAULTS + MIDDLE}) == len(FAULTS + MIDDLE)
