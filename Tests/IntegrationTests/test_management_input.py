"""Bad input to management over FIFO, UDP and unix datagram."""
import json
import os
import random
import socket
import time

import pytest

from conftest import wait_for
from management import (COUNT, NO_MATCH, Datagram, datagram_only, fifo_only, levels, managed, result,  # noqa: F401
                        transport)

NULL_ID = [
    (b"garbage", -32700), (b"", None), (b"\x00\xff\xfe", -32700), (b'{"jsonrpc":"2.0"', -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"ps"} x', -32700), (b'{"a":', -32700), (b"[]", -32600), (b"5", -32600),
    (b'"ps"', -32600), (b"null", -32600),
    (b"[" * 5000 + b"]" * 5000, -32700), (b'{"a":' * 3000 + b"1" + b"}" * 3000, -32700),
    (b'{"jsonrpc":"2.0","id":{},"method":"ps"}', -32600), (b"{}", -32600),
]
OWN_ID = [
    b'{"jsonrpc":"2.0","id":1}', b'{"jsonrpc":"1.0","id":1,"method":"ps"}', b'{"id":1,"method":"ps"}',
    b'{"jsonrpc":2.0,"id":1,"method":"ps"}', b'{"jsonrpc":"2.0","id":1,"method":5}',
    b'{"jsonrpc":"2.0","id":1,"method":"ps","params":5}', b'{"jsonrpc":"2.0","id":1,"method":"ps","params":"x"}',
    b'{"jsonrpc":"2.0","id":1,"method":null}',
]


@datagram_only
def test_bad_input_over_datagram(managed, transport):
    client = managed.client()
    for data, code in NULL_ID:
        if code is None:
            continue
        reply = json.loads(client.ask(data))
        assert reply["error"]["code"] == code and reply["id"] is None, (data, reply)
    for data in OWN_ID:
        reply = json.loads(client.ask(data))
        assert reply["error"]["code"] == -32600 and reply["id"] == 1, (data, reply)
    assert json.loads(client.ask(b""))["error"]["code"] == -32700
    huge = {"jsonrpc": "2.0", "id": 1, "method": "ps", "params": {"x": "y" * 65000}}
    assert json.loads(client.ask(json.dumps(huge).encode()))["error"] in (COUNT, NO_MATCH)
    if transport == "unix":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        huge["params"]["x"] = "y" * 70_000
        assert json.loads(client.ask(json.dumps(huge).encode()))["error"]["code"] == -32600
    assert result(client, "ps")


@fifo_only
def test_bad_input_over_the_fifo(managed, transport):
    client = managed.client()
    for data, code in NULL_ID:
        if code is None or b"\n" in data:
            continue
        reply = json.loads(client.ask(data + b"\n"))
        if data.endswith(b" x"):
            assert reply["id"] == 1 and "result" in reply  # what follows a request is the beginning of another
        else:
            assert reply["error"]["code"] == code and reply["id"] is None, (data[:80], reply)
    for data in OWN_ID:
        assert json.loads(client.ask(data))["error"]["code"] == -32600
    for junk in (b"\n\n\n", b"hello\n", b"::\n", b":::::\n", b":" * 5000 + b"\n", b"\x00" * 100, b":x\n", b"x" * 70_000 + b"\n"):
        client.write(junk)
        assert result(client, "ps"), junk[:20]


@fifo_only
def test_a_request_of_64_kb_is_taken_by_the_fifo(managed, transport):
    client = managed.client()
    request = {"jsonrpc": "2.0", "id": 1, "method": "evi:raise",
               "params": {"event": "E_CORE_THRESHOLD", "params": {"x": "y" * 200_000}}}
    assert json.loads(client.ask(json.dumps(request).encode()))["result"] == "OK"
    request["params"]["params"]["x"] = "y" * (2 << 20)
    reply = json.loads(client.ask(json.dumps(request).encode()))
    assert reply["error"]["code"] == -32600 and reply["id"] is None
    assert result(client, "ps")


@fifo_only
def test_a_half_written_request_does_not_stop_the_others(managed, transport):
    broken, client = managed.client(), managed.client()
    broken.send(b'{"jsonrpc":"2.0","id":1,"meth')
    assert result(client, "ps")
    assert json.loads(broken.receive())["error"]["code"] == -32700
    # Alone it is given up after a while.
    broken.send(b'{"jsonrpc":"2.0","id":1,"meth')
    assert json.loads(broken.receive())["error"]["code"] == -32700
    # In two parts it is whole.
    request = b':%s:{"jsonrpc":"2.0","id":1,"method":"ps"}' % client.name.encode()
    client.write(request[:30])
    client.write(request[30:])
    assert "result" in json.loads(client.receive())


@fifo_only
def test_a_client_that_does_not_read_its_reply_delays_nobody(managed, transport):
    client = managed.client()
    os.mkfifo(managed.directory / "unread")
    for _ in range(100):
        client.write(b':unread:{"jsonrpc":"2.0","id":1,"method":"statistics:get","params":{"statistics":["all"]}}')
        client.write(b':nothere:{"jsonrpc":"2.0","id":1,"method":"ps"}')
    began = time.monotonic()
    assert result(client, "ps")
    # A hundred replies that each had been waited for would have taken a hundred times its time.
    assert time.monotonic() - began < 5
    wait_for(lambda: "nothere dropped" in managed.tail(), "the warning about the reply")


@fifo_only
def test_a_reply_name_cannot_leave_its_directory(managed, transport, tmp_path):
    client = managed.client()
    outside = tmp_path / "outside"
    os.mkfifo(outside)
    victim = managed.directory / "file"
    victim.write_text("keep")
    (managed.directory / "link").symlink_to(victim)
    reader = os.open(outside, os.O_RDONLY | os.O_NONBLOCK)
    for name in ("../outside", "/%s" % outside, ".", "..", "a/../../outside", "link", "file", "x" * 300, ".hidden",
                 "a b", "fifo\x00x"):
        client.write(b':%s:{"jsonrpc":"2.0","id":1,"method":"ps"}\n' % name.encode())
    assert result(client, "ps")
    with pytest.raises(BlockingIOError):
        if os.read(reader, 1) == b"":
            raise BlockingIOError  # nobody opened it for writing
    os.close(reader)
    assert victim.read_text() == "keep"


@fifo_only
def test_without_a_reply_name_it_is_carried_out_silently(managed, transport):
    client = managed.client()
    client.write(b'::{"jsonrpc":"2.0","id":1,"method":"core:profiling_proc","params":{"id":3,"level":2}}\n')
    assert levels(client)[3] == 2


def test_a_server_whose_fifo_was_deleted_serves_and_ends(start):
    server = start("options.cfg")
    os.unlink(server.fifo)
    server.mi("ps")
    server.stop()  # and a server without its FIFO ends as well as any


def test_two_hundred_requests_in_a_burst(managed):
    clients = [managed.client() for _ in range(200 if managed.client().__class__ is Datagram else 20)]
    rounds = 1 if len(clients) == 200 else 10
    for _ in range(rounds):
        for number, client in enumerate(clients):
            client.send(b'{"jsonrpc":"2.0","id":%d,"method":"ps"}' % number)
        for number, client in enumerate(clients):
            answer = client.receive()
            assert answer is not None, number
            assert json.loads(answer)["id"] == number


def test_random_bytes_never_end_it(managed, transport):
    client = managed.client()
    generator = random.Random(7)
    seeds = [b'{"jsonrpc":"2.0","id":1,"method":"core:profiling_proc","params":{"level":1}}',
             b'{"jsonrpc":"2.0","id":"a","method":"evi:subscribe","params":["E_CORE_THRESHOLD","udp:127.0.0.1:9"]}',
             b'{"jsonrpc":"2.0","id":1,"method":"statistics:get","params":{"statistics":["tm:","x"]}}']
    for _ in range(400):
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.randint(1, 6)):
            place = generator.randrange(len(data))
            if generator.random() < 0.5:
                data[place] = generator.choice(b'{}[]":,\\\x00\xff0a') if generator.random() < 0.8 else generator.randrange(256)
            else:
                del data[place:place + generator.randint(1, 5)]
                data = data or bytearray(b"{")
        # A word that ends the server is not among the seeds.
        if transport == "fifo":
            client.write(b":none:" + bytes(data) + b"\n")
        else:
            client.send(bytes(data))
            client.receive(0.02)
    fresh = managed.client()
    wait_for(lambda: fresh.ask(b'{"jsonrpc":"2.0","id":1,"method":"ps"}', 1.0), "an answer")
