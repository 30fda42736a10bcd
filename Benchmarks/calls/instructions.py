#!/usr/bin/env python3
"""Instructions per call of the SIP processes in user space, counted by valgrind: repeatable to half a per cent on any machine, however busy.

The server runs under callgrind, each kind in a process of its own with the same calls (INVITE 100 180 200 ACK BYE 200, record-routed, t_relay).
What the kernel does, about half of a call's CPU, is not counted, and caches are not seen: paired.py is for those.

    Benchmarks/calls/instructions.py [--kinds plain,otlp-off,otlp,...] [--calls 240] [--keep DIRECTORY]
        [--scenario call|dialog|b2b] [--transport udp|tcp]

    plain          module opentelemetry not loaded       otlp-off   loaded and off
    others         as in paired.py, switched on

With --keep the profiles stay, one for each thread: callgrind_annotate --inclusive=yes DIRECTORY/KIND.out-03. Needs sipp, PyPI's rotel, valgrind
and a release build.
"""
import argparse
import pathlib
import re
import subprocess
import tempfile
import time

import calls
import paired


class CountedServer(paired.Server):
    """A server under callgrind, which begins to count when told."""

    def __init__(self, kind, options, directory):
        options = argparse.Namespace(**vars(options))
        self.out = pathlib.Path(options.keep or directory) / (kind + ".out")
        self.out.parent.mkdir(parents=True, exist_ok=True)
        options.wrap = ("valgrind --tool=callgrind --separate-threads=yes --instr-atstart=no --fair-sched=yes --callgrind-out-file=%s" % self.out)
        # Valgrind gives up over the debug information of this compiler; function names stay.
        stripped = pathlib.Path(directory) / "sipray"
        subprocess.run(["strip", "--strip-debug", "-o", str(stripped), options.sipray], check=True)
        options.sipray = str(stripped)
        super().__init__(kind, options, directory)

    def control(self, flag):
        subprocess.run(["callgrind_control", flag, str(self.process.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def instructions(path):
    """Of a thread's profile: the count of all, and whether it is a SIP process's."""
    text = path.read_text(errors="replace")
    totals = [int(n) for n in re.findall(r"^(?:totals|summary): (\d+)", text, re.M)]
    return max(totals, default=0), "StackWorker" in text and ("UDPReceiver" in text or "ConnectionHub" in text)


def measure(kind, options, directory):
    server = CountedServer(kind, options, directory)
    try:
        server.switch(kind != "otlp-off")
        if server.load(options.warm, 20).wait() != 0:
            raise SystemExit("%s: calls failed before anything was counted" % kind)
        server.control("--instr=on")
        before = server.reading()
        if server.load(options.calls, options.rate).wait() != 0:
            print("%s: calls failed" % kind)
        time.sleep(1)
        after = server.reading()
        server.control("--instr=off")
    finally:
        server.end()
    counted = [instructions(path) for path in sorted(server.out.parent.glob(server.out.name + "*"))]
    return sum(n for n, is_sip in counted if is_sip), sum(n for n, _ in counted), after[2] - before[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kinds", default="plain,otlp-off,otlp,otlp-silent,otlp-dead,otlp-proc,level-1,level-3")
    parser.add_argument("--calls", type=int, default=240)
    parser.add_argument("--warm", type=int, default=60)
    parser.add_argument("--rate", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scenario", choices=["call", "dialog", "b2b"], default="call")
    parser.add_argument("--transport", choices=["udp", "tcp"], default="udp")
    parser.add_argument("--keep", help="directory for the profiles")
    parser.add_argument("--sipray", default=str(calls.ROOT / ".build/release/sipray"))
    options = parser.parse_args()
    base = None
    print("| kind | SIP processes, instructions a call | of the first | all threads | messages |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for kind in options.kinds.split(","):
            sip, total, messages = measure(kind, options, directory)
            base = base or sip
            print("| %s | %d | %.3f | %d | %d |" % (kind, sip // options.calls, sip / base, total // options.calls, messages), flush=True)


if __name__ == "__main__":
    main()
