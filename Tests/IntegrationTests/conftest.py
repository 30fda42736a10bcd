"""Harness: the release executable, real peers (sipp), and independent clients for management and events.

Everything listens on free ports of 127.0.0.x. Every process is ended by the pid that was started. Waiting is for
conditions, never for time. SIPRAY names the executable (scripts/test sets it).
"""
import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

from sip import Agent

HERE = pathlib.Path(__file__).parent
SIPRAY = os.environ.get("SIPRAY", str(HERE / "../../.build/release/sipray"))

# Whoever runs the tests under nohup, or behind a shell's `&`, ignores these, and the servers would inherit it.
for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)

# Nor is it of their concern what that person's environment says of exporters, proxies and terminals.
for name in list(os.environ):
    if name.startswith("OTEL_") or name.lower().endswith("_proxy") or name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        del os.environ[name]

# Below the ephemeral range, and apart from those of the other workers of this run; in an order of their own in each run.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
PORTS = list(range(20000 + 12000 * WORKER // WORKERS, 20000 + 12000 * (WORKER + 1) // WORKERS))
random.shuffle(PORTS)
_ports = itertools.cycle(PORTS)
# Above those: what telephones pick their media ports from by themselves.
MEDIA_PORTS = 32000, 32766


def free_port(address="127.0.0.1"):
    """A port that is free on `address` now, for UDP and for TCP, and that nobody is given again until all others were:
    who asks for two before binding either has two."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in itertools.islice(_ports, len(PORTS)):
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family, socket.SOCK_STREAM) as tcp:
            try:
                udp.bind((address, port))
                tcp.bind((address, port))
            except OSError:
                continue
            return port
    pytest.fail("no port is free on " + address)


def wait_for(condition, what, timeout=15.0):
    """The first true value of `condition()`; fails with `what` when the time is over."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {timeout} s for {what}")
        time.sleep(0.01)


def best_of(measure, good, tries=5):
    """The first of what `measure()` gives that is good, or else the last. For times: who is held up is late each time, who
    met a machine that stood still is late once."""
    for _ in range(tries):
        found = measure()
        if good(found):
            break
    return found


def seconds(action):
    """How long `action` takes."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


class Events:
    """A UDP subscriber: keeps every notification it gets, in order."""

    def __init__(self, address="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Room for what a stalled reader misses: past the system's limit where privilege allows (SO_RCVBUFFORCE).
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        except PermissionError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((address, 0))
        self.socket.settimeout(0.2)
        self.name = "udp:%s:%d" % self.socket.getsockname()
        self.raw = []
        self.running = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.running:
            try:
                self.raw.append(self.socket.recv(65536))
            except socket.timeout:
                continue
            except OSError:
                return

    def all(self, name=None):
        method = b'"method":"%s"' % name.encode() if name else b""
        return [json.loads(r)["params"] for r in list(self.raw) if method in r]

    def count(self, verb, name=None):
        """How many records with that verb have come; of an event's, or of all."""
        words = b'"verb":"%s"' % verb.encode(), b'"method":"%s"' % name.encode() if name else b""
        return sum(1 for raw in list(self.raw) if words[0] in raw and words[1] in raw)

    def settle(self, quiet=0.3, timeout=10):
        """Waits until nothing has come in for `quiet` seconds and no session of a profiling event is open."""
        last, since = -1, time.monotonic()
        end = since + timeout
        while time.monotonic() < end:
            if len(self.raw) != last:
                last, since = len(self.raw), time.monotonic()
            elif time.monotonic() - since > quiet and self.count("start") == self.count("end"):
                return
            time.sleep(0.02)

    def whole(self, name=None, least=1):
        """The profiling events when at least so many sessions have ended, none is open, and no more come."""
        wait_for(lambda: self.count("end", name) >= least, "%d sessions to end" % least)
        self.settle()
        return self.all(name)

    def close(self):
        self.running = False
        self.thread.join()
        self.socket.close()


# Timer T1 (ms) and fr_timeout (s) of the scripts of cfg/: neither runs out while a machine stands still for a moment, so
# that a message that comes is the next one, and a peer that is slow isn't dead. Who tests repetitions or silence says so.
PATIENT = {"T1": 4000, "FR": 10}


class Server:
    """A running `sipray serve` with a script made from a template of cfg/."""

    def __init__(self, directory, template, arguments=(), wait=True, **values):
        self.directory = pathlib.Path(directory)
        umask = values.pop("umask", -1)
        self.address = values.pop("address", "127.0.0.1")
        self.port = values.pop("port", None) or free_port(self.address)
        self.mi_port = free_port()
        self.fifo = str(self.directory / "fifo")
        values = dict(ADDRESS=self.address, PORT=self.port, MI_PORT=self.mi_port, FIFO=self.fifo,
                      DIR=str(self.directory), **{"WORKERS": 2, "EXTRA": "", "ROUTE": "", **PATIENT, **values})
        text = (HERE / "cfg" / template).read_text() if "\n" not in template else template
        for key, value in values.items():
            text = text.replace("@%s@" % key, str(value))
        self.cfg = self.directory / "sipray.cfg"
        self.cfg.write_text(text)
        self.log_path = self.directory / "log"
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen([SIPRAY, "serve", str(self.cfg), *arguments], stdout=self.log,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.directory,
                                        umask=umask)
        self.identifier = 0
        if not wait:
            return
        try:
            wait_for(self._ready, "the server to answer on its management socket")
        except BaseException:  # what pytest fails with is no Exception
            self.process.kill()
            self.process.wait()
            self.log.close()
            raise

    def _ready(self):
        if self.process.poll() is not None:
            pytest.fail("the server ended with %s:\n%s" % (self.process.returncode, self.tail()))
        try:
            return self.mi("version", timeout=0.3)
        except (socket.timeout, ConnectionError):
            return None

    def tail(self, size=4000):
        data = self.log_path.read_bytes() if self.log_path.exists() else b""
        return data[-size:].decode(errors="replace")

    def mi_raw(self, data, timeout=5.0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.connect(("127.0.0.1", self.mi_port))
            client.settimeout(timeout)
            client.send(data)
            return client.recv(65536)

    def mi_call(self, method, params=None, timeout=5.0):
        """The whole JSON-RPC reply."""
        self.identifier += 1
        request = {"jsonrpc": "2.0", "id": self.identifier, "method": method}
        if params is not None:
            request["params"] = params
        reply = json.loads(self.mi_raw(json.dumps(request).encode(), timeout))
        assert reply["jsonrpc"] == "2.0" and reply["id"] == request["id"]
        return reply

    def mi(self, method, timeout=5.0, **params):
        """The result of a command that must succeed."""
        reply = self.mi_call(method, params or None, timeout)
        assert "result" in reply, reply
        return reply["result"]

    def statistic(self, name):
        return self.mi("statistics:get", statistics=[name]).get(name)

    def processes(self, beginning):
        """Those of a type, each with the number that the kernel gave it: management may be there before them."""
        def listed():
            found = [p for p in self.mi("ps")["Processes"] if p["Type"].startswith(beginning)]
            return (found,) if all(p["PID"] for p in found) else None

        return wait_for(listed, "a number for each process")[0]

    def subscribe(self, events, *names, expire=3600, fields=None):
        extra = {"fields": fields} if fields else {}
        for name in names:
            assert self.mi("evi:subscribe", event=name, socket=events.name, expire=expire, **extra) == "OK"

    def threads_cpu(self):
        """CPU seconds (user + system) of each kernel task, by task id."""
        tick = os.sysconf("SC_CLK_TCK")
        out = {}
        for task in os.listdir("/proc/%d/task" % self.process.pid):
            try:
                fields = open("/proc/%d/task/%s/stat" % (self.process.pid, task)).read().rsplit(")", 1)[1].split()
            except FileNotFoundError:
                continue
            out[int(task)] = (int(fields[11]) + int(fields[12])) / tick
        return out

    def stop(self, expect=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                self.log.close()
                pytest.fail("not ended 5 s after SIGTERM:\n" + self.tail())
        self.log.close()
        assert self.process.returncode == expect, "status %s\n%s" % (self.process.returncode, self.tail())


@pytest.fixture
def start(tmp_path):
    """start(template, **values) → Server; all are stopped, with status 0, at the end."""
    servers = []

    def make(template="spine.cfg", **values):
        directory = tmp_path / ("server%d" % len(servers))
        directory.mkdir()
        server = Server(directory, template, **values)
        servers.append(server)
        return server

    yield make
    with contextlib.ExitStack() as stops:
        for server in servers:
            stops.callback(server.stop)


@pytest.fixture
def agent():
    """agent(server) → Agent that talks to it; all are closed at the end."""
    made = []

    def make(server):
        made.append(Agent((server.address, server.port)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def closing():
    """closing(one) → one, which is closed at the end."""
    made = []
    yield lambda one: made.append(one) or one
    for one in made:
        one.close()


@pytest.fixture
def events():
    collector = Events()
    yield collector
    collector.close()


class Sipp:
    """One sipp process on a scenario of sipp/. `calls` None: until it is ended. What isn't answered it sends again after
    `t1` ms: late, since on loopback nothing is lost unless a reader stands still for long, and what a slow machine has
    it send twice is counted twice."""

    def __init__(self, directory, scenario, target=None, address="127.0.0.1", port=None, calls=1, rate=10,
                 arguments=(), timeout=60, t1=PATIENT["T1"]):
        self.port = port or free_port(address)
        self.scenario = scenario
        self.directory = pathlib.Path(directory)
        self.log = self.directory / ("%s-%d.log" % (scenario, self.port))
        script = self.directory / ("%s-%d.xml" % (scenario, self.port))
        script.write_text((HERE / "sipp" / (scenario + ".xml")).read_text().replace("@T1@", str(t1)))
        # Its own buffers are for a hundred datagrams.
        command = ["sipp", "-sf", str(script), "-i", address, "-p", str(self.port), "-buff_size", str(4 << 20),
                   *(["-m", str(calls)] if calls else []), "-nostdin", "-timeout", str(timeout), "-timeout_error",
                   "-trace_err", "-error_file", str(self.log) + ".err", *arguments]
        if target:
            command += ["-r", str(rate), target]
        self.output = open(self.log, "wb")
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, cwd=self.directory)
        if not target:
            wait_for(self._bound, "sipp %s to listen" % scenario)

    def _bound(self):
        wanted = ":%04X" % self.port
        for name in ("/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6"):
            for line in open(name).readlines()[1:]:
                if line.split()[1].endswith(wanted):
                    return True
        return False

    def finish(self, timeout=90):
        """Waits for the end; all calls must have succeeded."""
        status = self.process.wait(timeout)
        self.output.close()
        errors = pathlib.Path(str(self.log) + ".err")
        assert status == 0, "sipp %s: status %d\n%s\n%s" % (
            self.scenario, status, errors.read_text(errors="replace")[-3000:] if errors.exists() else "",
            self.log.read_bytes()[-3000:].decode(errors="replace"))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()


@pytest.fixture
def sipp(tmp_path):
    running = []

    def make(scenario, target=None, **options):
        one = Sipp(tmp_path, scenario, target, **options)
        running.append(one)
        return one

    yield make
    for one in running:
        one.end()


def sessions(records):
    """Records grouped by session, in order; checks that each is balanced: start, matching enters and exits, end."""
    by_session = {}
    for record in records:
        by_session.setdefault(record["session"], []).append(record)
    for number, group in by_session.items():
        verbs = [r["verb"] for r in group]
        assert verbs[0] == "start" and verbs[-1] == "end", (number, verbs)
        assert verbs.count("start") == 1 and verbs.count("end") == 1, (number, verbs)
        depth = 1
        for record in group:
            if record["verb"] == "enter":
                depth += 1
            if record["verb"] == "exit":
                depth -= 1
            assert record["depth"] == depth, (number, record, depth)
        assert depth == 1, (number, verbs)
        times = [(r["sec"], r["usec"]) for r in group]
        assert times == sorted(times), (number, times)
    return by_session
