"""What `sipray serve` and `check` share, what numbers options take, and what SIGHUP does."""
import os
import signal
import subprocess

import pytest

from conftest import SIPRAY, free_port, wait_for
from terminal import terminal  # noqa: F401 (fixture)
from test_start import ask, listening, script


def test_a_hangup_that_somebody_sends_changes_nothing(start):
    server = start("options.cfg")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "SIGHUP: nothing is reloaded" in server.tail(), "the log")
    assert ask(server.port).startswith("SIP/2.0 200")


@pytest.mark.parametrize("nohup", [False, True])
def test_it_ends_with_its_terminal_but_not_under_nohup(tmp_path, terminal, nohup):  # noqa: F811
    port, mi_port = free_port(), free_port()
    path = script(tmp_path, port, mi_port)
    shown = terminal(*([SIPRAY] if nohup else []), "serve", str(path), command="nohup" if nohup else SIPRAY,
                     cwd=tmp_path)  # nohup writes a file there
    wait_for(lambda: shown.process.poll() is None and port in listening(shown.process.pid), "the server")
    os.close(shown.ours)
    shown.ours = -1
    if nohup:
        assert ask(port).startswith("SIP/2.0 200")
        shown.process.send_signal(signal.SIGTERM)
    assert shown.process.wait(10) == 0


def test_serve_and_check_read_what_a_command_made_of_the_script(tmp_path, start):
    command = "sed s/NAME/200/"
    route = 'send_reply(NAME, "OK"); exit;'
    server = start("options.cfg", arguments=["-p", command], ROUTE=route)
    assert ask(server.port).startswith("SIP/2.0 200")
    for name in (["serve", "-C"], ["check"]):
        assert subprocess.run([SIPRAY, *name, str(server.cfg), "-p", command], capture_output=True, timeout=15).returncode == 0
        assert subprocess.run([SIPRAY, *name, str(server.cfg), "-p", "false"], capture_output=True, timeout=15).returncode == 1


def run(*arguments, **environment):
    return subprocess.run([SIPRAY, *arguments], capture_output=True, text=True, timeout=15, env={**os.environ, **environment})


def test_check_takes_what_serve_takes(tmp_path):
    path = str(script(tmp_path, free_port(), free_port()))
    for name in (["serve", "-C"], ["check"]):
        good = run(*name, path, "-o", "site=berlin", "-l", "udp:127.0.0.1:%d" % free_port(), "--limit", "transactions=5",
                   "--dns-server", "127.0.0.1:53")
        assert good.returncode == 0, good.stderr
        for option, value, status, words in [
                ("-l", "udp:127.0.0.1:99999", 1, "99999"), ("-o", "site", 64, "name=value"),
                ("--limit", "transactions=0", 64, "from 1 to"), ("--dns-server", "nowhere", 1, "no address")]:
            bad = run(*name, path, option, value)
            assert bad.returncode == status and words in bad.stdout + bad.stderr, (name, option, bad)


@pytest.mark.parametrize("arguments, words", [
    (["mi", "--timeout", "9223372036854775807", "uptime"], "between 1 and 86400000"), (["mi", "--timeout", "0", "uptime"], "between 1 and 86400000"),
    (["demo", "--calls", "9223372036854775807"], "1 to 18000000"), (["demo", "--rate", "nan"], "0.1 to 5000"),
    (["demo", "--rate", "1e-300"], "0.1 to 5000"), (["demo", "--seconds", "9223372036854775807"], "1 to 3600"),
    (["top", "--every", "9223372036854775807"], "1 to 3600"), (["calls", "--limit", "9223372036854775807"], "1 to 10000"),
    (["calls", "--min-age", "9223372036854775807d"], "no duration"), (["watch", "--seconds", "9223372036854775807"], "between 1 and"),
    (["watch", "--min-duration", "1e300s"], "no"), (["watch", "--expire", "9223372036854775807"], "between 3 and 3600"),
    (["serve", "x", "--profiling-level", "9223372036854775807"], "0 to 3")])
def test_numbers_have_bounds(arguments, words):
    done = run(*arguments)
    assert done.returncode == 64 and words in done.stderr, done.stderr


def test_the_longest_timeout_is_one(tmp_path):
    done = run("mi", "--timeout", "86400000", "--fifo", str(tmp_path / "none"), "uptime")
    assert done.returncode == 2 and "does not exist" in done.stderr


def test_an_environment_that_is_empty_or_wrong(tmp_path):
    empty = run("mi", "uptime", SIPRAY_MI="", TMPDIR=str(tmp_path))
    assert empty.returncode != 64, empty.stderr
    wrong = run("mi", "uptime", SIPRAY_MI="nowhere")
    assert wrong.returncode == 64 and "SIPRAY_MI" in wrong.stderr
    assert run("mi", "--fifo", str(tmp_path / "none"), "uptime", SIPRAY_MI="nowhere").returncode == 2
    # Recorded events need no server.
    replay = run("watch", "--replay", str(tmp_path / "none"), SIPRAY_MI="nowhere")
    assert replay.returncode == 1 and "No such file" in replay.stderr
