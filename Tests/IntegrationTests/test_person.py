"""What a person runs: watch, mi, top and calls, against the real server."""
import json
import re
import signal
import subprocess

import pytest

from conftest import SIPRAY, wait_for
from test_calls import spine, target  # noqa: F401 (fixture)


def levels(server):
    return {p["ID"]: p["Profiling level"] for p in server.mi("core:profiling_proc")["Processes"]}


@pytest.mark.parametrize("transport", ["fifo", "udp"])
def test_watch_follows_the_server_and_leaves_no_trace(spine, sipp, transport):
    server = spine()
    address = "fifo:" + server.fifo if transport == "fifo" else "udp:127.0.0.1:%d" % server.mi_port
    process = subprocess.Popen([SIPRAY, "watch", "--mi", address, "--level", "3", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: set(levels(server).values()) == {3}, "watch to raise the levels")
    assert len(server.mi("evi:subscribers")["Events"]) == 2
    sipp("options", target(server), calls=5, rate=50).finish()
    found = []
    while len(found) < 5:
        session = json.loads(process.stdout.readline())
        if session["name"].startswith("SIP receiver") and "request_script" in json.dumps(session):
            found.append(session)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0 and errors == "", errors
    assert set(levels(server).values()) == {0}
    assert server.mi("evi:subscribers")["Events"] == []


def test_watch_draws_brackets_and_a_table(spine, sipp):
    server = spine()
    process = subprocess.Popen([SIPRAY, "watch", "--mi", "fifo:" + server.fifo, "--process", "SIP receiver"],
                               stdout=subprocess.PIPE, text=True)
    wait_for(lambda: sorted(set(levels(server).values())) == [0, 1], "watch to raise the receivers' levels")
    sipp("options", target(server), calls=3).finish()
    lines = []
    while sum(bool(re.match(r" *[0-9.]+ End SIP receiver", line)) for line in lines) < 3:
        lines.append(process.stdout.readline().rstrip())
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=10)[0]
    text = "\n".join(lines)
    for bracket in ("⎡udp proto reading  handle_io:317", "⎸ ⎡receive_msg  receive_msg:120", "⎸ ⎣request_script",
                    "⎣reading done"):
        assert bracket in text, text
    assert re.search(r"^request_script +receive_msg:235 +3 ", rest, re.M), rest
    assert "\x1b" not in text + rest  # not a terminal


def test_mi_speaks_to_each_transport(spine):
    server = spine()
    for arguments in (["--fifo", server.fifo], ["--udp", "127.0.0.1:%d" % server.mi_port]):
        done = subprocess.run([SIPRAY, "mi", *arguments, "ps"], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, done.stderr
        assert [p["ID"] for p in json.loads(done.stdout)["Processes"]] == list(range(len(server.mi("ps")["Processes"])))
        bad = subprocess.run([SIPRAY, "mi", *arguments, "nonsense"], capture_output=True, text=True, timeout=10)
        assert bad.returncode == 1 and "Method not found" in bad.stdout + bad.stderr
    nobody = subprocess.run([SIPRAY, "mi", "--fifo", str(server.directory / "none"), "ps"], capture_output=True,
                            text=True, timeout=10)
    assert nobody.returncode == 2 and "is the server running" in nobody.stderr
