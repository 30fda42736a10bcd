"""Points at which the process producer speaks of scripts that wait, jobs, management and timers (producers.py)."""
import itertools
import json
import os
import threading

from conftest import Events, sessions, wait_for
from management import FIFO, Datagram
from producers import check, expect_points, present, rows_of, seen, whole
from sip import Agent
from test_management_http import web  # noqa: F401 (fixture)


def logged(server, phrase):
    return server.log_path.read_text().count(phrase)


def test_waiting(start):
    server = start("waiting.cfg", WORKERS=1, EXTRA='modparam("exec", "time_to_kill", 1)', ROUTE="""
        route {
            if ($rm == "CANCEL") { if (t_check_trans()) t_relay(); exit; }
            if ($rm == "ACK") { t_check_trans(); exit; }
            if ($rU == "sleep") async(usleep(10000), resume);
            if ($rU == "exec") async(exec("echo x", , $var(b)), resume);
            if ($rU == "long") async(exec("exec sleep 60", , $var(b)), resume);
            if ($rU == "closed") async(exec("exec >/dev/null 2>&1; exec sleep 60", , $var(b)), resume);
            if ($rU == "late") async(sleep(60), resume, 1);
            if ($rU == "cancelled") async(sleep(60), resume);
            if ($rU == "launch") { launch(usleep(10000), report); sl_send_reply(200, "OK"); exit; }
            # More than go on in a row: the rest is a job of its own.
            if ($rU == "many") { $var(i) = 0; while ($var(i) < 100) { $var(i) = $var(i) + 1; launch(usleep(0)); } }
            if ($rU == "lock") { get_static_lock("one"); usleep(300000); release_static_lock("one"); }
            else usleep(10000);
            sl_send_reply(200, "OK");
        }
        route[resume] { t_reply(200, "OK"); }
        route[report] { xlog("L_NOTICE", "reported\\n"); }
        """)
    with Agent(("127.0.0.1", server.port)) as agent, Agent(("127.0.0.1", server.port)) as caller:
        def traffic():
            reported = logged(server, "reported")
            sent = caller.request("INVITE", "sip:cancelled@127.0.0.1")
            assert caller.receive().status == 100
            caller.cancel(sent)
            replies = {message.status: message for message in (caller.receive(), caller.receive())}
            assert sorted(replies) == [200, 487]
            caller.ack(sent, replies[487])
            users = ("sleep", "exec", "launch", "plain", "many", "lock", "lock", "late", "long", "closed")
            for user in users:
                agent.request("MESSAGE", "sip:%s@127.0.0.1" % user)
            for _ in users:
                agent.expect(200)
            wait_for(lambda: logged(server, "reported") > reported, "what was launched")
            wait_for(lambda: server.statistic("core:waiting_scripts") == 0, "nobody to wait")

        check(server, "async", traffic)


def test_jobs(start):
    server = start("options.cfg", EXTRA='event_route[E_CORE_THRESHOLD] { xlog("L_NOTICE", "raised\\n"); }')

    def traffic():
        before = logged(server, "raised")
        server.mi("evi:raise", event="E_CORE_THRESHOLD")
        wait_for(lambda: logged(server, "raised") > before, "the event route")

    check(server, "ipc", traffic)


def ask_options(server):
    with Agent((server.address, server.port)) as agent:
        agent.request("OPTIONS", "sip:x@127.0.0.1")
        agent.expect(200)


PS = b'{"jsonrpc":"2.0","id":1,"method":"ps"}'


def test_fifo(start):
    server = start("options.cfg", arguments=["--limit", "fifo_check_seconds=1"])
    names = itertools.count()

    def traffic():
        ask_options(server)
        client = FIFO(server.fifo, server.directory)
        assert client.ask(PS)
        # Somebody whose reply FIFO is not open yet when the answer is ready: so is the next one's, behind it.
        name = "late%d" % next(names)
        os.mkfifo(server.directory / name)
        client.write(b":%s:%s" % (name.encode(), PS))
        assert client.ask(PS)
        with open(server.directory / name, "rb") as late:
            assert json.loads(late.read())["id"] == 1
        client.send(b'{"jsonrpc":')  # given up after 2 s
        os.unlink(server.fifo)
        wait_for(lambda: os.path.exists(server.fifo), "the FIFO to be made again")
        assert client.receive()
        client.close()

    check(server, "fifo", traffic)


def test_a_management_client_that_does_not_read(start, tmp_path):
    """Its queue is full: what does not fit is tried again until it reads."""
    path = str(tmp_path / "mi.sock")
    server = start("options.cfg", wait=False, EXTRA='modparam("mi_datagram", "socket_name", "unix:%s")' % path)
    wait_for(lambda: "is up" in server.tail(), "the start")
    other, slow = Datagram(path, tmp_path), Datagram(path, tmp_path)
    server.mi_raw = lambda data, timeout=5.0: other.ask(data, timeout)
    room = int(open("/proc/sys/net/unix/max_dgram_qlen").read())

    def traffic():
        ask_options(server)
        for _ in range(room + 20):
            slow.send(PS)
        server.mi("ps")  # behind them all: everybody has been answered, or waits
        at_once = 0
        while slow.receive(0):
            at_once += 1
        assert slow.receive(5), "an answer that was tried again"
        while slow.receive(0.1):
            pass
        assert at_once < room + 20

    check(server, "full", traffic)
    other.close()
    slow.close()


def test_http_and_datagrams_of_management(web):  # noqa: F811
    server = web()
    with Agent(None) as answering:
        order = dict(method="OPTIONS", ruri="sip:x@" + answering.name,
                     headers="From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n")

        def traffic():
            server.mi("ps")
            assert server.http().call("ps")[0] == 200 and server.http().ask(b"x", path="/nowhere")[0] == 400
            thread = threading.Thread(target=lambda: server.http().call("t_uac_dlg", order))
            thread.start()
            answering.reply(answering.expect("OPTIONS"), 200, "OK", tag="t")
            thread.join(5)

        check(server, "http", traffic)


def test_timers(start):
    """Each by its label. A tick that does nothing leaves nothing: every session has a job in it."""
    with Agent(None) as callee, Agent(None) as caller:
        server = start("dialog.cfg", CALLEE=callee.port, T1=500, EXTRA="""
loadmodule "usrloc.so"
modparam("usrloc", "working_mode_preset", "single-instance-no-db")
modparam("usrloc", "timer_interval", 1)
timer_route[tick, 1] { xlog("L_NOTICE", "tick\\n"); }
""", ROUTE="""
            route[call] { create_dialog(); record_route(); }
            route[inside] { loose_route(); }""")
        caller.server = ("127.0.0.1", server.port)

        def traffic():
            ticks = logged(server, "tick\n")
            sent = caller.request("INVITE", "sip:x@127.0.0.1")
            callee.expect("INVITE")
            callee.reply(callee.expect("INVITE"), 486, "Busy", tag="t")  # sent again by a timer
            while callee.receive().method != "ACK":
                pass
            caller.ack(sent, caller.expect(486))
            wait_for(lambda: logged(server, "tick\n") >= ticks + 2, "the timer route")

        for group in sessions(check(server, "timers", traffic)).values():
            if group[1]["name"] == "timer_job":
                assert len(group) >= 6 and group[2]["verb"] == "enter", group


def test_a_startup_route_that_waits_too_long(start):
    """Levels that hold from the start, and a subscription of the script's own."""
    rows = rows_of("startup")
    for level in (0, 2, 3):
        events = Events()
        server = start("waiting.cfg", arguments=["--limit", "startup_seconds=1", "--profiling-level", str(level)],
                       ROUTE="""
            route { exit; }
            startup_route {
                subscribe_event("E_PROFILING_PROC", "%s");
                usleep(10000);
                sleep(3);
            }""" % events.name)
        wait_for(lambda: logged(server, "startup_route still waits after 1 s: traffic starts"), "the warning")
        expect_points(events, [row for row in rows if row[1] <= level], "what the attendant says")
        assert {p["Profiling level"] for p in server.mi("core:profiling_proc")["Processes"]} == {level}
        events.settle(0.2, timeout=1)
        found = seen(whole(events))
        assert not [row for row in rows if row[1] > level and present(row, found)], found
        assert level > 0 or not events.raw
        events.close()
