"""Events over TCP: the wire, reliable mode, subscribers that are slow, silent, gone and back."""
import json
import socket
import threading
import time

import pytest

from conftest import free_port, seconds, sessions, wait_for

STREAM = 'loadmodule "event_stream.so"\n'


class Stream:
    """A TCP subscriber. `answer(request)` gives the reply to send, or None; `gate` cleared: it does not read."""

    def __init__(self, port=None, answer=None, method=None):
        self.listener = socket.create_server(("127.0.0.1", port or 0))
        self.port = self.listener.getsockname()[1]
        self.name = "tcp:127.0.0.1:%d%s" % (self.port, "/" + method if method else "")
        self.answer = answer
        self.events, self.connections, self.bytes = [], [], 0
        self.gate = threading.Event()
        self.gate.set()
        self.running = True
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while self.running:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        decoder, text = json.JSONDecoder(), ""
        while self.running:
            self.gate.wait()
            try:
                part = connection.recv(65536)
            except OSError:
                return
            if not part:
                return
            self.bytes += len(part)
            text += part.decode()
            while text:
                try:
                    value, end = decoder.raw_decode(text)
                except ValueError:
                    break
                assert json.dumps(value, separators=(",", ":")) == text[:end], "compact"
                text = text[end:]
                self.events.append(value)
                reply = self.answer and self.answer(value)
                if reply:
                    try:
                        connection.sendall(reply if isinstance(reply, bytes) else json.dumps(reply).encode())
                    except OSError:
                        return

    def all(self, name=None):
        return [e["params"] for e in list(self.events) if name is None or e["method"] == name]

    def drop(self):
        """Closes all connections and stays."""
        while self.connections:
            one = self.connections.pop()
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def close(self):
        self.running = False
        self.gate.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop()


@pytest.fixture
def stream():
    made = []

    def make(**options):
        made.append(Stream(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def say(server, *values, event="E_CORE_THRESHOLD"):
    server.mi("evi:raise", event=event, **({"params": list(values)} if values else {}))


def confirm(request):
    return {"jsonrpc": "2.0", "result": 8, "id": request["id"]}


def test_the_wire(start, stream):
    server = start("options.cfg", EXTRA=STREAM)
    plain, renamed = stream(), stream(method="handle_cmd")
    for one in (plain, renamed):
        server.subscribe(one, "E_CORE_THRESHOLD")
    for number in range(100):
        say(server, number, "two\r\n")
    server.mi("evi:raise", event="E_CORE_THRESHOLD", params={"k": "v", "n": 2})
    say(server)
    for one, method in ((plain, "E_CORE_THRESHOLD"), (renamed, "handle_cmd")):
        wait_for(lambda: len(one.events) == 102, "the events")
        assert one.events[:100] == [{"jsonrpc": "2.0", "method": method, "params": [n, "two\r\n"]} for n in range(100)]
        assert one.events[100:] == [{"jsonrpc": "2.0", "method": method, "params": {"k": "v", "n": 2}},
                                    {"jsonrpc": "2.0", "method": method}]
        assert len(one.connections) == 1
    wait_for(lambda: server.statistic("evi:sent_events") == 204, "the figure")
    listed = server.mi("evi:subscribers", event="E_CORE_THRESHOLD")["Event"]["Subscribers"]
    assert sorted(s["socket"] for s in listed) == sorted([plain.name, renamed.name])


def test_sockets_that_are_none(start):
    server = start("options.cfg", EXTRA=STREAM)
    for name in ("tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:0.0.0.0:5", "tcp:host.example:5", "tcp:127.0.0.1:x/m",
                 "tcp:127.0.0.1:5/" + "m" * 200):
        reply = server.mi_call("evi:subscribe", {"event": "E_CORE_THRESHOLD", "socket": name})
        assert reply["error"]["code"] == 400, name


def test_the_events_name_in_the_parameters(start, stream):
    server = start("options.cfg", EXTRA=STREAM + 'modparam("event_stream", "event_param", "opensips_event")')
    one = stream(method="handle_cmd")
    server.subscribe(one, "E_CORE_THRESHOLD", "E_PROFILING_SCRIPT")
    server.mi("evi:raise", event="E_CORE_THRESHOLD", params={"ip": "192.168.2.11"})
    say(server, 3, 5)
    say(server)
    wait_for(lambda: len(one.events) == 3, "the events")
    assert [e["params"] for e in one.events] == [{"opensips_event": "E_CORE_THRESHOLD", "ip": "192.168.2.11"},
                                                ["E_CORE_THRESHOLD", 3, 5], {"opensips_event": "E_CORE_THRESHOLD"}]


def test_profiling_over_a_stream(start, stream, sipp):
    server = start("options.cfg", EXTRA=STREAM)
    one = stream()
    server.subscribe(one, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    server.mi("core:profiling_proc", level=1)
    sipp("options", "127.0.0.1:%d" % server.port, calls=500, rate=1000).finish()
    wait_for(lambda: len([r for r in one.all("E_PROFILING_SCRIPT") if r["verb"] == "end"]) == 500, "the records")
    server.mi("core:profiling_proc", level=0)
    assert len(sessions(one.all("E_PROFILING_SCRIPT"))) == 500
    assert len(sessions(one.all("E_PROFILING_PROC"))) >= 100 and len(one.connections) == 1
    assert not server.statistic("evi:lost_records") and not server.statistic("evi:lost_subscriber_full")


# Reliable mode

def reliable(milliseconds=10_000):
    """Parameters of reliable mode; an answer that takes longer has the event sent again."""
    return STREAM + 'modparam("event_stream", "reliable_mode", 1)\nmodparam("event_stream", "timeout", %d)\n' % milliseconds


def test_reliable_one_after_the_other(start, stream):
    server = start("options.cfg", EXTRA=reliable())
    open_requests = []

    def answer(request):
        open_requests.append(request["id"])
        assert len(open_requests) == 1, "the next before the answer"
        open_requests.clear()
        return confirm(request)

    one = stream(answer=answer)
    server.subscribe(one, "E_CORE_THRESHOLD")
    for number in range(50):
        say(server, number)
    wait_for(lambda: len(one.events) == 50, "the events")
    assert [e["params"] for e in one.events] == [[n] for n in range(50)]
    assert len({e["id"] for e in one.events}) == 50 and all(list(e)[0] == "id" for e in one.events)
    wait_for(lambda: server.statistic("evi:sent_events") == 50, "the figure")


def test_reliable_goes_on_where_it_was(start, stream):
    """The connection goes, or no answer comes: the event goes out again, with its id; none is lost."""
    server = start("options.cfg", EXTRA=reliable(1000))
    one = stream(answer=lambda request: confirm(request) if len(one.events) > 1 else None)
    server.subscribe(one, "E_CORE_THRESHOLD")
    say(server, "first")
    wait_for(lambda: len(one.events) >= 1, "the first try")
    wait_for(lambda: len(one.events) >= 2, "the second")
    # An answer of ours that is late has it come once more.
    assert all(event == one.events[0] for event in list(one.events)) and len(one.connections) >= 2
    wait_for(lambda: server.statistic("evi:sent_events") == 1, "the answer to count")
    one.drop()
    say(server, "second")
    wait_for(lambda: one.all()[-1] == ["second"] and server.statistic("evi:sent_events") == 2, "the second event")
    assert server.statistic("evi:lost_unreachable") == 0


def test_reliable_refusals_are_counted(start, stream):
    server = start("options.cfg", EXTRA=reliable())
    one = stream(answer=lambda r: {"jsonrpc": "2.0", "error": {"code": 1, "message": "no"}, "id": r["id"]}
                 if r["params"] == ["bad"] else confirm(r))
    server.subscribe(one, "E_CORE_THRESHOLD")
    for text in ("good", "bad", "good"):
        say(server, text)
    wait_for(lambda: len(one.events) == 3 and server.statistic("evi:sent_events") == 2, "the events")
    assert server.statistic("evi:lost_refused") == 1


@pytest.mark.parametrize("reply", [b"garbage", b"[]", b"{" + b"x" * 100_000, b'{"jsonrpc":"2.0","result":1,"id":999999}'])
def test_reliable_and_nonsense(start, stream, reply):
    """Nonsense is no confirmation: the connection is given up, the subscriber put on hold, others do not suffer."""
    server = start("options.cfg", EXTRA=reliable(2000))
    bad, good = stream(answer=lambda r: reply), stream(answer=confirm)
    for one in (bad, good):
        server.subscribe(one, "E_CORE_THRESHOLD")
    for number in range(5):
        say(server, number)
    wait_for(lambda: [4] in good.all(), "the good one's")
    wait_for(lambda: len(bad.events) >= 2, "another try")
    assert {json.dumps(e["params"]) for e in bad.events} == {"[0]"}
    wait_for(lambda: server.statistic("evi:unreachable_subscribers") == 1, "the state")


# Trouble


def test_nobody_there_and_then_somebody(start, stream):
    server = start("options.cfg", EXTRA=STREAM)
    port = free_port()
    name = "tcp:127.0.0.1:%d" % port
    server.mi("evi:subscribe", event="E_PROFILING_SCRIPT", socket=name)
    server.mi("evi:subscribe", event="E_CORE_THRESHOLD", socket=name)
    say(server, "lost")
    wait_for(lambda: server.statistic("evi:unreachable_subscribers") == 1, "it to be known")
    wait_for(lambda: server.statistic("evi:lost_unreachable") == 1, "the loss to be counted")
    one = stream(port=port)
    wait_for(lambda: say(server, "found") or one.events, "a new try")
    assert one.all()[0] == ["found"]
    one.drop()  # it goes and is there again: the next event finds it
    wait_for(lambda: say(server, "again") or ["again"] in one.all(), "a new connection")


def test_a_slow_reader_is_bounded_and_counted(start, stream):
    """It loses; the others, and the server's memory, do not."""
    server = start("options.cfg", EXTRA=STREAM + 'modparam("event_stream", "timeout", 2000)')
    slow, good = stream(), stream()
    slow.gate.clear()
    for one in (slow, good):
        server.subscribe(one, "E_CORE_THRESHOLD")
    sent = 0

    def lost():
        nonlocal sent
        for _ in range(10):
            say(server, "x" * 40_000)
            sent += 1
        wait_for(lambda: len(good.events) == sent, "the good one's")
        return server.statistic("evi:lost_subscriber_full") or server.statistic("evi:lost_unreachable")

    wait_for(lost, "a loss", timeout=30)
    # Said in the log, since it is tried again soon, with success: a new connection takes as much as the kernel does.
    wait_for(lambda: "event subscriber %s can't be reached" % slow.name in server.tail(100_000), "the slow one to be cut")
    slow.gate.set()
    wait_for(lambda: say(server, "back") or ["back"] in slow.all(), "it to come back")


def test_a_dead_stream_does_not_delay_requests(start, stream):
    server = start("options.cfg", EXTRA=STREAM)
    # 10.255.255.1 leads nowhere: a connection that is never answered. A port without a listener refuses.
    for name in ("tcp:10.255.255.1:9", "tcp:127.0.0.1:%d" % free_port()):
        server.mi("evi:subscribe", event="E_CORE_THRESHOLD", socket=name)
    good = stream()
    server.subscribe(good, "E_CORE_THRESHOLD")
    # A machine that stands still delays one or two.
    assert sorted(seconds(lambda: say(server, number)) for number in range(100))[-3] < 0.5
    wait_for(lambda: len(good.events) == 100, "the good one's")


def test_fields_that_are_asked_for(start, stream, events):
    extra = STREAM + 'modparam("event_stream", "profiling_fields", "parent,nsec")'
    server = start("options.cfg", EXTRA=extra)
    one = stream()
    for subscriber in (one, events):
        server.subscribe(subscriber, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    server.mi("core:profiling_proc", level=1)
    from test_events import ask
    ask(server.port)
    wait_for(lambda: len([r for r in one.all() if r["verb"] == "end"]) == 2, "the records")
    events.settle()
    starts = {r["type"]: r for r in one.all("E_PROFILING_SCRIPT") if r["verb"] == "start"}
    process = {r["session"] for r in one.all("E_PROFILING_PROC")}
    assert starts[1]["parent"] in process
    assert all(r["nsec"] // 1000 == r["usec"] for r in one.all())
    # Who does not ask gets the seed's fields and no others.
    known = {"sec", "usec", "session", "verb", "name", "type", "depth", "file", "line", "status"}
    assert events.all() and all(set(r) <= known for r in events.all())
    without = [{k: v for k, v in r.items() if k in known} for r in one.all("E_PROFILING_PROC")]
    assert without == events.all("E_PROFILING_PROC")
    reply = server.mi_call("evi:subscribe", dict(event="E_PROFILING_PROC", socket=events.name, expire=9, fields="more"))
    assert reply["error"]["code"] == -32602 and "nsec" in reply["error"]["data"]


@pytest.mark.parametrize("line,words", [
    ('modparam("event_stream", "profiling_fields", "more")', "parent, link, call, nsec"),
    ('modparam("event_stream", "timeout", 0)', "1 to 60000"),
    ('loadmodule "event_datagram.so"\nmodparam("event_datagram", "profiling_fields", "x")', "parent, link, call, nsec")])
def test_bad_parameters(start, line, words):
    server = start("options.cfg", wait=False, EXTRA=STREAM + line)
    assert server.process.wait(20) == 1 and words in server.tail()
    server.log.close()
    server.stop = lambda: None
