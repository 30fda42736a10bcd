"""Events: who gets what and until when, and that nobody who listens badly is felt by a call."""
import json
import os
import re
import socket
import threading
import time

import pytest

from conftest import Events, best_of, free_port, sessions, wait_for
from test_start import ask


class UnixEvents(Events):
    """A subscriber at a unix socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.2)
        self.name = "unix:%s" % path
        self.raw = []
        self.running = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()


@pytest.fixture(params=["udp", "unix"])
def subscriber(request, tmp_path):
    one = Events() if request.param == "udp" else UnixEvents(tmp_path / "events.sock")
    yield one
    one.close()


def received(events, count, name=None):
    return wait_for(lambda: len(events.all(name)) >= count and events.all(name), "%d of %s" % (count, name))


def subscribers(server, event):
    return server.mi("evi:subscribers", event=event)["Event"]["Subscribers"]


# Subscriptions


def test_subscribe_renew_and_unsubscribe(start, subscriber):
    server = start("options.cfg")
    subscribe = dict(event="E_CORE_THRESHOLD", socket=subscriber.name)
    raised = dict(event="E_CORE_THRESHOLD", params={"n": 1})
    assert server.mi("evi:raise", **raised) == "OK"  # nobody listens
    assert server.mi("evi:subscribe", **subscribe, expire=50) == "OK"
    first = subscribers(server, "E_CORE_THRESHOLD")
    assert first == [{"socket": subscriber.name, "expire": 50, "ttl": first[0]["ttl"]}] and 48 <= first[0]["ttl"] <= 50
    server.mi("evi:raise", **raised)
    received(subscriber, 1)
    # Again is a renewal, not a second subscription.
    server.mi("evi:subscribe", **subscribe, expire=5000)
    second = subscribers(server, "E_CORE_THRESHOLD")
    assert len(second) == 1 and second[0]["expire"] == 5000 and second[0]["ttl"] > 4990
    server.mi("evi:raise", **raised)
    received(subscriber, 2)
    # Another event to the same socket ends by itself.
    server.mi("evi:subscribe", event="E_PROFILING_SCRIPT", socket=subscriber.name)
    server.mi("evi:subscribe", **subscribe, expire=0)
    assert subscribers(server, "E_CORE_THRESHOLD") == [] and len(subscribers(server, "E_PROFILING_SCRIPT")) == 1
    server.mi("evi:raise", **raised)
    assert server.mi("evi:unsubscribe", event="E_PROFILING_SCRIPT", socket=subscriber.name) == "OK"
    assert server.mi_call("evi:unsubscribe", {"event": "E_PROFILING_SCRIPT", "socket": subscriber.name})["error"][
        "code"] == 404
    server.mi("evi:subscribe", **subscribe)
    server.mi("evi:raise", event="E_CORE_THRESHOLD", params={"n": 2})
    assert [e["n"] for e in received(subscriber, 3)] == [1, 1, 2]
    wait_for(lambda: server.statistic("evi:sent_events") == 3, "the count")
    assert server.statistic("evi:subscriptions") == 1


def test_a_subscription_expires(start, subscriber):
    server = start("options.cfg")
    server.mi("evi:subscribe", event="E_CORE_THRESHOLD", socket=subscriber.name, expire=2)
    assert len(subscribers(server, "E_CORE_THRESHOLD")) == 1
    wait_for(lambda: subscribers(server, "E_CORE_THRESHOLD") == [], "the end")
    wait_for(lambda: server.statistic("evi:expired_subscriptions") == 1, "the count")
    server.mi("evi:raise", event="E_CORE_THRESHOLD")
    assert server.statistic("evi:subscriptions") == 0
    server.mi("evi:subscribe", event="E_CORE_THRESHOLD", socket=subscriber.name)
    server.mi("evi:raise", event="E_CORE_THRESHOLD", params=[7])
    assert received(subscriber, 1) == [[7]]


@pytest.mark.parametrize("params, wire", [
    (None, b'{"jsonrpc":"2.0","method":"E_CORE_THRESHOLD"}'),
    ({"k": "v", "n": 2}, b'{"jsonrpc":"2.0","method":"E_CORE_THRESHOLD","params":{"k":"v","n":2}}'),
    (["v1", "v2"], b'{"jsonrpc":"2.0","method":"E_CORE_THRESHOLD","params":["v1","v2"]}'),
    ('{"k": "a\\"\\u00e9"}', '{"jsonrpc":"2.0","method":"E_CORE_THRESHOLD","params":{"k":"a\\"é"}}'.encode()),
])
def test_the_wire_is_the_peers(start, events, params, wire):
    server = start("options.cfg")
    server.subscribe(events, "E_CORE_THRESHOLD")
    call = {"event": "E_CORE_THRESHOLD"}
    if params is not None:
        call["params"] = params
    assert server.mi_call("raise_event", call)["result"] == "OK"
    wait_for(lambda: events.raw, "the event")
    assert events.raw == [wire]


def test_raising_refuses(start):
    server = start("options.cfg")
    assert server.mi_call("evi:raise", {"event": "E_NOPE"})["error"] == {"code": 404, "message": "Event not published"}
    for params in (5, "text", "[1]", "{"):
        error = server.mi_call("evi:raise", {"event": "E_CORE_THRESHOLD", "params": params})["error"]
        assert error["code"] in (400, -32602)


def test_an_event_too_long_for_a_datagram_is_counted(start, events):
    server = start("options.cfg")
    server.subscribe(events, "E_CORE_THRESHOLD")
    request = {"jsonrpc": "2.0", "id": 1, "method": "evi:raise",
               "params": {"event": "E_CORE_THRESHOLD", "params": ["x" * 66_000]}}
    fifo = os.open(server.fifo, os.O_WRONLY)
    data = b"::" + json.dumps(request).encode()
    while data:
        data = data[os.write(fifo, data):]
    os.close(fifo)
    wait_for(lambda: server.statistic("evi:lost_too_long") == 1, "the count")
    server.mi("evi:raise", event="E_CORE_THRESHOLD", params=["short"])
    assert received(events, 1) == [["short"]]


def test_several_subscribers_each_get_theirs(start, tmp_path):
    server = start("options.cfg")
    many = [Events() for _ in range(20)] + [UnixEvents(tmp_path / ("e%d" % n)) for n in range(5)]
    for one in many:
        server.subscribe(one, "E_CORE_THRESHOLD")
    for number in range(50):
        server.mi("evi:raise", event="E_CORE_THRESHOLD", params=[number])
    for one in many:
        assert received(one, 50) == [[n] for n in range(50)]
        one.close()


# Bad subscribers


def dead_sockets(tmp_path):
    full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    full.bind(str(tmp_path / "full"))  # listens and never reads
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
        gone.bind(str(tmp_path / "gone"))
    return full, ["udp:127.0.0.1:%d" % free_port(), "unix:%s" % (tmp_path / "gone"), "unix:%s" % (tmp_path / "none"),
                  "unix:%s" % (tmp_path / "full")]


def test_dead_subscribers_are_counted_and_shown(start, tmp_path):
    server = start("options.cfg")
    full, sockets = dead_sockets(tmp_path)
    for name in sockets:
        server.mi("evi:subscribe", event="E_CORE_THRESHOLD", socket=name)
    # Raised again and again, because a UDP refusal is known after the first only; the full one takes some.
    def shown():
        for _ in range(20):
            server.mi("evi:raise", event="E_CORE_THRESHOLD", params=["x" * 20_000])
        return {s["socket"]: s for s in subscribers(server, "E_CORE_THRESHOLD")}

    wait_for(lambda: all(shown()[name].get("lost", 0) > 0 for name in sockets), "losses of all four")
    # Under load the kernel tells of a refusal late, so that a port may look well for a moment.
    wait_for(lambda: all(shown()[name].get("state") == "unreachable" for name in sockets[:3]), "the state of three")
    assert all(one["ttl"] > 0 for one in shown().values())
    wait_for(lambda: shown() and server.statistic("evi:unreachable_subscribers") >= 3, "the figure")
    assert server.statistic("evi:lost_unreachable") > 0 and server.statistic("evi:lost_subscriber_full") > 0
    assert "can't be reached" in server.tail(100_000)
    # Somebody comes to live there: a renewal makes it well at once.
    port = int(sockets[0].rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as alive:
        alive.bind(("127.0.0.1", port))
        alive.settimeout(5)
        server.mi("evi:subscribe", event="E_CORE_THRESHOLD", socket=sockets[0])
        server.mi("evi:raise", event="E_CORE_THRESHOLD", params=["back"])
        while b"back" not in alive.recv(65536):
            pass
    full.close()


def test_dead_subscribers_do_not_delay_requests(start, tmp_path):
    """Requests to a server that has them and to one that hasn't, in turn: what else the machine does delays both."""
    server, other = start("options.cfg"), start("options.cfg")

    def times(count=300):
        out = [], []
        for _ in range(count):
            for taken, port in zip(out, (other.port, server.port)):
                began = time.monotonic()
                assert ask(port).startswith("SIP/2.0 200")
                taken.append(time.monotonic() - began)
        return [sorted(taken) for taken in out]

    times(50)
    full, sockets = dead_sockets(tmp_path)
    server.mi("core:profiling_proc", level=3)
    for name in sockets:
        for event in ("E_PROFILING_PROC", "E_PROFILING_SCRIPT"):
            server.mi("evi:subscribe", event=event, socket=name)

    def alike(both):
        quiet, loud = both
        return loud[len(loud) // 2] < quiet[len(quiet) // 2] + 0.002 and loud[-3] < quiet[-1] + 0.2

    assert alike(best_of(times, alike, tries=3))
    wait_for(lambda: server.statistic("evi:unreachable_subscribers") >= 3, "the dead to be known")
    full.close()


def test_a_dead_subscriber_stops_the_producers(start, events):
    """Nobody can be reached, so nothing is recorded; a living one gets all."""
    server = start("options.cfg")
    server.mi("evi:subscribe", event="E_PROFILING_SCRIPT", socket="udp:127.0.0.1:%d" % free_port())
    wait_for(lambda: ask(server.port) and server.statistic("evi:unreachable_subscribers") == 1, "it to be known")
    server.subscribe(events, "E_PROFILING_SCRIPT")
    # What was answered before may still be at its last records.
    ask(server.port)
    before = set(sessions(events.whole()))
    for _ in range(10):
        ask(server.port)
    wait_for(lambda: len(sessions(events.all()).keys() - before) == 10, "a session of each request")
    events.settle()
    assert len(sessions(events.all()).keys() - before) == 10


# What is told


def test_location_events(start, subscriber):
    server = start("options.cfg")
    server.subscribe(subscriber, "E_UL_AOR_INSERT", "E_UL_AOR_DELETE", "E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE",
                     "E_UL_CONTACT_DELETE")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        own = client.getsockname()[1]

        def register(cseq, expires):
            client.sendto((
                "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
                "From: <sip:alice@127.0.0.1>;tag=1\r\nTo: <sip:alice@127.0.0.1>\r\nCall-ID: reg@x\r\nCSeq: %d REGISTER\r\n"
                "User-Agent: a phone\r\nContact: <sip:alice@127.0.0.1:%d>;q=0.7;expires=%d\r\nContent-Length: 0\r\n\r\n"
                % (own, cseq, cseq, own, expires)).encode(), ("127.0.0.1", server.port))
            assert client.recv(65536).startswith(b"SIP/2.0 200")

        now = int(time.time())
        register(1, 300)
        register(2, 500)
        register(3, 0)
    received(subscriber, 5)
    methods = [json.loads(r)["method"] for r in subscriber.raw]
    assert methods == ["E_UL_AOR_INSERT", "E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE", "E_UL_CONTACT_DELETE",
                       "E_UL_AOR_DELETE"]
    aor, insert, update, delete, gone = subscriber.all()
    assert aor == gone == {"domain": "location", "aor": "alice@127.0.0.1"}
    assert list(insert) == ["domain", "aor", "uri", "received", "path", "qval", "user_agent", "socket", "bflags",
                            "expires", "callid", "cseq", "attr", "latency", "shtag"]
    assert insert["uri"] == "sip:alice@127.0.0.1:%d" % own and insert["user_agent"] == "a phone"
    assert insert["callid"] == "reg@x" and (insert["cseq"], update["cseq"]) == (1, 2)
    assert insert["socket"] == "udp:127.0.0.1:%d" % server.port and insert["qval"] == 7
    assert 299 <= insert["expires"] - now <= 330 and 499 <= update["expires"] - now <= 530
    assert {k: v for k, v in delete.items() if k not in ("expires", "cseq")} == {
        k: v for k, v in update.items() if k not in ("expires", "cseq")}


def test_a_slow_message_is_told(start, events):
    server = start("options.cfg", EXTRA="exec_msg_threshold=1500000",
                   ROUTE='if ($rU == "slow") usleep(1600000); else $var(x) = 1;')
    server.subscribe(events, "E_CORE_THRESHOLD")
    ask(server.port, user="fast")
    ask(server.port, user="slow")
    event = received(events, 1)[0]
    assert list(event) == ["source", "time", "extra"]
    assert event["source"] == "msg processing" and 1_600_000 <= event["time"] < 60_000_000
    assert event["extra"].startswith("OPTIONS sip:slow@") and event["extra"].endswith("\r\n\r\n")
    line = [n for n, l in enumerate(server.cfg.read_text().splitlines(), 1) if "usleep" in l][0]
    text = wait_for(lambda: "usleep" in server.tail() and server.tail(), "the lines about it")
    assert re.search(r"threshold exceeded ?: msg processing took too long - \d+ us", text)
    assert re.search(r"#1 is a function: usleep - \d+ ?us - line %d" % line, text), text
    assert server.statistic("core:slow_messages") == 1 and len(events.all()) == 1


def test_events_of_the_script(start, events):
    server = start("options.cfg", ROUTE="""
	if ($rU == "named") {
		$avp(name) = "caller"; $avp(value) = $fU;
		$avp(name) = "number"; $avp(value) = 7;
		raise_event("E_SCRIPT_NAMED", $avp(name), $avp(value));
	}
	if ($rU == "plain") raise_event("E_SCRIPT_PLAIN");
""")
    names = [e["name"] for e in server.mi("evi:list")["Events"]]
    assert {"E_SCRIPT_NAMED", "E_SCRIPT_PLAIN"} <= set(names)
    server.subscribe(events, "E_SCRIPT_NAMED", "E_SCRIPT_PLAIN")
    ask(server.port, user="plain")
    wait_for(lambda: events.raw, "the event")
    assert events.raw[0] == b'{"jsonrpc":"2.0","method":"E_SCRIPT_PLAIN"}'
    ask(server.port, user="named")
    wait_for(lambda: len(events.raw) == 2, "the event")
    assert json.loads(events.raw[1])["params"] == {"number": 7, "caller": "a"}


def test_event_routes_get_what_is_raised(start):
    server = start("options.cfg", EXTRA="""
event_route[E_CORE_THRESHOLD] {
	xlog("L_NOTICE", "event: source=$param(source) time=$param(time) none=$param(none)\\n");
}
event_route[E_MINE] {
	xlog("L_NOTICE", "mine: $param(who)\\n");
	route(inside);
}
route[inside] {
	xlog("L_NOTICE", "inside for $param(who)\\n");
}
""", ROUTE='$avp(k) = "who"; $avp(v) = $rU; raise_event("E_MINE", $avp(k), $avp(v));')
    server.mi("evi:raise", event="E_CORE_THRESHOLD", params={"source": "by hand", "time": 12})
    wait_for(lambda: "event: source=by hand time=12 none=<null>" in server.tail(), "the event route")
    ask(server.port, user="somebody")
    wait_for(lambda: "mine: somebody" in server.tail(), "the event route")
    assert "ROUTE" not in server.tail()


def test_event_routes_are_recorded(start, events):
    server = start("options.cfg", EXTRA='event_route[E_CORE_THRESHOLD] { $var(x) = 1; }')
    server.subscribe(events, "E_PROFILING_SCRIPT")
    server.mi("evi:raise", event="E_CORE_THRESHOLD")
    received(events, 4)
    group, = sessions(events.all()).values()
    assert group[0]["type"] == 256 and group[1]["name"] == "E_CORE_THRESHOLD" and len(group) == 4


def test_script_records_need_no_level(start, events):
    server = start("options.cfg")
    server.subscribe(events, "E_PROFILING_SCRIPT")
    for _ in range(5):
        ask(server.port)
    received(events, 20)
    events.settle()
    assert {json.loads(r)["method"] for r in events.raw} == {"E_PROFILING_SCRIPT"}
    groups = sessions(events.all())
    assert len(groups) == 5 and all(g[0]["type"] == 1 for g in groups.values())
    assert {p["Profiling level"] for p in server.mi("core:profiling_proc")["Processes"]} == {0}


def test_process_records_need_a_level_and_a_subscriber(start, events):
    server = start("options.cfg")
    server.subscribe(events, "E_PROFILING_PROC")
    ask(server.port)
    receiver = server.processes("SIP receiver")
    for process in receiver:
        server.mi("core:profiling_proc", id=process["ID"], level=1)
    ask(server.port)
    received(events, 8)
    events.settle()
    assert len(events.all()) == 8 and len(sessions(events.all())) == 1
