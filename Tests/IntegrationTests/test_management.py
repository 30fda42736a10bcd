"""Management over FIFO, UDP and unix datagram: what the peer answers, and what bad input does."""
import json
import os
import pathlib
import random
import re
import select
import socket
import time

import pytest

from conftest import free_port, wait_for


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
        if not select.select([self.socket], [], [], timeout)[0]:
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
            if not select.select([self.reply], [], [], max(0, end - time.monotonic()))[0]:
                break
            part = os.read(self.reply, 1 << 17)
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
        os.close(self.reply)


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


# core:profiling_proc: every request that was made of the real peer


def levels(client, params=None):
    return {p["ID"]: p["Profiling level"] for p in result(client, "core:profiling_proc", params)["Processes"]}


def test_profiling_proc_lists(managed):
    client = managed.client()
    listed = result(client, "core:profiling_proc")["Processes"]
    assert listed == result(client, "profiling_proc")["Processes"]
    assert all(list(p) == ["ID", "PID", "Profiling level", "Type"] for p in listed)
    assert [p["ID"] for p in listed] == list(range(len(listed)))
    assert listed[0]["Type"] == "attendant" and listed[0]["PID"] == managed.process.pid
    types = [p["Type"] for p in listed]
    assert types.count("SIP receiver udp:127.0.0.1:%d" % managed.port) == 2
    assert types.count("MI FIFO") == types.count("MI Datagram") == types.count("Timer handler") == 1
    tasks = set(map(int, os.listdir("/proc/%d/task" % managed.process.pid)))
    assert {p["PID"] for p in listed} <= tasks and len({p["PID"] for p in listed}) == len(listed)
    for process in listed:
        assert result(client, "core:profiling_proc", {"id": process["ID"]}) == {"Processes": [process]}
        assert result(client, "core:profiling_proc", {"pid": process["PID"]}) == {"Processes": [process]}
    plain = [{k: p[k] for k in ("ID", "PID", "Type")} for p in listed]
    assert result(client, "ps") == result(client, "core:ps") == {"Processes": plain}
    assert all(list(p) == ["ID", "PID", "Type"] for p in result(client, "ps")["Processes"])


def test_profiling_proc_sets(managed):
    client = managed.client()
    count = len(levels(client))
    pids = {p["ID"]: p["PID"] for p in result(client, "ps")["Processes"]}
    for given, stands in [(99, 3), (-1, 0), (2, 2), ("3", 3), (0, 0), ("-7", 0), (1, 1), (0, 0)]:
        assert result(client, "core:profiling_proc", {"level": given}) == "OK"
        assert levels(client) == dict.fromkeys(range(count), stands)
    assert result(client, "core:profiling_proc", {"id": 3, "level": 2}) == "OK"
    assert result(client, "core:profiling_proc", {"pid": pids[4], "level": "1"}) == "OK"
    assert levels(client) == {**dict.fromkeys(range(count), 0), 3: 2, 4: 1}
    assert result(client, "core:profiling_proc", {"level": 0}) == "OK"
    assert set(levels(client).values()) == {0}


@pytest.mark.parametrize("params, answer", [
    ({"id": 3, "pid": 25240}, NO_MATCH),
    ({"id": 3, "pid": 25240, "level": 1}, COUNT),
    ({"id": 99}, invalid("Bad process ID")),
    ({"id": -1}, invalid("Bad process ID")),
    ({"id": 99, "level": 1}, invalid("Bad process ID")),
    ({"pid": 1}, invalid("Bad PID")),
    ({"pid": 0}, invalid("Bad PID")),
    ({"foo": 1}, NO_MATCH),
    ({"level": 1, "foo": 1}, NO_MATCH),
    ({"ID": 3}, NO_MATCH),
    ({"Level": 1}, NO_MATCH),
    ([1], AMBIGUOUS),
    ([3, 2], AMBIGUOUS),
    ([1, 2, 3], COUNT),
    # Where the peer takes nonsense, the answer says what is allowed.
    ({"level": "abc"}, "level"), ({"level": "2abc"}, "level"), ({"level": 1.5}, "level"), ({"level": "1.5"}, "level"),
    ({"level": None}, "level"), ({"level": True}, "level"), ({"level": [1]}, "level"), ({"level": ""}, "level"),
    ({"level": 10 ** 30}, "level"), ({"id": "abc"}, "id"), ({"id": None}, "id"), ({"pid": {}}, "pid"),
])
def test_profiling_proc_refuses(managed, params, answer):
    client = managed.client()
    found = error(client, "core:profiling_proc", params)
    if isinstance(answer, str):
        assert found["code"] == -32602 and found["message"] == "Invalid params"
        assert found["data"].startswith("Bad type for parameter '%s': allowed is " % answer), found
    else:
        assert found == answer
    assert set(levels(client).values()) == {0}


# The other requests of mi-replies.txt


def test_event_requests_answer_as_the_peer(managed):
    client = managed.client()
    bad = {"code": 400, "message": "Bad parameter value"}
    ok = [({"event": "E_PROFILING_PROC", "socket": "udp:127.0.0.1:9000", "expire": 3600}),
          ({"event": "E_PROFILING_PROC", "socket": "udp:127.0.0.1:9001", "expire": 2}),
          ({"event": "E_PROFILING_SCRIPT", "socket": "udp:127.0.0.1:9000"})]
    for params in ok:
        assert result(client, "event_subscribe", params) == "OK"
    assert error(client, "event_subscribe", {"event": "E_NOPE", "socket": "udp:127.0.0.1:9000"}) == bad
    for wrong in ("bogus", "rabbitmq:127.0.0.1:9000/x", "udp:127.0.0.1", "udp:127.0.0.1:0", "udp:name.example:9000",
                  "tcp:127.0.0.1:9000", "unix:", "unix:relative", "unix:/" + "x" * 200, ""):
        assert error(client, "event_subscribe", {"event": "E_PROFILING_PROC", "socket": wrong}) == bad, wrong
    assert error(client, "event_subscribe", {"event": "E_PROFILING_PROC"}) == COUNT
    assert error(client, "event_list") == NO_METHOD
    events = result(client, "events_list")["Events"]
    assert [e["id"] for e in events] == list(range(len(events)))
    assert all(list(e) == ["name", "id"] for e in events)
    names = {e["name"]: e["id"] for e in events}
    assert {"E_CORE_THRESHOLD", "E_PROFILING_SCRIPT", "E_PROFILING_PROC", "E_UL_AOR_INSERT", "E_UL_AOR_DELETE",
            "E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE", "E_UL_CONTACT_DELETE", "E_UL_CONTACT_REFRESH"} <= set(names)
    listed = {e["name"]: e for e in result(client, "subscribers_list")["Events"]}
    assert set(listed) == {"E_PROFILING_PROC", "E_PROFILING_SCRIPT"}
    proc = listed["E_PROFILING_PROC"]
    assert list(proc) == ["name", "id", "Subscribers"] and proc["id"] == names["E_PROFILING_PROC"]
    first, second = proc["Subscribers"]
    assert first["socket"] == "udp:127.0.0.1:9000" and first["expire"] == 3600 and 3590 <= first["ttl"] <= 3600
    assert second["socket"] == "udp:127.0.0.1:9001" and second["expire"] == 2
    one = result(client, "subscribers_list", {"event": "E_PROFILING_SCRIPT"})["Event"]
    assert one["Subscribers"][0]["expire"] == 3600
    only = result(client, "subscribers_list", {"event": "E_PROFILING_PROC", "socket": "udp:127.0.0.1:9000"})["Event"]
    assert list(only) == ["name", "id", "Subscriber"] and only["Subscriber"]["socket"] == "udp:127.0.0.1:9000"
    assert error(client, "subscribers_list", {"event": "E_NOPE"}) == {"code": 404, "message": "Event not published"}
    # Renewing does not add; an expiry of 0 takes away.
    assert result(client, "event_subscribe", ok[0]) == "OK"
    for port in (9001, 9000):
        gone = {"event": "E_PROFILING_PROC", "socket": "udp:127.0.0.1:%d" % port, "expire": 0}
        assert result(client, "event_subscribe", gone) == "OK"
    assert [e["name"] for e in result(client, "subscribers_list")["Events"]] == ["E_PROFILING_SCRIPT"]
    assert error(client, "nosuchcmd") == NO_METHOD


def test_ids_and_notifications(managed):
    client = managed.client()
    for identifier in ("abc", "", 0, -7, 2 ** 53, "12", 1.5):
        call(client, "core:profiling_proc", {"id": 3}, identifier)
    # No id: carried out, not answered. What is answered next is the next request.
    client.send(b'{"jsonrpc":"2.0","method":"core:profiling_proc","params":{"id":3,"level":1}}')
    client.send(b'{"jsonrpc":"2.0","method":"nosuch"}')
    client.send(b'{"jsonrpc":"2.0","method":"core:profiling_proc","params":{"id":"x"}}')
    assert levels(client)[3] == 1
    reply = json.loads(client.ask(b'{"jsonrpc":"2.0","id":null,"method":"version"}'))
    assert reply["id"] is None and "result" in reply


# Bad input


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
    assert time.monotonic() - began < 1
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


# Commands


def test_commands_about_the_server(managed):
    client = managed.client()
    assert re.fullmatch(r"SIPRay \(\d+\.\d+\.\d+ \(\w+/linux\)\)", result(client, "version")["Server"])
    up = result(client, "uptime")
    assert list(up) == ["Now", "Up since", "Up time"] and re.fullmatch(r"\d+ \[sec\]", up["Up time"])
    assert all(re.fullmatch(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", up[k]) for k in ("Now", "Up since"))
    assert result(client, "pwd") == {"WD": str(managed.directory)}
    assert result(client, "arg")[-2:] == ["serve", str(managed.cfg)]
    names = result(client, "which")
    assert len(names) == len(set(names)) and all(re.fullmatch(r"\w+:\w+", n) for n in names)
    assert {"core:ps", "core:profiling_proc", "statistics:get", "evi:subscribe", "usrloc:dump", "tm:uac_dlg"} <= set(names)
    for name in names:
        text = result(client, "help", {"mi_cmd": name})
        assert list(text) == ["Help", "Exported by"] and text["Exported by"] == name.split(":")[0]
        assert name in text["Help"], "how it is called"
        assert result(client, "which", {"command": name}) == [name]
    assert isinstance(result(client, "help"), str)
    assert error(client, "help", {"mi_cmd": "nosuch"}) == NO_METHOD
    assert result(client, "which", {"command": "nosuch"}) == []
    answer = error(client, "reload_routes")
    assert answer["code"] == 501 and "restart" in answer["data"]


ALIASES = {
    "get_statistics": "statistics:get", "list_statistics": "statistics:list", "reset_statistics": "statistics:reset",
    "event_subscribe": "evi:subscribe", "events_list": "evi:list", "subscribers_list": "evi:subscribers",
    "raise_event": "evi:raise", "list_tcp_conns": "tcp:list", "sr_get_status": "status_report:get",
    "ul_dump": "usrloc:dump", "ul_rm": "usrloc:rm", "ul_rm_contact": "usrloc:rm_contact", "ul_add": "usrloc:add",
    "ul_show_contact": "usrloc:show_contact", "ul_flush": "usrloc:flush", "ul_sync": "usrloc:sync",
    "t_uac_dlg": "tm:uac_dlg", "t_uac_cancel": "tm:uac_cancel", "t_reply": "tm:reply", "t_hash": "tm:hash",
    "rand_get_prob": "cfgutils:rand_get_prob", "shv_get": "cfgutils:shv_get", "log_level": "core:log_level",
    "profiling_proc": "core:profiling_proc", "ps": "core:ps",
}


def test_old_names(start):
    server = start("options.cfg")
    names = server.mi("which")
    for alias, name in ALIASES.items():
        assert name in names
        assert server.mi("which", command=alias) == [name], alias
        assert server.mi_call("help", {"mi_cmd": alias})["result"]["Exported by"] == name.split(":")[0]


DOCUMENTED = """
    core:arg core:help core:kill core:log_level core:log_level_filter core:log_mute_state core:profiling_proc core:ps
    core:pwd core:reload_routes core:uptime core:version core:which core:xlog_level blacklists:list blacklists:check_all
    blacklists:check blacklists:add_rule blacklists:del_rule tcp:list tcp:close status_report:get status_report:status
    status_report:reports status_report:identifiers statistics:get statistics:list statistics:reset statistics:reset_all
    cache:store cache:fetch cache:remove evi:subscribe evi:list evi:raise evi:subscribers mem:pkg_dump mem:rpm_dump
    mem:shm_dump mem:shm_check usrloc:rm usrloc:rm_contact usrloc:dump usrloc:flush usrloc:add usrloc:show_contact
    usrloc:sync usrloc:cluster_sync cfgutils:rand_set_prob cfgutils:rand_reset_prob cfgutils:rand_get_prob
    cfgutils:check_config_hash cfgutils:get_config_hash cfgutils:shv_set cfgutils:shv_get
    """.split()


def test_commands_of_the_manual(start):
    """Each command that the peer's manual lists is there, or answers what to use instead."""
    server = start("options.cfg", EXTRA='dst_blacklist = gw:{ ( udp , 10.2.2.2 , 5080 , "" ) }\n'
                                        'dst_blacklist = net:{ ( any , 10.2.0.0/16 , 0 , "" ) }')
    assert set(DOCUMENTED) <= set(server.mi("which"))
    for name, params in (("cache:fetch", ["local", "a"]), ("mem:shm_check", []), ("usrloc:cluster_sync", []),
                         ("blacklists:add_rule", ["gw", "any,10.0.0.1"])):
        answer = server.mi_call(name, params)["error"]
        assert answer["code"] == 501 and answer["data"], name
    assert server.mi_call("tcp:close", ["127.0.0.1:9"])["error"]["code"] == 404
    assert server.mi("status_report:identifiers") == [{"Group": "core", "Identifiers": ["main"]}]
    assert server.mi("status_report:identifiers", group="core") == {"Group": "core", "Identifiers": ["main"]}
    assert server.mi("status_report:reports", group="core")[0]["Identifiers"] == [{"Name": "main", "Reports": []}]
    assert server.mi_call("blacklists:check_all", ["10.2.2.2"])["result"] == ["net"]
    assert server.mi_call("blacklists:check_all", ["udp", "10.2.2.2", 5080])["result"] == ["gw", "net"]
    assert server.mi_call("blacklists:check_all", ["any", "10.2.2.2", 5080])["result"] == ["net"]
    assert server.mi_call("blacklists:check", ["gw", "udp", "10.2.2.2", 5080])["result"]["Port"] == 5080
    assert server.mi_call("blacklists:check", ["gw", "10.2.2.2"])["error"]["code"] == 404
    assert server.mi_call("blacklists:check", ["nope", "10.2.2.2"])["error"]["code"] == 404


def test_a_name_of_several_modules_is_ambiguous(start):
    server = start("options.cfg")
    names = server.mi("which")
    local = [n.split(":")[1] for n in names]
    shared = {n for n in local if local.count(n) > 1}
    assert shared, "list is one of evi, blacklists, tcp and statistics"
    for name in shared:
        answer = server.mi_call(name)["error"]
        assert answer["code"] == -32001 and answer["message"] == "Method ambiguous"
        for full in (n for n in names if n.endswith(":" + name)):
            assert full in answer["data"]
    for name in set(local) - shared:
        assert server.mi("which", command=name) == ["%s:%s" % (names[local.index(name)].split(":")[0], name)]


def test_log_levels(start):
    server = start("options.cfg", ROUTE='log(4, "a debug line of the script\\n"); xlog("L_DBG", "an xlog for $rU\\n");')
    from test_start import ask
    processes = server.mi("log_level")["Processes"]
    assert all(list(p) == ["PID", "Log level", "Type"] and p["Log level"] == 3 for p in processes)
    ask(server.port)
    assert "debug line" not in server.tail() and "an xlog" not in server.tail()
    # xlog has a level of its own.
    assert server.mi("xlog_level") == {"xLog Level": 2}
    assert server.mi("xlog_level", level=4) == {"New xLog level": 4}
    ask(server.port, user="first")
    wait_for(lambda: "an xlog for first" in server.tail(), "the line")
    assert "debug line" not in server.tail()
    server.mi("xlog_level", level=2)
    # One process speaks more than the others.
    receivers = [p["PID"] for p in server.processes("SIP receiver")]
    assert server.mi("log_level", level=4, pid=receivers[0]) == {"Log level": 4}
    shown = {p["PID"]: p["Log level"] for p in server.mi("log_level")["Processes"]}
    assert shown.pop(receivers[0]) == 4 and set(shown.values()) == {3}
    wait_for(lambda: ask(server.port) and "a debug line" in server.tail(), "the line")
    assert re.search(r"\[%d\] (DBG:\w+: )?a debug line" % receivers[0], server.tail())
    assert not re.search(r"\[%d\] (DBG:\w+: )?a debug line" % receivers[1], server.tail())
    # All again.
    assert server.mi("log_level", level=1) == {"New global log level": 1}
    assert {p["Log level"] for p in server.mi("log_level")["Processes"]} == {1}
    for params in ({"level": 5}, {"level": "x"}, {"level": 2, "pid": 1}, {"pid": receivers[0]}):
        assert server.mi_call("log_level", params)["error"]["code"] == -32602, params


def test_outputs_of_the_log(start):
    server = start("options.cfg")
    assert server.mi("log_mute_state", consumer="stderror") == {"mute state": 0}
    assert server.mi("log_mute_state", consumer="stderror", mute_state=1) == "OK"
    size = len(server.tail())
    server.mi("xlog_level", level=1)
    server.mi_raw(b"x")
    assert len(server.tail()) == size
    assert server.mi("log_level_filter", consumer="syslog") == {"Log level filter": 0}
    assert server.mi("log_level_filter", consumer="syslog", log_level_filter=1) == "OK"
    assert server.mi("log_level_filter", consumer="syslog") == {"Log level filter": 1}
    for params in ({"consumer": "paper"}, {"consumer": "syslog", "log_level_filter": 9}):
        assert server.mi_call("log_level_filter", params)["error"]["code"] == -32602


def test_statistics(start):
    from test_start import ask
    server = start("options.cfg")
    kinds = server.mi("statistics:list")
    everything = server.mi("statistics:get", statistics=["all"])
    assert set(kinds) == set(everything) and set(kinds.values()) == {"incremental", "non-incremental"}
    assert all(isinstance(v, int) and ":" in k for k, v in everything.items())
    expected = {"core": "rcv_requests rcv_replies fwd_requests fwd_replies drop_requests drop_replies err_requests "
                        "err_replies bad_URIs_rcvd unsupported_methods bad_msg_hdr slow_messages timestamp",
                "load": "load load1m load10m load-all load1m-all load10m-all load-proc-1 processes_number",
                "net": "waiting_udp",
                "tm": "received_replies relayed_replies local_replies UAS_transactions UAC_transactions "
                      "2xx_transactions 3xx_transactions 4xx_transactions 5xx_transactions 6xx_transactions "
                      "inuse_transactions retransmission_req_T1_1",
                "registrar": "accepted_regs rejected_regs max_expires max_contacts default_expire",
                "usrloc": "registered_users", "sl": "2xx_replies 4xx_replies sent_replies failures received_ACKs"}
    missing = {"%s:%s" % (g, n) for g, names in expected.items() for n in names.split()} - set(everything)
    assert not missing
    for group in expected:
        part = server.mi("statistics:get", statistics=[group + ":"])
        assert set(part) == {n for n in everything if n.startswith(group + ":")}
    for _ in range(3):
        ask(server.port)
    assert server.mi("get_statistics", statistics=["rcv_requests"]) == {"core:rcv_requests": 3}
    assert server.mi_call("statistics:get", [["core:rcv_requests", "rcv_requests", "nosuch"]])["result"] == {
        "core:rcv_requests": 3}
    assert server.mi("statistics:get", statistics=["nosuch"]) == server.mi("statistics:get", statistics=[]) == {}
    assert server.mi("statistics:reset", statistics=["rcv_requests", "registered_users", "nosuch"]) == "OK"
    assert server.statistic("core:rcv_requests") == 0
    ask(server.port)
    assert server.statistic("core:rcv_requests") == 1 and server.statistic("sl:2xx_replies") == 4
    assert server.mi("statistics:reset_all") == "OK"
    left = server.mi("statistics:get", statistics=["all"])
    assert all(v == 0 for k, v in left.items() if kinds[k] == "incremental"), left
    assert left["load:processes_number"] == len(server.mi("ps")["Processes"])
    assert server.mi_call("statistics:get")["error"] == COUNT
    assert server.mi_call("statistics:get", {"statistics": [{}]})["error"]["code"] == -32602


def test_load_is_seen(start):
    from test_start import Waiting
    server = start("options.cfg", WORKERS=1,
                   ROUTE="$var(i) = 0; while ($var(i) < 3000) { $var(i) = $var(i) + 1; }")
    receiver = server.processes("SIP receiver")[0]["ID"]
    load = Waiting(server.port)
    wait_for(lambda: server.statistic("load:load-proc-%d" % receiver) > 20, "the receiver to be busy")
    assert server.statistic("load:load") > 0 and server.statistic("load:load-proc-0") < 20
    load.stop()


# Commands of modules


def test_transactions(start):
    from test_start import ask
    server = start("options.cfg", ROUTE=(
        'if ($rm == "INVITE") { t_newtran(); xlog("L_NOTICE", "transaction $T_id of $ci\\n"); exit; }'))
    headers = "From: <sip:a@b>;tag=x\r\nTo: <sip:c@d>\r\nX-More: 1\r\n"
    uri = "sip:x@127.0.0.1:%d" % server.port
    answer = server.mi_call("t_uac_dlg", dict(method="OPTIONS", ruri=uri, headers=headers))["result"]
    assert answer["Status"] == "200 OK" and answer["Message"].startswith("SIP/2.0 200 OK\r\n")
    assert "CSeq: 10 OPTIONS" in answer["Message"]
    text = server.mi_call("t_uac_dlg", dict(method="MESSAGE", ruri="sip:elsewhere.invalid", next_hop=uri, socket=".",
                                            headers=headers + "Content-Type: text/plain", body="hello"))["result"]
    assert text["Status"] == "200 OK"
    for params, name in [(dict(headers="From: <sip:a@b>\r\n"), "headers"), (dict(method="A B"), "method"),
                         (dict(ruri="nonsense"), "ruri"), (dict(ruri=uri + "\r\nX: y"), "ruri")]:
        full = {**dict(method="OPTIONS", ruri=uri, headers=headers), **params}
        assert "'%s'" % name in server.mi_call("t_uac_dlg", full)["error"]["data"], params
    assert server.mi_call("t_uac_dlg", {"method": "OPTIONS"})["error"] == COUNT

    def invite(call):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        client.sendto((
            "INVITE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %s\r\nCSeq: 7 INVITE\r\n\r\n"
            % (client.getsockname()[1], call, call)).encode(), ("127.0.0.1", server.port))
        wait_for(lambda: "of " + call in server.tail(), "the transaction")
        return client, re.search(r"transaction (\w+) of %s" % call, server.tail())[1]

    client, identity = invite("one")
    entry = "%d:%d" % (int(identity[:8], 16), int(identity[8:], 16))
    reply = dict(code=486, reason="Busy by management", to_tag="mine", new_headers="X-Why: because\r\nContent-Length: 5")
    assert server.mi("t_reply", trans_id=entry, **{**reply, "code": 180, "reason": "Wait"}) == "OK"
    assert server.mi("t_reply", trans_id=identity, **reply) == "OK"
    texts = [client.recv(65536).decode() for _ in range(2)]
    while texts[0].startswith("SIP/2.0 100"):
        texts = [texts[1], client.recv(65536).decode()]
    assert texts[0].startswith("SIP/2.0 180 Wait\r\n")
    assert texts[1].startswith("SIP/2.0 486 Busy by management\r\n")
    assert "X-Why: because\r\n" in texts[1] and ";tag=mine\r\n" in texts[1] and texts[1].count("Content-Length") == 1
    assert server.mi_call("t_reply", {"trans_id": entry, **reply})["error"]["code"] == 404
    for change in (dict(trans_id="x"), dict(code=99), dict(reason="a\r\nb")):
        assert server.mi_call("t_reply", {**reply, "trans_id": entry, **change})["error"]["code"] == -32602
    load = server.mi("t_hash")["Entries"]
    assert sum(e["Total"] for e in load) >= 2 and all(list(e) == ["Index", "Current", "Total"] for e in load)
    client.close()
    assert server.mi_call("t_uac_cancel", {"callid": "none", "cseq": "1"})["error"]["code"] == 404
    assert server.mi_call("t_uac_cancel", {"callid": "none", "cseq": "x"})["error"]["code"] == -32602


def test_a_call_is_cancelled_by_management(start, sipp):
    from test_calls import target
    port, dead = free_port(), free_port()
    server = start("spine.cfg", UAS_PORT=port, BUSY_PORT=dead, DEAD_PORT=dead)
    callee = sipp("uas_ring", port=port, calls=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind(("127.0.0.1", 0))
        caller.settimeout(5)
        own = caller.getsockname()[1]
        caller.sendto((
            "INVITE sip:callee@%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKmic\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: mic@x\r\nCSeq: 3 INVITE\r\nContact: <sip:a@127.0.0.1:%d>\r\n"
            "Content-Length: 0\r\n\r\n" % (target(server), own, own)).encode(), ("127.0.0.1", server.port))
        while not caller.recv(65536).startswith(b"SIP/2.0 180"):
            pass
        assert server.mi("t_uac_cancel", callid="mic@x", cseq="3") == "OK"
        callee.finish()
        while True:
            text = caller.recv(65536)
            if text.startswith(b"SIP/2.0 487"):
                break
        caller.sendto((
            "ACK sip:callee@%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKmic\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: %s\r\nCall-ID: mic@x\r\nCSeq: 3 ACK\r\nContent-Length: 0\r\n\r\n"
            % (target(server), own, re.search(rb"To: (.*)\r", text)[1].decode())).encode(), ("127.0.0.1", server.port))


def test_shared_variables_and_chance(start):
    from test_start import ask
    server = start("options.cfg", EXTRA='modparam("cfgutils", "shvset", "mode=i:1")\n'
                   'modparam("cfgutils", "initial_probability", 30)',
                   ROUTE='if ($shv(mode) == 7) { send_reply(297, "$shv(text)"); exit; }')
    assert server.mi("shv_get") == {"VARs": [{"name": "mode", "type": "integer", "value": 1}]}
    assert ask(server.port).startswith("SIP/2.0 200")
    assert server.mi("shv_set", name="text", type="str", value="by hand") == "OK"
    assert server.mi("shv_set", name="mode", type="int", value="7") == "OK"
    assert ask(server.port).startswith("SIP/2.0 297 by hand")
    assert server.mi("shv_get", name="text")["VARs"] == [{"name": "text", "type": "string", "value": "by hand"}]
    assert server.mi_call("shv_get", {"name": "none"})["error"]["code"] == 404
    assert server.mi_call("shv_set", {"name": "m", "type": "int", "value": "x"})["error"]["code"] == -32602
    assert server.mi_call("shv_set", {"name": "m", "type": "float", "value": "1"})["error"]["code"] == -32602
    assert "30 percent" in server.mi("rand_get_prob")
    assert server.mi_call("rand_set_prob", [55])["result"] == "OK"
    assert "55 percent" in server.mi("rand_get_prob")
    assert server.mi_call("rand_set_prob", [101])["error"]["code"] == -32602
    assert server.mi("rand_reset_prob") == "OK" and "30 percent" in server.mi("rand_get_prob")


def test_the_hash_of_the_script(start, tmp_path):
    import hashlib
    hashed = tmp_path / "hashed"
    hashed.write_text("one\n")
    server = start("options.cfg", EXTRA='modparam("cfgutils", "hash_file", "%s")' % hashed)
    assert server.mi("get_config_hash") == hashlib.md5(b"one\n").hexdigest()
    assert "is identical" in server.mi("check_config_hash")
    hashed.write_text("two\n")
    assert server.mi_call("check_config_hash")["error"]["code"] == 400
    hashed.unlink()
    assert server.mi_call("check_config_hash")["error"]["code"] == 500
    other = start("options.cfg")
    assert other.mi_call("get_config_hash")["error"]["code"] == 404


def test_contacts_are_added_shown_and_removed(start):
    server = start("options.cfg")
    add = dict(table_name="location", aor="alice", contact="sip:alice@127.0.0.1:5062", expires=60, q="0.5", flags=1,
               cflags=2, methods=4)
    assert server.mi("ul_add", **add) == "OK"
    assert server.mi("ul_add", **{**add, "contact": "sip:alice@127.0.0.1:5064", "expires": 0}) == "OK"
    domain = server.mi("ul_dump")["Domains"][0]
    assert list(domain) == ["name", "hash_size", "AORs"] and domain["name"] == "location"
    first, second = server.mi("ul_show_contact", table_name="location", aor="alice")["Contacts"]
    assert first["Contact"] == add["contact"] and first["Q"] == "0.5" and 58 <= first["Expires"] <= 60
    assert (first["Flags"], first["Cflags"], first["Methods"]) == (1, 2, 4) and second["Expires"] == "permanent"
    brief = server.mi("ul_dump", brief="brief")["Domains"][0]["AORs"][0]["Contacts"]
    assert [list(c) for c in brief] == [["Contact"]] * 2
    assert server.mi("ul_rm_contact", table_name="location", aor="alice", contact=add["contact"]) == "OK"
    for params in (dict(aor="alice", contact=add["contact"]), dict(aor="bob", contact="x")):
        assert server.mi_call("ul_rm_contact", {"table_name": "location", **params})["error"]["code"] == 404
    assert server.mi("ul_rm", table_name="location", aor="alice") == "OK"
    assert server.mi_call("ul_rm", {"table_name": "location", "aor": "alice"})["error"]["code"] == 404
    assert server.mi_call("ul_rm", {"table_name": "nowhere", "aor": "alice"})["error"]["code"] == 404
    assert server.mi("ul_dump")["Domains"][0]["AORs"] == []
    for change in (dict(expires="x"), dict(q="2"), dict(flags="x")):
        assert server.mi_call("ul_add", {**add, **change})["error"]["code"] == -32602, change
    assert server.mi("ul_flush") == "OK"
    assert server.mi_call("ul_sync", {"table_name": "location"})["error"]["code"] == 500


def test_small_answers(start):
    server = start("options.cfg")
    assert server.mi("tcp:list") is None
    assert server.mi("blacklists:list") == {"Lists": []}
    running = {"Readiness": True, "Status": 1, "Details": "running"}
    assert server.mi("sr_get_status", group="core") == running
    assert server.mi("status_report:status") == [{"Name": "core", "Identifiers": [{"Name": "main", **running}]}]
    assert server.mi_call("sr_get_status", {"group": "nope"})["error"]["code"] == 404
    assert server.mi_call("mem:nothing")["error"] == NO_METHOD


def test_management_listens_on_loopback_only(start):
    """Without an address in socket_name no other address of the machine is bound."""
    port = free_port()
    server = start("options.cfg", wait=False, EXTRA='modparam("mi_datagram", "socket_name", "udp:%d")' % port)
    wait_for(lambda: "is up" in server.tail(), "the start")
    bound = [l.split()[1] for l in open("/proc/net/udp").readlines()[1:] if l.split()[1].endswith(":%04X" % port)]
    assert bound == ["0100007F:%04X" % port]
