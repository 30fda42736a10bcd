"""The measurements of Benchmarks/calls still run: a short one of each that needs nothing but sipp."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import PORTS, SIPRAY

CALLS = pathlib.Path(__file__).parents[2] / "Benchmarks/calls"


def measure(script, *arguments):
    run = subprocess.run([sys.executable, CALLS / script, "--sipray", SIPRAY, *arguments], capture_output=True, text=True, timeout=120,
                         env={**os.environ, "BENCHMARK_PORTS": "%d-%d" % (min(PORTS), max(PORTS))})
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("scenario", ["call", "register"])
def test_cpu_per_call(scenario):
    shown = measure("calls.py", "--scenario", scenario, "--rate", "20", "--seconds", "1", "--rounds", "1", "--only", "sipray")
    assert re.search(r"^round 1 +sipray .* ok$", shown, re.M), shown
    assert re.search(r"^\| sipray \| \d+\.\d+ ", shown, re.M), shown


def test_a_switch_within_one_run():
    shown = measure("paired.py", "--kinds", "null", "--rate", "20", "--seconds", "1")
    assert re.search(r"^\| null \| \d+\.\d+ \| \d+\.\d+ ", shown, re.M), shown
