"""Spans on their way to a collector: a real one by all three protocols, and one that fails in every way there is.

In each fault: every SIP request is answered at once, memory stays where it was, what is lost is counted by the right cause, and when the
collector is well again spans arrive without a restart.
"""
import os
import pathlib
import socket
import subprocess
import time

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

import faulty_collector as c
from conftest import free_port, wait_for

# Short times, so that a fault is over soon: a request 300 ms, a batch with all its retries 1 s.
QUICK = {"OTEL_EXPORTER_OTLP_TIMEOUT": "300", "OTEL_BSP_EXPORT_TIMEOUT": "1000", "OTEL_BSP_SCHEDULE_DELAY": "20"}


class Traffic:
    """OPTIONS requests, each answered within a bound."""

    def __init__(self, server):
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.sent = 0
        self.slowest = 0.0

    def send(self, count=1, padding=0):
        port = self.socket.getsockname()[1]
        for _ in range(count):
            self.sent += 1
            text = ("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d-%d\r\nFrom: <sip:a@b>;tag=1\r\n"
                    "To: <sip:x@127.0.0.1>\r\nCall-ID: %d-%d@test\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
                    % (port, port, self.sent, port, self.sent))
            begin = time.monotonic()
            self.socket.sendto(text.encode(), ("127.0.0.1", self.server.port))
            answer = self.socket.recv(65536)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            assert answer.startswith(b"SIP/2.0 200 "), answer

    def close(self):
        self.socket.close()


@pytest.fixture
def serve(start, monkeypatch):
    """serve(url, **environment) → (server, traffic): a traced server that exports to `url`."""
    made = []

    def make(url=None, **environment):
        for name in list(os.environ):
            if name.startswith("OTEL_"):
                monkeypatch.delenv(name)
        for name, value in {**QUICK, **environment}.items():
            monkeypatch.setenv(name, value)
        extra = 'modparam("opentelemetry", "exporter_endpoint", "%s")' % url if url else ""
        server = start("opentelemetry.cfg", EXTRA=extra, UAS_PORT=free_port())
        traffic = Traffic(server)
        made.append(traffic)
        return server, traffic

    yield make
    for traffic in made:
        # A collector never delays a call: the slowest answer of the test is far below any time that a collector was waited for.
        assert traffic.slowest < 0.25, traffic.slowest
        traffic.close()


@pytest.fixture
def close():
    """Closes what it is given at the end of the test."""
    kept = []
    yield lambda thing: kept.append(thing) or thing
    for thing in kept:
        thing.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return c.Certificates(tmp_path_factory.mktemp("certificates"))


def status(server):
    return server.mi("opentelemetry:status")


def settled(server, traffic):
    """The status when a span of every request was handed over, no more come, and each is delivered or counted as lost."""
    seen = []

    def look():
        now = status(server)
        seen.append(now["submitted"])
        ready = now["submitted"] >= traffic.sent and now["queue"]["spans"] == 0 and \
            now["submitted"] == now["exported"] + sum(now["lost"].values())
        if ready and len(seen) > 20 and seen[-20] == seen[-1]:
            return now
    return wait_for(look, "all spans to be accounted for: %s" % status(server), 20)


def lost(now):
    return {cause: count for cause, count in now["lost"].items() if count}


def resident(server):
    return int(open("/proc/%d/statm" % server.process.pid).read().split()[1]) * 4096


def recovers(server, traffic, collector):
    """The collector is well again: what is sent now arrives, soon."""
    before = len(collector.spans)
    exported = status(server)["exported"]

    def arrives():
        traffic.send()
        return len(collector.spans) > before and status(server)["exported"] > exported
    wait_for(arrives, "spans to arrive again: %s" % status(server), 20)


# A real collector, which passes on what it took to one of ours that decodes it.

class Rotel:
    def __init__(self, directory, behind):
        import rotel
        agent = pathlib.Path(rotel.__file__).parent / "rotel-agent"
        self.http, self.grpc = free_port(kind=socket.SOCK_STREAM), free_port(kind=socket.SOCK_STREAM)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ROTEL_"))}
        self.log = open(directory / "rotel.log", "wb")
        self.process = subprocess.Popen(
            [str(agent), "start", "--otlp-http-endpoint", "127.0.0.1:%d" % self.http, "--otlp-grpc-endpoint",
             "127.0.0.1:%d" % self.grpc, "--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint",
             "http://127.0.0.1:%d" % behind.port, "--otlp-exporter-compression", "none", "--batch-timeout", "50ms",
             "--pid-file", str(directory / "rotel.pid")],
            stdout=self.log, stderr=subprocess.STDOUT, env=environment)
        wait_for(self.listens, "rotel to listen")

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.http)) == 0

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json", "grpc"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_real_collector(serve, close, tmp_path, protocol, compression):
    behind = close(c.HTTPCollector())
    rotel = close(Rotel(tmp_path, behind))
    server, traffic = serve(None, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                            OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:%d" % (rotel.grpc if protocol == "grpc" else rotel.http),
                            OTEL_SERVICE_NAME="edge", OTEL_EXPORTER_OTLP_TIMEOUT="5000", OTEL_BSP_EXPORT_TIMEOUT="20000")
    traffic.send(20)
    now = settled(server, traffic)
    assert lost(now) == {} and now["protocol"] == protocol and now["compression"] == compression
    wait_for(lambda: len(behind.spans) >= now["exported"], "rotel to pass the spans on")
    assert len(behind.spans) == now["exported"]
    assert len({(s.trace_id, s.span_id) for s in behind.spans}) == now["exported"]
    resources = {a.key: a.value.string_value for r in behind.requests for x in r.resource_spans for a in x.resource.attributes}
    assert resources["service.name"] == "edge"


def test_headers_batches_and_statistics(serve, close):
    collector = close(c.HTTPCollector())
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_HEADERS="authorization=Basic%20eA%3D%3D,x-tenant=a",
                            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10", OTEL_BSP_SCHEDULE_DELAY="300")
    traffic.send(30)
    now = settled(server, traffic)
    assert lost(now) == {} and now["exported"] == len(collector.spans)
    assert all(h["authorization"] == "Basic eA==" and h["x-tenant"] == "a" for h in collector.headers)
    assert collector.headers[0][":line"] == "POST /v1/traces HTTP/1.1"
    sizes = [len(s.spans) for r in collector.requests for x in r.resource_spans for s in x.scope_spans]
    assert max(sizes) <= 10 and sizes.count(10) >= len(sizes) - 3
    assert collector.connections == 1
    figures = server.mi("statistics:get", statistics=["opentelemetry:"])
    assert figures["opentelemetry:spans_exported"] == now["exported"] and figures["opentelemetry:spans_lost"] == 0
    assert now["endpoint"] == collector.url and now["cpu_ms"] >= 0 and now["last_error"] is None


def test_a_bad_environment_is_told_and_the_default_used(serve, close):
    collector = close(c.HTTPCollector())
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="carrier-pigeon", OTEL_EXPORTER_OTLP_COMPRESSION="brotli",
                            OTEL_BSP_MAX_QUEUE_SIZE="-4", OTEL_EXPORTER_OTLP_CERTIFICATE="/nowhere.pem")
    traffic.send(3)
    assert lost(settled(server, traffic)) == {}
    log = server.tail()
    for text in ("OTEL_EXPORTER_OTLP_PROTOCOL=carrier-pigeon", "OTEL_EXPORTER_OTLP_COMPRESSION=brotli", "OTEL_BSP_MAX_QUEUE_SIZE=-4",
                 "OTEL_EXPORTER_OTLP_CERTIFICATE=/nowhere.pem"):
        assert text in log


# Faults over HTTP: what the collector does, and what the spans count as.

FAULTS = [
    ("silent", c.never, "timeout", True), ("drop by drop", c.drop_by_drop, "timeout", True), ("reset", c.reset, "unreachable", True),
    ("not HTTP", c.not_http, "unreachable", True),
    ("400", c.says("400 Bad Request"), "rejected", False), ("401", c.says("401 Unauthorized"), "rejected", False),
    ("404", c.says("404 Not Found"), "rejected", False), ("413", c.says("413 Content Too Large"), "rejected", False),
    ("500", c.says("500 Internal Server Error"), "rejected", False), ("302", c.says("302 Found", "Location: /"), "rejected", False),
    ("429", c.says("429 Too Many Requests"), "retry_exhausted", True),
    ("503", c.says("503 Service Unavailable"), "retry_exhausted", True),
    ("503, seconds", c.says("503 Service Unavailable", "Retry-After: 1"), "retry_exhausted", True),
    ("503, a date gone by", c.says("503 Service Unavailable", "Retry-After: Mon, 01 Jan 2024 00:00:00 GMT"), "retry_exhausted", True),
    ("503, negative", c.says("503 Service Unavailable", "Retry-After: -5"), "retry_exhausted", True),
    ("503, nonsense", c.says("503 Service Unavailable", "Retry-After: after lunch"), "retry_exhausted", True),
    ("an answer of 5 MiB", c.too_long, "answer_too_big", False), ("a gzip bomb", c.bomb, "answer_too_big", False),
]


@pytest.mark.parametrize("behave, cause, retried", [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault(serve, close, behave, cause, retried):
    c.packed_zeros()
    collector = close(c.HTTPCollector(behave))
    server, traffic = serve(collector.url)
    traffic.send(5)
    memory = resident(server)
    for _ in range(5):
        traffic.send(5)
    now = settled(server, traffic)
    assert lost(now) == {cause: now["submitted"]} and now["exported"] == 0
    assert now["losing"] is True and now["last_error"]["text"]
    assert (now["retries"] > 0) == retried
    assert resident(server) - memory < 24 << 20
    assert server.tail().count("spans are being lost (%s)" % cause) == 1
    collector.behave = c.well
    recovers(server, traffic, collector)
    final = settled(server, traffic)
    assert final["exported"] == len(collector.spans)


@pytest.mark.parametrize("header, least", [("Retry-After: 1", 0.9), ("Retry-After: 99999999999999", None), (None, None)],
                         ids=["seconds", "huge", "date"])
def test_retry_after_is_kept(serve, close, header, least):
    if header is None:
        header, least = time.strftime("Retry-After: %a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3)), 1.5
    collector = close(c.HTTPCollector(c.says("503 Service Unavailable", header)))
    server, traffic = serve(collector.url, OTEL_BSP_EXPORT_TIMEOUT="60000")
    traffic.send(1)
    wait_for(lambda: collector.asked == 1, "the first request")
    asked = time.monotonic()
    collector.behave = c.well
    if least is None:
        # A wait without end is bounded: a minute.
        now = wait_for(lambda: status(server) if status(server)["state"] == "waiting to retry" else None, "the wait")
        assert 50_000 < now["retry_in_ms"] <= 60_000
        return
    now = settled(server, traffic)
    assert lost(now) == {} and now["retries"] >= 1
    assert collector.times[0] - asked > least


def test_garbage_in_a_success_loses_nothing(serve, close):
    collector = close(c.HTTPCollector(c.garbage))
    server, traffic = serve(collector.url)
    traffic.send(10)
    now = settled(server, traffic)
    assert lost(now) == {} and now["exported"] == len(collector.spans) and now["answers_unreadable"] >= 1


def test_partial_success_is_counted_and_not_sent_again(serve, close):
    collector = close(c.HTTPCollector(c.partly(2, "over quota")))
    server, traffic = serve(collector.url)
    traffic.send(10)
    now = settled(server, traffic)
    assert len(collector.spans) == now["submitted"], "each span was sent once"
    assert 0 < now["lost"]["partially_rejected"] <= 2 * len(collector.requests) and sum(lost(now).values()) == now["lost"]["partially_rejected"]
    assert "over quota" in server.tail()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_down_at_the_start_then_up_then_down_then_up(serve, close, protocol):
    kind = c.GRPCCollector if protocol == "grpc" else c.HTTPCollector
    port = free_port(kind=socket.SOCK_STREAM)
    url = "http://127.0.0.1:%d" % port + ("" if protocol == "grpc" else "/v1/traces")
    server, traffic = serve(url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    traffic.send(20)
    assert lost(settled(server, traffic)) == {"unreachable": status(server)["submitted"]}
    first = kind(port=port)
    recovers(server, traffic, first)
    settled(server, traffic)
    first.close()
    before = status(server)["lost"]["unreachable"]
    traffic.send(20)
    now = settled(server, traffic)
    assert now["lost"]["unreachable"] > before and set(lost(now)) == {"unreachable"}
    recovers(server, traffic, close(kind(port=port)))


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_certificates(serve, close, certificates, protocol):
    """Expired, for another name, by an authority unknown: nothing is sent. A good one in its place: all is."""
    secure = (lambda name, port: c.GRPCCollector(port=port, credentials=certificates.credentials(name))) if protocol == "grpc" else \
        (lambda name, port: c.HTTPCollector(port=port, context=certificates.context(name)))
    port = free_port(kind=socket.SOCK_STREAM)
    url = "https://localhost:%d" % port + ("" if protocol == "grpc" else "/v1/traces")
    server, traffic = serve(url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_CERTIFICATE=certificates.authority)
    before = 0
    for name in ("expired", "other"):
        bad = secure(name, port)
        traffic.send(5)
        now = settled(server, traffic)
        bad.close()
        assert set(lost(now)) == {"tls"} and now["lost"]["tls"] > before, now
        assert not bad.spans
        before = now["lost"]["tls"]
    good = close(secure("good", port))
    recovers(server, traffic, good)


def test_an_authority_that_nobody_named_is_not_trusted(serve, close, certificates):
    collector = close(c.HTTPCollector(context=certificates.context("good")))
    server, traffic = serve(collector.url)
    traffic.send(5)
    assert set(lost(settled(server, traffic))) == {"tls"} and not collector.spans


def test_a_client_certificate(serve, close, certificates):
    collector = close(c.HTTPCollector(context=certificates.context("good", client=True)))
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_CERTIFICATE=certificates.authority,
                            OTEL_EXPORTER_OTLP_CLIENT_KEY=str(certificates.directory / "other.key"),
                            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(certificates.directory / "other.pem"))
    traffic.send(5)
    assert lost(settled(server, traffic)) == {} and collector.spans


# gRPC.

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
    time.sleep(2)
    return ExportTraceServiceResponse()


def too_long(collector, request, context):
    answer = ExportTraceServiceResponse()
    answer.partial_success.error_message = "x" * (5 << 20)
    return answer


S = grpc.StatusCode
GRPC_FAULTS = [
    ("silent", sleeps, "timeout", True), ("unavailable", ends(S.UNAVAILABLE), "retry_exhausted", True),
    ("aborted", ends(S.ABORTED), "retry_exhausted", True), ("invalid", ends(S.INVALID_ARGUMENT), "rejected", False),
    ("unauthenticated", ends(S.UNAUTHENTICATED), "rejected", False), ("unimplemented", ends(S.UNIMPLEMENTED), "rejected", False),
    ("internal", ends(S.INTERNAL), "rejected", False), ("exhausted", ends(S.RESOURCE_EXHAUSTED, metadata=(("x", "y"),)), "rejected", False),
    ("exhausted, try again", ends(S.RESOURCE_EXHAUSTED, 0.3), "retry_exhausted", True),
    ("an answer of 5 MiB", too_long, "answer_too_big", False),
]


@pytest.mark.parametrize("behave, cause, retried", [f[1:] for f in GRPC_FAULTS], ids=[f[0] for f in GRPC_FAULTS])
def test_a_fault_over_grpc(serve, close, behave, cause, retried):
    collector = close(c.GRPCCollector(behave))
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    traffic.send(20)
    now = settled(server, traffic)
    assert lost(now) == {cause: now["submitted"]}, now
    assert (now["retries"] > 0) == retried
    collector.behave = lambda *_: ExportTraceServiceResponse()
    recovers(server, traffic, collector)


def test_grpc_garbage_and_partial_success(serve, close):
    collector = close(c.GRPCCollector(lambda *_: b"\xff\xff garbage"))
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a")
    traffic.send(5)
    now = settled(server, traffic)
    assert lost(now) == {} and now["answers_unreadable"] >= 1
    assert all(h["x-tenant"] == "a" for h in collector.headers)

    def partly(*_):
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = 1
        return answer
    collector.behave = partly
    traffic.send(5)
    assert set(lost(settled(server, traffic))) == {"partially_rejected"}


def test_a_grpc_gzip_bomb(serve, close):
    def bomb(collector, request, context):
        context.set_compression(grpc.Compression.Gzip)
        answer = ExportTraceServiceResponse()
        answer.partial_success.error_message = "x" * (48 << 20)
        return answer
    collector = close(c.GRPCCollector(bomb))
    server, traffic = serve(collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
                            OTEL_EXPORTER_OTLP_TIMEOUT="10000", OTEL_BSP_EXPORT_TIMEOUT="20000")
    memory = resident(server)
    traffic.send(10)
    now = settled(server, traffic)
    assert lost(now) == {"answer_too_big": now["submitted"]}, now
    assert resident(server) - memory < 32 << 20


# Bounds.

def test_a_full_queue_is_counted_and_memory_is_bounded(serve, close):
    collector = close(c.HTTPCollector(c.never))
    server, traffic = serve(collector.url, OTEL_BSP_MAX_QUEUE_SIZE="50", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10",
                            OTEL_EXPORTER_OTLP_TIMEOUT="60000", OTEL_BSP_EXPORT_TIMEOUT="60000")
    traffic.send(100)
    memory = resident(server)
    traffic.send(1500)
    now = status(server)
    assert now["queue"]["spans"] <= 50 and now["lost"]["queue_full"] > 500 and set(lost(now)) == {"queue_full"}
    assert resident(server) - memory < 24 << 20
    assert server.tail().count("spans are being lost (queue_full)") == 1


@pytest.mark.parametrize("behave", [c.well, c.never], ids=["well", "silent"])
def test_the_end_sends_what_is_queued_in_bounded_time(serve, close, behave):
    collector = close(c.HTTPCollector(behave))
    server, traffic = serve(collector.url, OTEL_BSP_SCHEDULE_DELAY="60000", OTEL_EXPORTER_OTLP_TIMEOUT="60000")
    traffic.send(20)
    now = wait_for(lambda: status(server) if status(server)["submitted"] >= 20 else None, "spans to be handed over")
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 5
    if behave is c.well:
        assert len(collector.spans) >= now["submitted"]
    else:
        assert "spans were not delivered before the end" in server.tail()
