"""exec() with real programs: input, output, environment, ends, limits."""
import os
import signal
import subprocess
import time

import pytest

from conftest import wait_for


def result(agent, method="OPTIONS", headers=()):
    agent.request(method, "sip:user@127.0.0.1", headers=headers)
    return agent.expect(200, timeout=15).get("x-result")


def answer(fmt):
    return 'append_to_reply("X-Result: %s\\r\\n"); send_reply(200, "OK"); exit;' % fmt


@pytest.mark.parametrize("statements, fmt, expected", [
    ('exec("echo hello", , $var(o));', "$rc/$var(o)", "1/hello"),
    ('exec("cat", "in and out", $var(o));', "$rc/$var(o)", "1/in and out"),
    ('exec("echo out; echo err >&2", , $var(o), $var(e));', "$rc/$var(o)/$var(e)", "1/out/err"),
    ('exec("echo err >&2", , , $var(e));', "$rc/$var(e)", "1/err"),
    # An AVP holds every line, the last one first; another variable holds the last.
    ('exec("printf \'a\\\\nb\\\\nc\'", , $avp(o));', "$rc/$avp(o)/$(avp(o)[2])", "1/c/a"),
    ('exec("printf \'a\\\\nb\\\\n\'", , $var(o));', "$rc/$var(o)", "1/b"),
    ('$avp(e) = "first"; $avp(e) = "second"; exec("echo $$OSIPS_EXEC_0 $$OSIPS_EXEC_1", , $var(o), , $avp(e));',
     "$rc/$var(o)", "1/second first"),
    ('exec("true", , $var(o));', "$rc/$var(o)", "1/<null>"),
    ('exec("/no/such/program", , $var(o), $var(e));', "$var(o)", "<null>"),
    ('exec("kill -0 $$$$; trap", , $var(o));', "$rc", "1"),
    ('exec("echo $$SIP_HF_X_TEST:$$SIP_RURI:$$SIP_OUSER:$$SIP_SRCIP:$$SIP_HF_CALL_ID", , $var(o));', "$rc/$var(o)",
     "1/one,two:sip:other@host:user:127.0.0.1:the-call"),
    ('async(exec("echo from async", , $var(o)), resume);', "", "1/from async"),
    ('async(exec("exit 3"), resume);', "", "-1/<null>"),
    ('async(exec("exit 0"), resume);', "", "1/<null>"),
    ('async(exec("sleep 30", , $var(o)), resume, 1);', "", "-1/<null>"),
])
def test_programs(start, agent, statements, fmt, expected):
    server = start("waiting.cfg", EXTRA='modparam("exec", "setvars", 1)', ROUTE="""
        route { $ru = "sip:other@host"; %s %s }
        route[resume] { %s }
        """ % (statements, answer(fmt or "none"), answer("$rc/$var(o)")))
    one = agent(server)
    one.request("OPTIONS", "sip:user@127.0.0.1", call_id="the-call", headers=["X-Test: one", "X-Test: two"])
    assert one.expect(200, timeout=15).get("x-result") == expected, server.tail()


def alive(pid_file):
    try:
        pid = int(open(pid_file).read())
        return open("/proc/%d/stat" % pid).read().split(")")[1].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return False


def test_a_program_without_output_is_not_waited_for(start, agent, tmp_path):
    server = start("waiting.cfg", ROUTE='route { exec("echo $$$$ >%s/pid; exec sleep 60"); %s }' % (
        tmp_path, answer("$rc")))
    begin = time.monotonic()
    assert result(agent(server)) == "1"
    assert time.monotonic() - begin < 5
    wait_for(lambda: alive(tmp_path / "pid"), "the program to run")
    server.stop()
    # What still runs when the server ends is ended with it.
    wait_for(lambda: not alive(tmp_path / "pid"), "the program to end")


def test_time_to_kill_ends_the_program_and_what_it_started(start, agent, tmp_path):
    server = start("waiting.cfg", EXTRA='modparam("exec", "time_to_kill", 1)', ROUTE="""
        route { exec("sh -c 'echo $$$$ >%s/pid; sleep 60'; echo never", , $var(o)); %s }
        """ % (tmp_path, answer("$rc/$var(o)")))
    assert result(agent(server)) == "-1/<null>", server.tail()
    wait_for(lambda: not alive(tmp_path / "pid"), "the inner program to end")
    assert "time_to_kill" in server.tail()


def test_a_deaf_program_is_killed(start, agent, tmp_path):
    server = start("waiting.cfg", EXTRA='modparam("exec", "time_to_kill", 1)', ROUTE="""
        route { exec("trap '' TERM; echo $$$$ >%s/pid; while :; do sleep 1; done", , $var(o)); %s }
        """ % (tmp_path, answer("$rc")))
    assert result(agent(server)) == "-1", server.tail()
    wait_for(lambda: not alive(tmp_path / "pid"), "the program to end")


def test_output_is_bounded_and_read_to_its_end(start, agent):
    server = start("waiting.cfg", ROUTE="""
        route { exec("head -c 300000 /dev/zero | tr '\\\\0' x", , $var(o)); $var(n) = $(var(o){s.len}); %s }
        """ % answer("$rc/$var(n)"))
    assert result(agent(server)) == "1/65536", server.tail()
    assert "65536 bytes" in server.tail()


def test_a_slow_program_holds_up_nobody_else_and_leaves_no_zombie(start, agent):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route { if ($rm == "OPTIONS") { %s } exec("sleep 1; echo done", , $var(o)); %s }
        """ % (answer("pong"), answer("$rc/$var(o)")))
    slow, quick = agent(server), agent(server)
    for _ in range(20):
        slow.request("MESSAGE", "sip:x@127.0.0.1")
    for _ in range(20):
        assert result(quick) == "pong"
    for _ in range(20):
        assert slow.expect(200, timeout=15).get("x-result") == "1/done"
    children = "/proc/%d/task/%d/children" % (server.process.pid, server.process.pid)

    def states():
        out = subprocess.run(["ps", "-o", "stat=", "--ppid", str(server.process.pid)], capture_output=True, text=True)
        return out.stdout.split()

    wait_for(lambda: not states(), "no child to be left")
    assert not os.path.exists(children) or not open(children).read().split()


def test_too_many_programs_are_refused(start, agent):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route { exec("exec sleep 300"); %s }
        """ % answer("$rc"))
    one = agent(server)
    codes = [result(one) for _ in range(258)]
    assert codes[:256] == ["1"] * 256 and codes[256:] == ["-1", "-1"]
    assert "256 programs run already" in server.tail()


HOLDING = "sleep 300 & echo $$! >%s/pid; echo hi"


def test_what_a_program_leaves_behind_is_ended(start, agent, tmp_path):
    """The shell has ended, and what it started holds its output: time_to_kill and the end of async() end that too."""
    deaf = "(trap '' TERM; sh -c 'echo $$PPID >%s/deaf'; while :; do sleep 1; done) | cat" % tmp_path
    server = start("waiting.cfg", WORKERS=1, EXTRA='modparam("exec", "time_to_kill", 1)', ROUTE="""
        route {
            if ($rm == "MESSAGE") { exec("%s", , $var(o)); %s }
            exec("%s", , $var(o));
            %s
        }
        """ % (deaf, answer("$rc"), HOLDING % tmp_path, answer("$rc/$var(o)")))
    one, other = agent(server), agent(server)
    descriptors = "/proc/%d/fd" % server.process.pid
    before = len(os.listdir(descriptors))
    other.request("MESSAGE", "sip:x@127.0.0.1")
    assert result(one) == "-1/hi", server.tail()
    assert other.expect(200, timeout=15).get("x-result") == "-1", server.tail()
    # Deaf to SIGTERM, of a shell that was not.
    for name in ("pid", "deaf"):
        assert (tmp_path / name).read_text().strip()
        wait_for(lambda: not alive(tmp_path / name), "the program to end")
    wait_for(lambda: len(os.listdir(descriptors)) <= before, "the pipes to be closed")


def test_what_a_program_leaves_behind_ends_with_async_and_with_the_server(start, agent, tmp_path):
    (tmp_path / "two").mkdir()
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route {
            if ($rm == "MESSAGE") { exec("%s", , $var(o)); exit; }
            async(exec("%s", , $var(o)), resume, 1);
        }
        route[resume] { %s }
        """ % (HOLDING % (tmp_path / "two"), HOLDING % tmp_path, answer("$rc")))
    one = agent(server)
    one.request("MESSAGE", "sip:x@127.0.0.1")
    assert result(one) == "-1", server.tail()
    wait_for(lambda: not alive(tmp_path / "pid"), "the program of async to end")
    wait_for(lambda: alive(tmp_path / "two/pid"), "the other program to run")
    server.stop()
    wait_for(lambda: not alive(tmp_path / "two/pid"), "the other program to end")


def test_children_that_the_starter_had_ignored_are_seen_to_end(start, agent):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        server = start("waiting.cfg", WORKERS=1, ROUTE="""
            route { exec("echo x", , $var(o)); async(exec("exit 0"), resume); }
            route[resume] { %s }
            """ % answer("$rc"))
    finally:
        signal.signal(signal.SIGCHLD, before)
    one = agent(server)
    assert [result(one) for _ in range(3)] == ["1"] * 3
    process, = server.processes("SIP receiver")
    used = server.threads_cpu()[process["PID"]]
    assert [result(one) for _ in range(3)] == ["1"] * 3
    assert server.threads_cpu()[process["PID"]] - used < 0.5


def test_more_lines_than_an_avp_holds(start, agent):
    server = start("waiting.cfg", WORKERS=1, ROUTE="""
        route { exec("yes '' | head -c 65000", , $avp(o)); set_count($avp(o), $var(n)); %s }
        """ % answer("$rc/$var(n)"))
    assert result(agent(server)) == "1/1024"
    assert server.log_path.read_text().count("AVPs") == 1 and "takes no more lines" in server.tail()


def test_the_status_of_a_program_does_not_depend_on_what_is_seen_first(start, agent):
    """The end of the output and the end of the program come within microseconds, in either order."""
    server = start("waiting.cfg", ROUTE="""
        route {
            $var(i) = 0; $var(true) = 0; $var(false) = 0; $var(good) = 0;
            while ($var(i) < 60) {
                if (exec("exit 3", , $var(o))) { $var(true) = $var(true) + 1; } else { $var(false) = $var(false) + 1; }
                if (exec("echo x", , $var(o))) { $var(good) = $var(good) + 1; }
                $var(i) = $var(i) + 1;
            }
            %s
        }""" % answer("$var(true)/$var(false)/$var(good)"))
    assert result(agent(server)) == "0/60/60"


def test_a_program_that_closes_its_output_and_runs_on(start, agent):
    server = start("waiting.cfg", ROUTE='route { exec("echo x; exec >&-; sleep 60; exit 3", , $var(o)); %s }'
                   % answer("$rc/$var(o)"))
    begin = time.monotonic()
    assert result(agent(server)) == "1/x"
    assert time.monotonic() - begin < 10
