"""Limits that `sipray serve --limit` sets: each is crossed, and what stands beyond it is answered as documented."""
import subprocess

import pytest

from conftest import SIPRAY, wait_for
from sip import Agent


def limit(**values):
    return [word for name, value in values.items() for word in ("--limit", "%s=%d" % (name, value))]


def lines(server, phrase):
    return [line for line in server.log_path.read_text().splitlines() if phrase in line]


@pytest.mark.parametrize("wait", ["usleep(1500000); t_reply(200, \"$rc\");", "async(usleep(1500000), resume);",
                                  "launch(usleep(1500000), report); t_reply(200, \"$rc\");"])
def test_waiting_scripts(start, agent, wait):
    """Three may wait, the others go on at once with -1, and when the three are done others may wait again."""
    server = start("waiting.cfg", WORKERS=1, arguments=limit(waiting_scripts=3), ROUTE="""
        route { t_newtran(); %s }
        route[resume] { t_reply(200, "$rc"); }
        route[report] { xlog("L_NOTICE", "report $rc\\n"); }
        """ % wait)
    one = agent(server)
    for turn in (1, 2):
        for _ in range(5):
            one.request("MESSAGE", "sip:x@127.0.0.1")
        if "launch" in wait:
            # What is launched waits; the script itself went on long before.
            assert [one.expect(200).first for _ in range(5)]
            wait_for(lambda: len(lines(server, "report 1")) == 3 * turn, "the launched ones")
            assert len(lines(server, "report -1")) == 2 * turn
        else:
            answers = [one.expect(200).first.split(" ")[2] for _ in range(5)]
            assert answers == ["-1", "-1", "1", "1", "1"], answers
        wait_for(lambda: server.statistic("core:waiting_scripts") == 0, "nobody to wait")
        assert len(lines(server, "usleep cannot wait: 3 scripts wait (limit waiting_scripts)")) == 2 * turn


def test_steps_of_a_script(start, agent):
    server = start("waiting.cfg", WORKERS=1, arguments=limit(script_steps=1000), ROUTE="""
        route { if ($rm == "INFO") { $var(i) = 0; while ($var(i) < 5000) { $var(i) = $var(i) + 1; } }
            sl_send_reply(200, "OK"); }""")
    one = agent(server)
    one.request("INFO", "sip:x@127.0.0.1")
    wait_for(lambda: lines(server, "stopped after 1000 steps"), "the script to be stopped")
    one.nothing()
    one.request("OPTIONS", "sip:x@127.0.0.1")
    one.expect(200)


def test_transactions(start, agent):
    with Agent(None) as silent:
        server = start("waiting.cfg", WORKERS=1, arguments=limit(transactions=2), ROUTE="""
            route { $du = "sip:%s"; if (!t_relay()) sl_send_reply(500, "No"); }""" % silent.name)
        one = agent(server)
        for _ in range(3):
            one.request("MESSAGE", "sip:x@127.0.0.1")
        one.expect(503)
        assert server.statistic("tm:inuse_transactions") == 2


@pytest.mark.parametrize("text, phrase", [
    ("waiting_scripts", "name=value"), ("nonsense=1", "there are waiting_scripts"), ("waiting_scripts=0", "from 1 to"),
    ("waiting_scripts=many", "whole number"), ("startup_seconds=100000", "86400"), ("=1", "no such limit"),
])
def test_what_is_no_limit_is_refused(tmp_path, text, phrase):
    (tmp_path / "x.cfg").write_text("route { exit; }")
    done = subprocess.run([SIPRAY, "serve", str(tmp_path / "x.cfg"), "--limit", text], capture_output=True, timeout=20)
    assert done.returncode != 0 and phrase in done.stderr.decode(), done.stderr
    shown = subprocess.run([SIPRAY, "serve", "--help"], capture_output=True, timeout=20).stdout.decode()
    assert "waiting_scripts" in shown and "(10000)" in shown
