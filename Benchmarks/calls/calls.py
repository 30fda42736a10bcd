#!/usr/bin/env python3
"""CPU per call of SIPRay and of Debian's kamailio, alternating in one run on one machine.

Calls INVITE 100 180 200 ACK BYE 200 go from one sipp through the server (record-routed, t_relay) to another. Scenario dialog follows them by
create_dialog() (Kamailio: dlg_manage()), b2b makes two calls of each (top hiding of b2b_logic; Kamailio has none and relays). CPU is user + system
of every process of the server. For SIPRay: profiling off, level 1 and level 3 with a subscriber that reads; there the SIP
processes are also shown alone, since formatting and sending of events happen on threads of their own.

Kind sipray-otlp exports every span to a collector that takes all (rotel, or with --collector another), sipray-otlp-silent to one that never answers,
sipray-otlp-dead to a port where nobody listens; the last column tells what the exporter says of itself.

    Benchmarks/calls/calls.py [--rate 500] [--seconds 8] [--rounds 4] [--workers 2] [--scenario call|dialog|b2b|options|register]
        [--transport udp|tcp] [--only sipray]

Needs sipp and kamailio (Debian: sip-tester kamailio) and a release build (swift build -c release --product sipray).
"""
import argparse
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCENARIOS = ROOT / "Tests/IntegrationTests/sipp"
PORTS = [int(port) for port in os.environ.get("BENCHMARK_PORTS", "20000-32000").split("-")]


def is_bound(port, kinds=(socket.SOCK_DGRAM, socket.SOCK_STREAM)):
    try:
        for kind in kinds:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))
        return False
    except OSError:
        return True


def free_port():
    return next(port for port in iter(lambda: random.randint(*PORTS), None) if not is_bound(port))


def wait_until_bound(port, transport, process):
    """A sipp or a kamailio that listens there, or ends the measurement when it doesn't come."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    for _ in range(300):
        if is_bound(port, [kind]):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("nobody listens on port %d: `%s` ended or hangs" % (port, process.args[0]))


def sip_processes(mi_port, log):
    """The task ids of those that read SIP, once the server is ready. `log`: the path of what it says, for when it does not get there."""
    for _ in range(600):
        try:
            processes = mi(mi_port, "ps")["Processes"]
            if all(p["PID"] for p in processes):
                return [p["PID"] for p in processes if p["Type"].startswith(("SIP receiver", "TCP receiver"))]
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server does not answer:\n" + pathlib.Path(log).read_text(errors="replace")[-2000:])


FEATURES = {
    "dialog": {
        "sipray.cfg": {"MODULES": 'loadmodule "dialog.so"', "CALL": "create_dialog();"},
        "kamailio.cfg": {"MODULES": 'loadmodule "dialog.so"', "CALL": "dlg_manage();"}},
    "b2b": {
        "sipray.cfg": {
            "MODULES": 'loadmodule "b2b_entities.so"\nloadmodule "b2b_logic.so"',
            "CALL": '$ru = "sip:callee@127.0.0.1:@UAS_PORT@;transport=@TRANSPORT@";\n\tb2b_init_request("top hiding");\n\texit;'}}}
"""What a scenario adds to a relayed call: modules, and statements before the call is relayed."""


def scenario(name, directory):
    """sipp's scenario of the integration tests, with T1 as RFC 3261 has it."""
    path = pathlib.Path(directory) / (name + ".xml")
    path.write_text((SCENARIOS / path.name).read_text().replace("@T1@", "500"))
    return str(path)


def fill(template, directory, scenario="call", **values):
    text = (HERE / template).read_text()
    feature = FEATURES.get(scenario, {}).get(template, {})
    for key in ("MODULES", "CALL"):
        text = text.replace("@%s@" % key, feature.get(key, ""))
    for key, value in values.items():
        text = text.replace("@%s@" % key, str(value))
    path = pathlib.Path(directory) / template
    path.write_text(text)
    return path


def tree(pid):
    """The process and its descendants."""
    out = [pid]
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            children = open("/proc/%d/task/%s/children" % (pid, task)).read().split()
        except FileNotFoundError:
            continue
        for child in children:
            out += tree(int(child))
    return out


def schedstat(path):
    """Nanoseconds on the processor; finer than the ticks of stat."""
    try:
        return int(open(path).read().split()[0])
    except (FileNotFoundError, IndexError):
        return 0


def cpu(pid):
    """CPU nanoseconds of all tasks of the process tree, by task id."""
    out = {}
    for process in tree(pid):
        for task in os.listdir("/proc/%d/task" % process):
            out[int(task)] = schedstat("/proc/%d/task/%s/schedstat" % (process, task))
    return out


def resident(pid):
    total = 0
    for process in tree(pid):
        for line in open("/proc/%d/smaps_rollup" % process):
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def mi(port, method, params=None):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(5)
        client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode())
        return json.loads(client.recv(65536))["result"]


class Reader(threading.Thread):
    """A subscriber that reads everything, in a process of its own so that its CPU is not the server's."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c",
             "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
             "s.setsockopt(socket.SOL_SOCKET,socket.SO_RCVBUF,8<<20)\ns.bind(('127.0.0.1',0))\n"
             "print(s.getsockname()[1],flush=True)\nb=bytearray(65536)\n"
             "while True: s.recv_into(b)\n"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def end(self):
        self.process.kill()
        self.process.wait()


class Collector:
    """Where a kind's spans go: rotel (PyPI) that drops what it takes, a listener that never answers, or nobody."""

    def __init__(self, kind, directory):
        self.process, self.listener = None, None
        self.port, self.grpc_port = free_port(), free_port()
        if kind.endswith("-silent"):
            self.listener = socket.create_server(("127.0.0.1", self.port))
        elif not kind.endswith("-dead"):
            import rotel
            agent = pathlib.Path(rotel.__file__).parent / "rotel-agent"
            self.process = subprocess.Popen(
                [str(agent), "start", "--otlp-http-endpoint", "127.0.0.1:%d" % self.port, "--otlp-grpc-endpoint",
                 "127.0.0.1:%d" % self.grpc_port,
                 "--exporter", "blackhole", "--pid-file", str(pathlib.Path(directory) / "rotel.pid")],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.5)

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        if self.listener:
            self.listener.close()


def one_run(kind, options, directory):
    """CPU milliseconds per call (all, SIP processes alone), MiB, failed calls, what the exporter says."""
    port, uas, mi_port = free_port(), free_port(), free_port()
    values = dict(PORT=port, UAS_PORT=uas, MI_PORT=mi_port, WORKERS=options.workers,
                  TRANSPORT=options.transport, DISABLE_TCP="no" if options.transport == "tcp" else "yes")
    transport = ["-t", options.transport[0] + "1"]
    log = open(pathlib.Path(directory) / (kind + ".log"), "ab")
    if kind == "kamailio":
        command = ["kamailio", "-f", str(fill("kamailio.cfg", directory, options.scenario, **values)), "-DD", "-E", "-Y", directory,
                   "-m", "256", "-M", "16"]
    else:
        command = [options.sipray, "serve", str(fill("sipray.cfg", directory, options.scenario, **values))]
    reader = callee = collector = exporter = None
    if kind.startswith("sipray-otlp"):
        collector = Collector(kind, directory)
        path = pathlib.Path(directory) / "sipray.cfg"
        path.write_text(path.read_text().replace("\nroute", '''
loadmodule "opentelemetry.so"
modparam("opentelemetry", "enable", 1)
modparam("opentelemetry", "exporter_endpoint", "http://127.0.0.1:%d/v1/traces")

route''' % collector.port, 1))
    server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        sip = None
        if kind == "kamailio":
            wait_until_bound(port, options.transport, server)
            time.sleep(1.0)  # its processes start after its sockets
        else:
            sip = sip_processes(mi_port, log.name)
            if kind in ("sipray-1", "sipray-3"):
                reader = Reader()
                mi(mi_port, "core:profiling_proc", {"level": int(kind[-1])})
                for event in ("E_PROFILING_PROC", "E_PROFILING_SCRIPT"):
                    mi(mi_port, "evi:subscribe", {"event": event, "socket": "udp:127.0.0.1:%d" % reader.port, "expire": 3600})
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

        def load(calls, local):
            name = options.scenario if options.scenario in ("options", "register") else "uac_call"
            return subprocess.run(["sipp", "-sf", scenario(name, directory), "-i", "127.0.0.1", "-p", str(local),
                                   *transport, "-m", str(calls), "-r", str(options.rate), "-l", "9000", "-s", "callee", "-nostdin",
                                   "-timeout", "120", "127.0.0.1:%d" % port], **quiet).returncode

        if options.scenario not in ("options", "register"):
            callee = subprocess.Popen(["sipp", "-sf", scenario("uas_call", directory), "-i", "127.0.0.1", "-p", str(uas),
                                       "-nostdin", *transport], **quiet)
            wait_until_bound(uas, options.transport, callee)
        load(options.rate, free_port())  # warm up for a second
        before = cpu(server.pid)
        calls = options.rate * options.seconds
        status = load(calls, free_port())
        after = cpu(server.pid)
        spent = {t: after[t] - before.get(t, 0) for t in after}
        total = sum(spent.values())
        of_sip = sum(v for t, v in spent.items() if t in sip) if sip else total
        if collector:
            exporter = mi(mi_port, "opentelemetry:status")
        return total / calls / 1e6, of_sip / calls / 1e6, resident(server.pid), status, exporter
    finally:
        for process in (callee,):
            if process:
                process.kill()
                process.wait()
        for helper in (reader, collector):
            if helper:
                helper.end()
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scenario", choices=["call", "dialog", "b2b", "options", "register"], default="call")
    parser.add_argument("--transport", choices=["udp", "tcp"], default="udp")
    parser.add_argument("--sipray", default=str(ROOT / ".build/release/sipray"))
    parser.add_argument("--only", help="comma list of: kamailio, sipray, sipray-1, sipray-3, sipray-otlp, sipray-otlp-silent, sipray-otlp-dead")
    options = parser.parse_args()
    kinds = options.only.split(",") if options.only else ["kamailio", "sipray", "sipray-1", "sipray-3"]
    results = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as directory:
        for number in range(options.rounds):
            for kind in kinds:
                result = one_run(kind, options, directory)
                results[kind].append(result)
                print("round %d  %-9s %7.3f ms/%s  SIP processes %7.3f  %6.1f MiB  %s" % (
                    number + 1, kind, result[0], options.scenario, result[1], result[2],
                    "ok" if result[3] == 0 else "FAILED CALLS (sipp status %d)" % result[3]), flush=True)
                if result[4]:
                    told = result[4]
                    print("         submitted %d, exported %d, lost %s, exporter CPU %.1f us a span" % (
                        told["submitted"], told["exported"], {k: v for k, v in told["lost"].items() if v},
                        1000 * told["cpu_ms"] / max(1, told["submitted"])), flush=True)
    base = statistics.median(r[0] for r in results[kinds[0]])
    if not base:
        raise SystemExit("%s spent no CPU: no call got through" % kinds[0])
    plain = statistics.median(r[1] for r in results["sipray"]) if "sipray" in results else None
    print("\n%d a second (%s over %s), %d s, %d workers, medians of %d alternated rounds\n" % (
        options.rate, options.scenario, options.transport, options.seconds, options.workers, options.rounds))
    print("| server | CPU ms per %s (range) | of %s | SIP processes alone | against off | MiB |" % (options.scenario, kinds[0]))
    print("|---|---|---|---|---|---|")
    for kind in kinds:
        total, sip = [r[0] for r in results[kind]], [r[1] for r in results[kind]]
        print("| %s | %.3f (%.3f–%.3f) | %.2f | %.3f | %s | %.1f |" % (
            kind, statistics.median(total), min(total), max(total), statistics.median(total) / base,
            statistics.median(sip), "%.3f" % (statistics.median(sip) / plain) if plain and kind != "kamailio" else "–",
            statistics.median(r[2] for r in results[kind])))


if __name__ == "__main__":
    main()
