"""A collector for tests: takes OTLP over HTTP and keeps the spans, decoded with opentelemetry-proto."""
import collections
import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest, ExportTraceServiceResponse)

from conftest import wait_for

KINDS = {1: "internal", 2: "server", 3: "client"}


def plain(value):
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(v) for v in value.array_value.values]
    return getattr(value, kind) if kind else None


def attributes(pairs):
    out = {}
    for pair in pairs:
        assert pair.key not in out, "an attribute twice: %s" % pair.key
        out[pair.key] = plain(pair.value)
    return out


class Span:
    def __init__(self, message, resource, scope):
        self.trace, self.id, self.parent = message.trace_id.hex(), message.span_id.hex(), message.parent_span_id.hex()
        assert len(message.trace_id) == 16 and len(message.span_id) == 8 and len(message.parent_span_id) in (0, 8)
        self.name, self.kind, self.flags = message.name, KINDS[message.kind], message.flags
        self.state = message.trace_state
        self.start, self.end = message.start_time_unix_nano, message.end_time_unix_nano
        self.attributes = attributes(message.attributes)
        self.events = [(e.name, e.time_unix_nano, attributes(e.attributes)) for e in message.events]
        self.links = [(l.trace_id.hex(), l.span_id.hex()) for l in message.links]
        self.status, self.message = message.status.code, message.status.message
        self.resource, self.scope = resource, scope
        assert self.start <= self.end

    def __getitem__(self, key):
        return self.attributes.get(key)

    def __repr__(self):
        return "%s %s" % (self.name, self.id)


class Collector:
    def __init__(self, address="127.0.0.1"):
        self.spans = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = "http://%s:%d/v1/traces" % self.server.server_address
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, request):
        for resource_spans in request.resource_spans:
            resource = attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                scope = scope_spans.scope.name, scope_spans.scope.version
                self.spans += [Span(s, resource, scope) for s in scope_spans.spans]

    def named(self, name):
        return [s for s in list(self.spans) if s.name == name]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector(monkeypatch):
    """A collector; what is exported waits 50 ms at most."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    one = Collector()
    yield one
    one.close()


def module(collector, *lines):
    """What loads the module and points it at the collector."""
    text = 'loadmodule "opentelemetry.so"\nmodparam("opentelemetry", "exporter_endpoint", "%s")\n' % collector.endpoint
    for line in lines:
        name, _, value = line.partition("=")
        text += 'modparam("opentelemetry", "%s", %s)\n' % (name, value)
    return text


def sent(server, collector):
    """All spans of what has happened up to now; waits until the server has sent them."""
    def done():
        status = server.mi("opentelemetry:status")
        made = status["sampling"]["spans_made"]
        return made == status["submitted"] == status["exported"] == len(collector.spans) and made > 0
    last = [-1, 0.0]

    def settled():
        """Nothing more has come for a while: records take up to two rounds of the collector's thread."""
        if last[0] != len(collector.spans):
            last[:] = len(collector.spans), time.monotonic()
        return done() and time.monotonic() - last[1] > 0.2
    wait_for(settled, "the spans to come: %s" % server.mi("opentelemetry:status"))
    return list(collector.spans)


def wait_spans(collector, condition, what):
    wait_for(lambda: condition(list(collector.spans)), what)
    return list(collector.spans)


def at(record):
    return record["sec"] * 1_000_000 + record["usec"]


def check_against_events(spans, groups, partly=False):
    """Each session is a span with its jobs inside, by name, place, time and status; nested script sessions in the job they ran
    in. `partly`: what is around a session, or what caused it, may not have been traced."""
    by_session = {s["sipray.session.id"]: s for s in spans if s["sipray.session.id"] is not None}
    assert set(by_session) == set(groups)
    children = collections.defaultdict(list)
    for span in spans:
        children[span.parent].append(span)
    by_id = {s.id: s for s in spans}
    assert len(by_id) == len(spans), "span ids are unique"
    for number, group in groups.items():
        span, start, end = by_session[number], group[0], group[-1]
        assert span.start // 1000 == at(start) and span.end // 1000 == at(end), (span, start)
        assert span["sipray.status"] == end["status"]
        assert span["sipray.session.truncated"] is None
        stack = [span]
        for record in group[1:-1]:
            if record["verb"] == "enter":
                found = [c for c in children[stack[-1].id] if c["sipray.session.id"] is None
                         and c.name == record["name"] and c.start // 1000 == at(record)]
                assert found, (record, children[stack[-1].id])
                job = found[0]
                children[stack[-1].id].remove(job)
                assert job.trace == span.trace and job.kind == "internal"
                assert job["code.line.number"] == record["line"]
                assert record["file"] in (job["code.file.path"], job["code.function.name"])
                stack.append(job)
            else:
                job = stack.pop()
                assert job.end // 1000 == at(record) and job["sipray.status"] == record["status"]
        if "parent" in start and not (partly and start["parent"] not in by_session):
            outer = by_session[start["parent"]]
            place = by_id[span.parent]
            assert place.trace == span.trace
            assert place.start <= span.start and span.end <= place.end
            while place["sipray.session.id"] is None:
                place = by_id[place.parent]
            assert place is outer
        if "link" in start and not (partly and start["link"] not in by_session):
            # What it goes on with or what caused it is the parent of its tree, or linked to.
            cause, place, found = by_session[start["link"]], span, False
            while place and not found:
                found = place.parent == cause.id or (cause.trace, cause.id) in place.links
                place = by_id.get(place.parent)
            assert found, (span, cause)


MESSAGE = {"network.protocol.name", "network.protocol.version", "network.transport", "network.peer.address", "network.peer.port",
           "network.local.address", "network.local.port", "sip.message.type", "sip.request.method", "sip.call_id", "sip.cseq"}
REQUEST = {"sip.request.uri", "url.full", "url.scheme", "server.address"}
RESPONSE = {"sip.response.status_code", "sip.response.reason"}
SESSION = {"sipray.session.id", "sipray.status", "thread.id", "thread.name", "sipray.process.id", "sipray.process.description"}
ROUTE = {"opensips.route.type", "opensips.route.is_root"}
CODE = {"code.function.name", "code.line.number"}


def check_attributes(spans):
    """Each span has all the attributes of its kind, and none that its kind does not have."""
    for span in spans:
        keys = set(span.attributes)
        message = MESSAGE | (RESPONSE if span["sip.message.type"] == "response" else REQUEST) if keys & MESSAGE else set()
        some = {"server.port", "user_agent.original"} if message else set()
        if span["sipray.session.id"] is None:
            script = span["code.file.path"] is not None
            needed = CODE | {"sipray.status"} | message
            if "opensips.route.type" in keys:
                needed |= ROUTE | {"code.file.path", "thread.id", "thread.name"}
                some |= {"opensips.route.name"}
            elif script:
                needed |= {"code.file.path"}
            assert span.kind == "internal" and span["opensips.route.is_root"] in (None, 0)
        elif span.kind == "internal":
            needed = SESSION
        else:
            needed = SESSION | ROUTE | message
            some |= {"opensips.route.name"}
            assert span["opensips.route.is_root"] == 1
            assert span.kind == ("client" if span["opensips.route.type"] == "local" else "server")
            assert span.name == "%s %s" % (span["sip.request.method"] or "SIP", span["opensips.route.type"])
        if span.status == 2:
            assert "opensips.route.type" in keys and int(span["sipray.status"]) < 0, span
            needed = needed | {"error.type"}
        assert needed <= keys, (span, needed - keys)
        assert keys <= needed | some, (span, keys - needed - some)
