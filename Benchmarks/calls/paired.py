#!/usr/bin/env python3
"""What tracing or profiling costs the SIP processes, by a method that can tell one per cent on a noisy machine.

One server handles one steady load of calls (INVITE 100 180 200 ACK BYE 200, record-routed, t_relay) while a management command switches what is
measured off and on many times a second or so: the same process, memory, load and neighbours, so that nothing differs within a block but the switch.
Each slice is the CPU time of the SIP processes (nanoseconds, /proc/PID/task/TID/schedstat) per message they received. Slices come in blocks
off on on off, or on off off on, which cancels what drifts. Printed: the mean of the blocks' ratios, a tenth trimmed off at either end, and its
confidence interval of 95 % (bootstrap).

    Benchmarks/calls/paired.py [--kinds null,otlp,...] [--seconds 120] [--slice 0.4] [--rate 200] [--workers 2]
        [--scenario call|dialog|b2b] [--transport udp|tcp]

    null           nothing differs: what the method itself makes of nothing
    otlp           every span to a collector that takes all (rotel); otlp-json and otlp-grpc by the other protocols
    otlp-silent    to one that never answers        otlp-dead   to a port where nobody listens
    otlp-proc      as otlp, with proc_profiling     otlp-head   with head sampling of 1 %
    otlp-slow      with slow_us 1000000 and keep_every 0
    level-1, -3    profiling at that level with a subscriber that reads both events; level-3-call: which has asked for the field `call`

Needs sipp (Debian: sip-tester), PyPI's rotel and a release build (swift build -c release --product sipray).
"""
import argparse
import math
import os
import pathlib
import random
import signal
import statistics
import subprocess
import tempfile
import time

import calls

GUARD_SECONDS = 0.05
"""After a switch: passes that are open still keep what they began with, and the collector thread comes round every 10 ms."""

PARAMETERS = {
    "otlp-proc": 'modparam("opentelemetry", "proc_profiling", 1)\n',
    "level-3-call": 'modparam("event_datagram", "profiling_fields", "call")\n',
    "otlp-slow": 'modparam("opentelemetry", "slow_us", 1000000)\nmodparam("opentelemetry", "keep_every", 0)\n'}
ENVIRONMENT = {
    "otlp-json": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "otlp-grpc": {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    "otlp-head": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}}


class Server:
    """A server with one kind's configuration, its collector or reader, a callee, and the switch."""

    def __init__(self, kind, options, directory):
        self.kind, self.collector, self.reader, self.callee = kind, None, None, None
        self.directory, self.sockets = directory, options.transport[0] + "1"
        self.port, self.uas, self.mi_port = calls.free_port(), calls.free_port(), calls.free_port()
        path = calls.fill("sipray.cfg", directory, options.scenario, PORT=self.port, UAS_PORT=self.uas, MI_PORT=self.mi_port,
                          WORKERS=options.workers, TRANSPORT=options.transport)
        if kind.startswith("otlp"):
            self.collector = calls.Collector(kind, directory)
            endpoint = self.collector.grpc_port if kind == "otlp-grpc" else self.collector.port
            where = "http://127.0.0.1:%d%s" % (endpoint, "" if kind == "otlp-grpc" else "/v1/traces")
            path.write_text(path.read_text().replace(
                "\nroute", '\nloadmodule "opentelemetry.so"\nmodparam("opentelemetry", "exporter_endpoint", "%s")\n%s\nroute' % (
                    where, PARAMETERS.get(kind, "")), 1))
        elif kind in PARAMETERS:
            path.write_text(path.read_text().replace("\nroute", "\n%s\nroute" % PARAMETERS[kind], 1))
        self.log = open(pathlib.Path(directory) / (kind + ".log"), "ab")
        self.process = subprocess.Popen([*options.wrap.split(), options.sipray, "serve", str(path)], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT.get(kind, {})})
        try:
            self.begin(kind, directory, options.transport)
        except BaseException:
            self.end()
            raise

    def begin(self, kind, directory, transport):
        """Waits for the server, then starts who listens to it and who is called."""
        self.receivers = calls.sip_processes(self.mi_port, self.log.name)
        if kind.startswith("level"):
            self.reader = calls.Reader()
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.callee = subprocess.Popen(["sipp", "-sf", calls.scenario("uas_call", directory), "-i", "127.0.0.1", "-p", str(self.uas),
                                        "-nostdin", "-t", self.sockets], **quiet)
        calls.wait_until_bound(self.uas, transport, self.callee)

    def mi(self, method, params=None):
        return calls.mi(self.mi_port, method, params)

    def load(self, count, rate):
        """Starts a caller. It ends with another status than 0 when calls failed."""
        return subprocess.Popen(
            ["sipp", "-sf", calls.scenario("uac_call", self.directory), "-i", "127.0.0.1", "-p", str(calls.free_port()), "-t", self.sockets,
             "-m", str(count), "-r", str(rate), "-l", "9000", "-s", "callee", "-nostdin", "-timeout", "3600",
             "127.0.0.1:%d" % self.port],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def switch(self, is_on):
        """Turns what is measured on or off."""
        if self.kind.startswith("otlp"):
            self.mi("opentelemetry:enable", {"enable": int(is_on)})
        elif self.kind.startswith("level"):
            self.mi("core:profiling_proc", {"level": int(self.kind.split("-")[1]) if is_on else 0})
            for event in ("E_PROFILING_PROC", "E_PROFILING_SCRIPT"):
                self.mi("evi:subscribe", {"event": event, "socket": "udp:127.0.0.1:%d" % self.reader.port, "expire": 3600 if is_on else 0})
        else:
            self.mi("ps")

    def reading(self):
        """CPU nanoseconds of the SIP processes and of the whole server, and messages received."""
        threads = calls.cpu(self.process.pid)
        spent = sum(threads.get(task, 0) for task in self.receivers)
        counted = self.mi("statistics:get", {"statistics": ["core:rcv_requests", "core:rcv_replies"]})
        return spent, sum(threads.values()), sum(counted.values())

    def end(self):
        if self.callee:
            self.callee.kill()
            self.callee.wait()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for helper in (self.reader, self.collector):
            if helper:
                helper.end()
        self.log.close()


def trimmed_mean(values):
    cut = len(values) // 10
    kept = sorted(values)[cut:len(values) - cut]
    return sum(kept) / len(kept)


def interval(values, rounds=2000):
    """95 % of the trimmed means of resampled values lie between."""
    generator = random.Random(1)
    means = sorted(trimmed_mean(generator.choices(values, k=len(values))) for _ in range(rounds))
    return means[rounds // 40], means[rounds - rounds // 40 - 1]


def measure(kind, options, directory):
    """Of each block CPU nanoseconds per message: of the SIP processes off and on, of the whole server off and on."""
    server = Server(kind, options, directory)
    blocks, memory = [], []
    try:
        caller = server.load(int(options.rate * (options.seconds + 600)), options.rate)
        try:
            for is_on in (True, False):
                server.switch(is_on)
                time.sleep(1.5)
            begun = time.monotonic()
            while time.monotonic() - begun < options.seconds:
                spent, whole = {False: 0.0, True: 0.0}, {False: 0.0, True: 0.0}
                for is_on in ((False, True, True, False), (True, False, False, True))[len(blocks) % 2]:
                    server.switch(is_on)
                    time.sleep(GUARD_SECONDS)
                    before = server.reading()
                    time.sleep(options.slice)
                    after = server.reading()
                    messages = max(1, after[2] - before[2])
                    spent[is_on] += (after[0] - before[0]) / messages / 2
                    whole[is_on] += (after[1] - before[1]) / messages / 2
                blocks.append((spent[False], spent[True], whole[False], whole[True]))
                memory.append(calls.resident(server.process.pid))
            status = server.mi("opentelemetry:status") if server.collector else None
            if caller.poll() is not None:
                raise SystemExit("sipp ended before its time (status %d)" % caller.returncode)
        finally:
            caller.kill()
            caller.wait()
    finally:
        server.end()
    return blocks, memory, status


def report(kind, blocks, memory, status, options):
    ratios = [math.log(on / off) for off, on, _, _ in blocks]
    low, high = interval(ratios)
    # A call is six messages received: INVITE, 180, 200, ACK, BYE, 200.
    off, whole_off, whole_on = (statistics.median(b[n] for b in blocks) * options.messages / 1e6 for n in (0, 2, 3))
    told = ""
    if status:
        told = "; %d spans submitted, %d exported, lost %s, exporter %.1f us a span" % (
            status["submitted"], status["exported"], {k: v for k, v in status["lost"].items() if v},
            1000 * status["cpu_ms"] / max(1, status["submitted"]))
    print("| %s | %.3f | %.3f (%.3f–%.3f) | %d | %.3f, %.3f | %.0f |%s" % (
        kind, off, math.exp(trimmed_mean(ratios)), math.exp(low), math.exp(high), len(blocks), whole_off, whole_on, max(memory), told),
        flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kinds", default="null,otlp,otlp-silent,otlp-dead,otlp-proc,level-3")
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--slice", type=float, default=0.4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--messages", type=int, default=6, help="messages received a call")
    parser.add_argument("--scenario", choices=["call", "dialog", "b2b"], default="call")
    parser.add_argument("--transport", choices=["udp", "tcp"], default="udp")
    parser.add_argument("--wrap", default="", help="run the server under this command")
    parser.add_argument("--sipray", default=str(calls.ROOT / ".build/release/sipray"))
    options = parser.parse_args()
    print("%d calls a second, slices of %.2f s, %d s a kind, %d workers\n" % (options.rate, options.slice, options.seconds, options.workers))
    print("| switched | SIP processes off, ms a call | on, of off (95 %) | blocks | whole server off, on, ms a call | MiB at most |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for kind in options.kinds.split(","):
            report(kind, *measure(kind, options, directory), options)


if __name__ == "__main__":
    main()
