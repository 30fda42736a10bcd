"""Management over FIFO, UDP and unix datagram: what the peer answers."""
import json
import os

import pytest

from management import (AMBIGUOUS, COUNT, NO_MATCH, NO_METHOD, call, error, invalid, levels, managed,  # noqa: F401
                        result, transport)


# core:profiling_proc: every request that was made of the real peer


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
