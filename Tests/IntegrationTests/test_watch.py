"""`sipray watch` against a stand-in for the peer: management over UDP, FIFO or unix datagram, and events from captures.

The stand-in answers as `Tests/Fixtures/captures/mi-replies.txt` shows and sends what a real OpenSIPS 4 sent, so this is
what `watch` must do against one: subscribe, raise levels, draw, put everything back.
"""
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading

import pytest

from conftest import HERE, SIPRAY, wait_for

CAPTURES = HERE.parent / "Fixtures" / "captures"


class Peer:
    """Answers management calls and feeds a capture, again and again, to whoever is subscribed."""

    def __init__(self, capture):
        self.calls = []
        self.levels = {6: 0, 7: 0}
        self.names = {6: "SIP receiver udp:127.0.0.1:5060", 7: "Timer handler"}
        self.subscribed = {}
        # Whether subscriptions are refused; whether nothing is answered, though it is done.
        self.refuses = False
        self.silent = False
        self.lines = (CAPTURES / capture).read_bytes().splitlines()
        self.running = True
        self.threads = [threading.Thread(target=self._feed, daemon=True)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def answer(self, data):
        request = json.loads(data)
        params = request.get("params", {})
        self.calls.append((request["method"], params))
        result = "OK"
        if request["method"] == "event_subscribe" and self.refuses:
            return json.dumps({"jsonrpc": "2.0", "error": {"code": -32000, "message": "Busy"}, "id": request["id"]}).encode()
        if request["method"] == "core:profiling_hold":
            error = {"code": -32601, "message": "Method not found"}
            return json.dumps({"jsonrpc": "2.0", "error": error, "id": request["id"]}).encode()
        if request["method"] == "event_subscribe":
            if params["expire"] == 0:
                self.subscribed.pop(params["event"], None)
            else:
                self.subscribed[params["event"]] = params["socket"]
        elif "level" in params:
            self.levels[params["id"]] = params["level"]
        else:
            result = {"Processes": [{"ID": i, "PID": 25234 + i, "Profiling level": level, "Type": self.names[i]}
                                    for i, level in self.levels.items()]}
        return json.dumps({"jsonrpc": "2.0", "result": result, "id": request["id"]}).encode()

    def _feed(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        while self.running:
            for line in self.lines:
                target = self.subscribed.get(json.loads(line)["method"])
                try:
                    if target is None:
                        pass
                    elif target.startswith("unix:"):
                        unix.sendto(line, target[5:])
                    else:
                        _, host, port = target.split(":")
                        udp.sendto(line, (host, int(port)))
                except OSError:
                    pass
            threading.Event().wait(0.02)

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(5)


class DatagramPeer(Peer):
    def __init__(self, capture, directory, family):
        super().__init__(capture)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_UNIX:
            path = str(directory / "mi.sock")
            self.socket.bind(path)
            self.address = "unix:" + path
        else:
            self.socket.bind(("127.0.0.1", 0))
            self.address = "udp:127.0.0.1:%d" % self.socket.getsockname()[1]
        self.socket.settimeout(0.2)
        self.threads.append(threading.Thread(target=self._serve, daemon=True))

    def _serve(self):
        while self.running:
            try:
                data, client = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            answer = self.answer(data)
            if not self.silent:
                self.socket.sendto(answer, client)


class FIFOPeer(Peer):
    def __init__(self, capture, directory):
        super().__init__(capture)
        self.directory = directory
        self.address = "fifo:" + str(directory / "fifo")
        os.mkfifo(directory / "fifo", 0o660)
        # Open for both, so that it stays open between clients.
        self.fifo = os.open(directory / "fifo", os.O_RDWR | os.O_NONBLOCK)
        self.threads.append(threading.Thread(target=self._serve, daemon=True))

    def _serve(self):
        data = b""
        while self.running:
            try:
                data += os.read(self.fifo, 65536)
                _, name, request = data.decode().split(":", 2)
                end = json.JSONDecoder().raw_decode(request)[1]
            except (BlockingIOError, ValueError):
                # Nothing yet, or a part of a request.
                threading.Event().wait(0.005)
                continue
            data = request[end:].lstrip().encode()
            reply = self.directory / name
            assert stat.S_ISFIFO(os.stat(reply).st_mode)
            reply.write_bytes(self.answer(request[:end]))


@pytest.fixture(params=["udp", "unix", "fifo"])
def peer(request, tmp_path):
    made = []

    def make(capture):
        if request.param == "fifo":
            made.append(FIFOPeer(capture, tmp_path))
        else:
            made.append(DatagramPeer(capture, tmp_path, socket.AF_UNIX if request.param == "unix" else socket.AF_INET))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


def watch(peer, *arguments):
    directory = str(getattr(peer, "directory", "/tmp"))
    return subprocess.Popen([SIPRAY, "watch", "--mi", peer.address, "--reply-dir", directory, *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def is_undone(peer, levels):
    assert peer.subscribed == {}
    assert peer.levels == levels


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_draws_and_puts_everything_back(peer, number):
    server = peer("L1_c_call.jsonl")
    server.levels[7] = 2
    process = watch(server)
    wait_for(lambda: server.levels == {6: 1, 7: 2} and len(server.subscribed) == 2, "watch to subscribe")
    lines = []
    # The call's first INVITE comes again with each round of the capture.
    while len(lines) < 40 or not any("cfg/capture.cfg:70" in line for line in lines):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=15)
    assert process.returncode == 0, errors
    assert errors == ""
    assert any("⎸ ⎸ ⎡request_script  receive_msg:235" in line for line in lines)
    assert "what" in rest and "p99" in rest and "cfg/capture.cfg:70" in rest
    is_undone(server, {6: 0, 7: 2})
    assert all(params["expire"] > 0 for method, params in server.calls[:3] if method == "event_subscribe")


def test_watch_follows_one_process_as_json_and_stops_when_nobody_reads(peer):
    server = peer("L3_e_timers_idle.jsonl")
    process = watch(server, "--process", "Timer", "--level", "3", "--json")
    sessions = [json.loads(process.stdout.readline()) for _ in range(5)]
    assert server.levels == {6: 0, 7: 3}
    assert {s["name"] for s in sessions} == {"Timer handler"}
    assert sessions[0]["steps"][0]["name"] == "timer_job"
    process.stdout.close()
    assert process.wait(15) == 0
    is_undone(server, {6: 0, 7: 0})


def test_watch_leaves_a_level_that_somebody_else_set(peer):
    server = peer("L1_a_options.jsonl")
    process = watch(server, "--quiet")
    wait_for(lambda: server.levels == {6: 1, 7: 1}, "watch to raise the levels")
    server.levels[6] = 3
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    is_undone(server, {6: 3, 7: 0})


def test_watch_says_what_is_wrong(tmp_path):
    for arguments, words in [
        (["--mi", str(tmp_path / "fifo")], ["does not exist", "is the server running"]),
        (["--level", "9"], ["0, 1, 2 or 3"]),
        (["--min-duration", "soon"], ["20ms"]),
        (["--replay", str(tmp_path / "none")], ["No such file"]),
        (["--seconds", "0"], ["between 1 and"]),
    ]:
        done = subprocess.run([SIPRAY, "watch", *arguments], capture_output=True, text=True, timeout=15)
        assert done.returncode != 0
        for word in words:
            assert word in done.stderr, (arguments, done.stderr)


@pytest.mark.parametrize("capture", sorted(p.name for p in CAPTURES.glob("*.jsonl")))
def test_captures_replay(capture):
    path = pathlib.Path(CAPTURES / capture)
    done = subprocess.run([SIPRAY, "watch", "--replay", str(path)], capture_output=True, text=True, timeout=15)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("⎡") == done.stdout.count("⎣") > 0
    with open(path) as events:
        piped = subprocess.run([SIPRAY, "watch", "--json", "--replay", "-"], stdin=events, capture_output=True,
                               text=True, timeout=15)
    assert piped.returncode == 0
    assert all(json.loads(line)["name"] for line in piped.stdout.splitlines())
