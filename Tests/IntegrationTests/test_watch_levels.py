"""Levels that several watches want of one server go back whoever ends first, and Ctrl-C ends at once also while a server is silent."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from conftest import SIPRAY, best_of, free_port, wait_for
from served_socket import ServedSocket
from test_docs import HEAD
from test_watch import DatagramPeer, watch

SCRIPT = HEAD + """
loadmodule "event_datagram.so"
loadmodule "mi_fifo.so"
modparam("mi_fifo", "fifo_name", "@FIFO@")
modparam("mi_fifo", "reply_dir", "@DIR@")
loadmodule "httpd.so"
modparam("httpd", "port", @HTTP@)
loadmodule "mi_http.so"
route { exit; }
"""

# What happens, and the level that is in force then: a watch begins (its name and level), ends (-), is killed (x), or an operator sets a
# level (=), which watches raise again and leave behind.
SEQUENCES = [
    "a1 1 | b3 3 | -a 3 | -b 0",
    "b3 3 | a1 3 | -b 1 | -a 0",
    "=2 2 | a1 2 | b3 3 | -b 2 | -a 2",
    "a1 1 | =2 2 | -a 2",
    "a1 1 | =1 1 | -a 1",
    "a1 1 | b3 3 | =0 3 | -b 1 | -a 0",
    "a1 1 | b3 3 | xb 1 | -a 0",
]


class Silent(ServedSocket):
    """A management interface that answers anything with an empty object, and from some time on nothing at all."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = 0
        super().__init__()

    def take(self, datagram, source):
        self.asked += 1
        if self.answers:
            answer = {"jsonrpc": "2.0", "result": {}, "id": json.loads(datagram)["id"]}
            self.socket.sendto(json.dumps(answer).encode(), source)


@pytest.fixture
def server(start):
    port = free_port()
    server = start(SCRIPT, HTTP=port)
    server.interfaces = {"fifo": ["--fifo", server.fifo, "--reply-dir", str(server.directory)],
                         "udp": ["--udp", "127.0.0.1:%d" % server.mi_port], "http": ["--http", "127.0.0.1:%d" % port]}
    return server


def begin(server, level, *arguments, interface="udp"):
    return subprocess.Popen([SIPRAY, "watch", "--quiet", "--level", str(level), *arguments, *server.interfaces[interface]],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def levels(server):
    return {process["Profiling level"] for process in server.mi("core:profiling_proc")["Processes"]}


def subscribers(server):
    return [s["socket"] for event in server.mi("evi:subscribers")["Events"] for s in event["Subscribers"]]


def test_whoever_ends_first_the_levels_go_back(server):
    for sequence in SEQUENCES:
        running = {}
        try:
            for number, step in enumerate(sequence.split(" | ")):
                (what, who), level = step.split()[0], int(step.split()[1])
                if what == "=":
                    server.mi("core:profiling_proc", level=int(who))
                elif what == "-":
                    running[who].send_signal(signal.SIGINT)
                    assert running[who].wait(15) == 0, running[who].stderr.read()
                elif what == "x":
                    running[who].kill()
                else:
                    before = len(subscribers(server))
                    running[what] = begin(server, who, "--expire", "3")
                    wait_for(lambda: len(subscribers(server)) == before + 2, "watch to subscribe")
                wait_for(lambda: levels(server) == {level}, "step %d of %s: %s" % (number, sequence, levels(server)))
        finally:
            for one in running.values():
                one.kill()
                one.wait()
                one.stderr.close()
        server.mi("core:profiling_proc", level=0)


def test_an_operator_sees_who_holds_the_level(server):
    watching = begin(server, 2)
    held, = wait_for(lambda: subscribers(server)[:1], "watch to subscribe")
    held = "watch %s level 2 for " % held
    listed = wait_for(lambda: [p for p in server.mi("core:profiling_proc")["Processes"] if "Held by" in p], "the hold")
    assert all(p["Held by"].startswith(held) and p["Own level"] == 0 and p["Profiling level"] == 2 for p in listed), listed
    watching.send_signal(signal.SIGINT)
    assert watching.wait(15) == 0 and "Held by" not in str(server.mi("core:profiling_proc"))
    watching.stderr.close()


def ended_after(process, number=signal.SIGINT):
    begin = time.monotonic()
    process.send_signal(number)
    process.wait(15)
    return time.monotonic() - begin


def stand_still(server):
    """Stops all its threads, and waits until they are."""
    server.process.send_signal(signal.SIGSTOP)
    tasks = pathlib.Path("/proc/%d/task" % server.process.pid)
    wait_for(lambda: all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks.iterdir()),
             "the server to stand still")


@pytest.mark.parametrize("interface", ["fifo", "udp", "http"])
def test_ctrl_c_while_the_server_stands_still(server, interface):
    """It ends at once; what it has sent is carried out when the server goes on, long before it would end by itself."""
    def measure():
        watching = begin(server, 3, interface=interface)
        wait_for(lambda: levels(server) == {3} and len(subscribers(server)) == 2, "watch to begin")
        stand_still(server)
        try:
            taken = ended_after(watching)
        finally:
            server.process.send_signal(signal.SIGCONT)
        errors = watching.stderr.read()
        watching.stderr.close()
        assert watching.returncode == 0 and "could not be put back (" in errors and "no answer" in errors, errors
        wait_for(lambda: levels(server) == {0} and not subscribers(server), "all to be put back")
        return taken

    assert best_of(measure, lambda taken: taken < 0.5, tries=3) < 0.5


def test_ctrl_c_while_a_peer_is_silent(tmp_path):
    """A server that holds no levels: they are set back unseen, since nobody else's order has reached it meanwhile."""
    peer = DatagramPeer("L1_a_options.jsonl", tmp_path, socket.AF_INET).start()
    try:
        def measure():
            peer.silent = False
            peer.levels.update({6: 0, 7: 2})
            watching = watch(peer, "--quiet")
            wait_for(lambda: peer.levels == {6: 1, 7: 2} and len(peer.subscribed) == 2, "watch to begin")
            peer.silent = True
            taken = ended_after(watching)
            errors = watching.communicate()[1]
            assert watching.returncode == 0 and "could not be put back (" in errors, errors
            wait_for(lambda: peer.levels == {6: 0, 7: 2} and peer.subscribed == {}, "all to be put back")
            return taken

        assert best_of(measure, lambda taken: taken < 0.5, tries=3) < 0.5
    finally:
        peer.stop()


@pytest.mark.parametrize("command, answers, status", [
    (["top", "--times", "9"], True, 0), (["calls", "--every", "1"], True, 0), (["top"], False, 1), (["calls"], False, 1),
    (["watch"], False, 1),
])
def test_ctrl_c_while_an_answer_is_waited_for(command, answers, status):
    def measure():
        server = Silent(answers)
        asking = subprocess.Popen([SIPRAY, *command, "--udp", "127.0.0.1:%d" % server.port], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, env={**os.environ, "TERM": "dumb"})
        try:
            if answers:
                assert asking.stdout.readline()
                server.answers = False
            before = server.asked
            wait_for(lambda: server.asked > (before if answers else 0), "a question")
            taken = ended_after(asking)
            errors = asking.communicate()[1]
            assert asking.returncode == status, errors
            assert errors == "" if status == 0 else "no answer from udp:127.0.0.1" in errors, errors
            return taken
        finally:
            server.close()

    assert best_of(measure, lambda taken: taken < 0.5, tries=3) < 0.5
