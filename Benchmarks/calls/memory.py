#!/usr/bin/env python3
"""The server's memory while calls go on and nobody takes the spans: MiB (Pss) over time, with what waits in the exporter's queue.

    Benchmarks/calls/memory.py [--kinds null,otlp,otlp-silent,otlp-dead] [--seconds 120] [--rate 200]

Kinds are those of paired.py, switched on from the beginning; null says what the calls themselves need (a finished transaction stays for up to 32 s).
"""
import argparse
import tempfile
import time

import calls
import paired


def curve(kind, options, directory):
    server = paired.Server(kind, options, directory)
    points = []
    try:
        server.switch(True)
        caller = server.load(options.rate * options.seconds, options.rate)
        begun = time.monotonic()
        for at in range(0, options.seconds + 1, options.seconds // options.points):
            time.sleep(max(0, begun + at - time.monotonic()))
            status = server.mi("opentelemetry:status") if server.collector else None
            points.append((at, calls.resident(server.process.pid), status))
        caller.kill()
        caller.wait()
    finally:
        server.end()
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kinds", default="null,otlp,otlp-silent,otlp-dead")
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scenario", choices=["call", "dialog", "b2b"], default="call")
    parser.add_argument("--transport", choices=["udp", "tcp"], default="udp")
    parser.add_argument("--wrap", default="")
    parser.add_argument("--sipray", default=str(calls.ROOT / ".build/release/sipray"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for number, kind in enumerate(options.kinds.split(",")):
            points = curve(kind, options, directory)
            if number == 0:
                print("| MiB after | %s |\n|---|%s" % (" | ".join("%d s" % at for at, _, _ in points), "---|" * len(points)))
            print("| %s | %s |" % (kind, " | ".join("%.0f" % mib for _, mib, _ in points)), flush=True)
            status = points[-1][2]
            if status:
                print("  %s: queue %s, submitted %d, exported %d, lost %s" % (
                    kind, status["queue"], status["submitted"], status["exported"], {k: v for k, v in status["lost"].items() if v}))


if __name__ == "__main__":
    main()
