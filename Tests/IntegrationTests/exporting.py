"""What tests of the exporter share: a traced server, calls through it that nothing may delay, and what became of its spans."""
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

import faulty_collector as c
from conftest import HERE, free_port, wait_for  # noqa: F401
from peer import Message
from served_socket import ServedSocket

# Short times, so that a fault is over soon: a batch may take 600 ms with all its retries. A request may take longer, so that a machine that
# stands still for a moment is no fault; where nothing is answered, 300 ms.
QUICK = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3000", "OTEL_BSP_EXPORT_TIMEOUT": "600", "OTEL_BSP_SCHEDULE_DELAY": "20"}
SILENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "300"}
PROTOCOLS = ["http/protobuf", "http/json", "grpc"]
# How much a fault may make a server grow, at any moment: code and rings that are touched for the first time, an answer, a request. At most 9 MiB
# were seen (release), 14 in a debug build; answers that are larger than they may be have 96 MiB and more.
GROWTH_BYTES_MAX = 20 << 20


class Callee(ServedSocket):
    """Answers every INVITE and BYE with 200, at once, on a thread of its own."""

    def __init__(self):
        self.acks = 0
        super().__init__()

    def take(self, datagram, source):
        request = Message(datagram)
        if request.method == "ACK":
            self.acks += 1
            return
        kept = "".join("%s: %s\r\n" % (n, v) for n, v in request.headers
                       if n.lower() in ("via", "record-route", "from", "call-id", "cseq"))
        to = request.get("To")
        self.socket.sendto(("SIP/2.0 200 OK\r\n%sTo: %s%s\r\nContact: <sip:callee@127.0.0.1:%d>\r\nContent-Length: 0\r\n\r\n" % (
            kept, to, "" if "tag=" in to else ";tag=callee", self.port)).encode(), source)


class Traffic:
    """OPTIONS requests and whole calls, each answer within a bound."""

    def __init__(self, server, callee):
        self.server, self.callee = server, callee
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.port = self.socket.getsockname()[1]
        self.sent = 0
        self.calls = 0
        self.waits = []

    def request(self, method, number, cseq, to_tag="", routes=(), body=""):
        self.sent += 1
        text = ("%s sip:callee@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d-%d\r\nFrom: <sip:a@b>;tag=1\r\n"
                "To: <sip:x@127.0.0.1>%s\r\nCall-ID: %d-%d@test\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n%sContact: <sip:a@127.0.0.1:%d>\r\n"
                "Content-Length: %d\r\n\r\n%s" % (method, self.callee.port, self.port, self.port, self.sent, to_tag, self.port, number,
                                                   cseq, method, "".join("Route: %s\r\n" % r for r in routes), self.port,
                                                   len(body), body))
        self.socket.sendto(text.encode(), ("127.0.0.1", self.server.port))

    def answer(self):
        begin = time.monotonic()
        while True:
            message = Message(self.socket.recv(65536))
            if message.status != 100:
                self.waits.append(time.monotonic() - begin)
                assert message.status == 200, message
                return message

    def send(self, count=1):
        for _ in range(count):
            self.calls += 1
            self.request("OPTIONS", self.calls, 1)
            self.answer()

    def call(self, count=1):
        """Whole calls, one after another: INVITE, 200, ACK, BYE, 200."""
        for _ in range(count):
            self.calls += 1
            number = self.calls
            self.request("INVITE", number, 1)
            routes = self.answer().all("Record-Route")
            self.request("ACK", number, 1, ";tag=callee", routes)
            self.request("BYE", number, 2, ";tag=callee", routes)
            self.answer()

    def close(self):
        self.socket.close()


@pytest.fixture
def serve(start, monkeypatch):
    """serve(url, **environment) → (server, traffic): a traced server that exports to `url`."""
    made = []

    def make(url=None, parameters=(), **environment):
        for name in list(os.environ):
            if name.startswith("OTEL_"):
                monkeypatch.delenv(name)
        for name, value in {**QUICK, **environment}.items():
            monkeypatch.setenv(name, value)
        extra = "".join('modparam("opentelemetry", "%s", %s)\n' % p for p in parameters)
        if url:
            extra += 'modparam("opentelemetry", "exporter_endpoint", "%s")' % url
        callee = Callee()
        server = start("opentelemetry.cfg", EXTRA=extra, UAS_PORT=callee.port)
        traffic = Traffic(server, callee)
        made.append(traffic)
        return server, traffic

    yield make
    for traffic in made:
        # A collector never delays a call: answers come far sooner than any time that a collector was waited for. A few may be late, since
        # the machine may stand still for a moment.
        late = [w for w in traffic.waits if w > 0.25]
        assert len(late) <= 2 + len(traffic.waits) // 10, late
        traffic.close()
        traffic.callee.close()


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


def collector_of(protocol):
    return c.GRPCCollector if protocol == "grpc" else c.HTTPCollector


def url_of(protocol, port, secure=False):
    base = "%s:%d" % ("https://localhost" if secure else "http://127.0.0.1", port)
    return base if protocol == "grpc" else base + "/v1/traces"


def status(server):
    return server.mi("opentelemetry:status")


def settled(server, traffic, timeout=20):
    """The status when a span of every request was handed over, no more come, and each is delivered or counted as lost."""
    seen = []

    def look():
        now = status(server)
        seen.append(now["submitted"])
        ready = now["submitted"] >= traffic.sent and now["queue"]["spans"] == 0 and \
            now["submitted"] == now["exported"] + sum(now["lost"].values())
        if ready and len(seen) > 10 and seen[-10] == seen[-1]:
            return now
    return wait_for(look, "all spans to be accounted for: %s" % status(server), timeout)


def lost(now):
    return {cause: count for cause, count in now["lost"].items() if count}


def peak(server):
    """The most bytes of memory that a server has had since `Bounded` looked first, or since its start."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/%d/status" % server.process.pid).read_text())[1])


class Bounded:
    """Watches a server's memory, from before its first call: `check` says that it never was more than GROWTH_BYTES_MAX above what it was
    then, not for a moment, and that the queue is within its bounds."""

    def __init__(self, server):
        self.server = server
        # The kernel sets the peak to what is there now (proc(5)).
        pathlib.Path("/proc/%d/clear_refs" % server.process.pid).write_text("5")
        self.before = peak(server)

    def check(self):
        grown = peak(self.server) - self.before
        assert grown < GROWTH_BYTES_MAX, "grown by %d KiB" % (grown >> 10)
        queue = status(self.server)["queue"]
        assert queue["spans"] <= queue["spans_max"] and queue["bytes"] <= queue["bytes_max"]


def recovers(server, traffic, collector):
    """The collector is well again: what is sent now arrives, soon."""
    before = len(collector.spans)
    exported = status(server)["exported"]

    def arrives():
        traffic.call()
        return len(collector.spans) > before and status(server)["exported"] > exported
    wait_for(arrives, "spans to arrive again: %s" % status(server), 20)


class Rotel:
    """A real collector, which passes on what it took to the next one."""

    def __init__(self, directory, behind, protocol="http", exporter=None):
        import rotel
        agent = pathlib.Path(rotel.__file__).parent / "rotel-agent"
        self.http, self.grpc = free_port(), free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ROTEL_"))}
        self.log = open(directory / ("rotel-%d.log" % self.http), "wb")
        self.process = subprocess.Popen(
            [str(agent), "start", "--otlp-http-endpoint", "127.0.0.1:%d" % self.http, "--otlp-grpc-endpoint",
             "127.0.0.1:%d" % self.grpc, "--batch-timeout", "50ms", *(exporter or [
                 "--exporter", "otlp", "--otlp-exporter-protocol", protocol, "--otlp-exporter-endpoint",
                 "http://127.0.0.1:%d" % behind, "--otlp-exporter-compression", "none"]),
             "--pid-file", str(directory / ("rotel-%d.pid" % self.http))],
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
