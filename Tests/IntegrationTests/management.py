"""Clients of management over FIFO, UDP and unix datagram, and what their answers look like."""
import json
import os
import random
import select
import socket
import time

import pytest

from conftest import wait_for


def readable(descriptor, timeout):
    """Waits until there is something to read; False when the time is over. `select` knows 1,024 descriptors only."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0, timeout) * 1000))


class Datagram:
    """A client of mi_datagram: UDP, or unix with a path of its own to be answered at."""

    def __init__(self, target, directory):
        self.target = target
        if isinstance(target, tuple):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(("127.0.0.1", 0))
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(str(directory / ("client%d" % random.getrandbits(40))))

    def send(self, data):
        self.socket.sendto(data, self.target)

    def receive(self, timeout=5.0):
        """One answer, or None when none came."""
        if not readable(self.socket, timeout):
            return None
        return self.socket.recv(1 << 17)

    def ask(self, data, timeout=5.0):
        self.send(data)
        return self.receive(timeout)

    def close(self):
        self.socket.close()


class FIFO:
    """A client of mi_fifo: makes a reply FIFO of its own."""

    def __init__(self, path, directory):
        self.path, self.directory = path, directory
        self.name = "reply%d" % random.getrandbits(40)
        os.mkfifo(directory / self.name, 0o666)
        self.reply = os.open(directory / self.name, os.O_RDONLY | os.O_NONBLOCK)

    def write(self, data):
        fifo = os.open(self.path, os.O_WRONLY)
        try:
            while data:
                data = data[os.write(fifo, data):]
        finally:
            os.close(fifo)

    def send(self, data):
        self.write(b":%s:%s" % (self.name.encode(), data))

    def receive(self, timeout=5.0):
        """What the server wrote until it closed its end; None when it opened none."""
        end, data = time.monotonic() + timeout, b""
        while time.monotonic() < end:
            if not readable(self.reply, end - time.monotonic()):
                break
            try:
                part = os.read(self.reply, 1 << 17)
            except BlockingIOError:
                continue  # nobody had it open a moment ago, and somebody has now
            if not part:
                if data:
                    return data
                select.select([], [], [], 0.005)
            data += part
            if data and self._complete(data):
                return data
        return data or None

    @staticmethod
    def _complete(data):
        try:
            json.loads(data)
            return True
        except ValueError:
            return False

    def ask(self, data, timeout=5.0):
        self.send(data)
        return self.receive(timeout)

    def close(self):
        """A second call does nothing."""
        if self.reply < 0:
            return
        os.close(self.reply)
        self.reply = -1


@pytest.fixture(params=["udp", "unix", "fifo"])
def transport(request):
    return request.param


fifo_only = pytest.mark.parametrize("transport", ["fifo"], indirect=True)
datagram_only = pytest.mark.parametrize("transport", ["udp", "unix"], indirect=True)


@pytest.fixture
def managed(start, transport, tmp_path):
    """A server and a way to make clients of it."""
    path = str(tmp_path / "mi.sock")
    extra = 'modparam("mi_datagram", "socket_name", "unix:%s")' % path if transport == "unix" else ""
    server = start("options.cfg", wait=transport != "unix", EXTRA=extra)
    wait_for(lambda: "is up" in server.tail(), "the start")
    made = []

    def client():
        if transport == "fifo":
            made.append(FIFO(server.fifo, server.directory))
        else:
            made.append(Datagram(path if transport == "unix" else ("127.0.0.1", server.mi_port), tmp_path))
        return made[-1]

    server.client = client
    yield server
    for one in made:
        one.close()


def call(client, method, params=None, identifier=1):
    request = {"jsonrpc": "2.0", "id": identifier, "method": method}
    if params is not None:
        request["params"] = params
    answer = client.ask(json.dumps(request).encode())
    assert answer is not None, "no answer to %s" % request
    reply = json.loads(answer)
    assert reply["jsonrpc"] == "2.0" and reply["id"] == identifier and len(reply) == 3, reply
    assert list(reply) in (["jsonrpc", "result", "id"], ["jsonrpc", "error", "id"]), "the peer's order"
    return reply


def result(client, method, params=None):
    reply = call(client, method, params)
    assert "result" in reply, reply
    return reply["result"]


def error(client, method, params=None):
    reply = call(client, method, params)
    assert "error" in reply, reply
    return reply["error"]


def invalid(data):
    return {"code": -32602, "message": "Invalid params", "data": data}


NO_MATCH = invalid("Named parameters do not match")
COUNT = invalid("Too few or too many parameters")
AMBIGUOUS = invalid("Ambiguous call, use named parameters instead")
NO_METHOD = {"code": -32601, "message": "Method not found"}


def levels(client, params=None):
    return {p["ID"]: p["Profiling level"] for p in result(client, "core:profiling_proc", params)["Processes"]}
