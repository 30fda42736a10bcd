"""Management over HTTP: what the peer answers, statuses, records, credentials, and that nobody holds up another."""
import base64
import json
import os
import socket
import subprocess
import threading
import time

import pytest

from conftest import SIPRAY, free_port, sessions, wait_for

HEAD = {"Content-Type": "application/json"}


class HTTP:
    """One connection; requests and answers as bytes, so that broken ones can be made."""

    def __init__(self, port, address="127.0.0.1", timeout=10.0):
        self.socket = socket.create_connection((address, port), timeout)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    @staticmethod
    def request(body=b"", method="POST", path="/mi", headers=None, length=None):
        headers = HEAD if headers is None else headers
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: x"] + ["%s: %s" % h for h in headers.items()]
        if body or length is not None or method == "POST":
            lines.append("Content-Length: %d" % (len(body) if length is None else length))
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def receive(self):
        """(status, headers, body), or None when the server closed without a word."""
        while b"\r\n\r\n" not in self.buffer:
            part = self.socket.recv(65536)
            if not part:
                assert not self.buffer, self.buffer
                return None
            self.buffer += part
        head, rest = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        headers = {k.lower(): v.strip() for k, v in (l.split(":", 1) for l in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(rest) < length:
            part = self.socket.recv(65536)
            assert part, "the body is cut short"
            rest += part
        self.buffer = rest[length:]
        return status, headers, rest[:length]

    def ask(self, body=b"", **options):
        self.send(self.request(body, **options))
        return self.receive()

    def call(self, method, params=None, identifier=1, **options):
        request = {"jsonrpc": "2.0", "method": method}
        if identifier is not None:
            request["id"] = identifier
        if params is not None:
            request["params"] = params
        return self.ask(json.dumps(request).encode(), **options)

    def closed(self, timeout=10):
        """Whether the server has closed, or closes in that time."""
        self.socket.settimeout(timeout)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def close(self):
        self.socket.close()


@pytest.fixture
def web(start):
    """web(extra script lines, **values) → server with `http()`, which makes a connection to it."""
    made = []

    def make(extra="", parameters="", **values):
        port = free_port()
        script = ('loadmodule "httpd.so"\nmodparam("httpd", "port", %d)\n%s\nloadmodule "mi_http.so"\n%s\n'
                  % (port, parameters, extra))
        server = start("options.cfg", EXTRA=script, **values)
        server.http_port = port

        def http(timeout=10.0):
            made.append(HTTP(port, timeout=timeout))
            return made[-1]

        server.http = http
        return server

    yield make
    for one in made:
        one.close()


def test_commands_are_answered(web):
    server = web()
    http = server.http()
    for path in ("/mi", "/mi/", "/mi?x=1"):
        status, headers, body = http.call("version", path=path)
        assert status == 200 and headers["content-type"] == "application/json"
        assert json.loads(body) == server.mi_call("version") | {"id": 1}
    # Errors are answers, too.
    status, _, body = http.call("nope")
    assert status == 200 and json.loads(body)["error"]["code"] == -32601
    assert http.call("ps", identifier="abc")[2].endswith(b',"id":"abc"}')
    # A notification is carried out and not answered; the peer leaves the client waiting.
    assert http.call("core:log_level", {"level": 2}, identifier=None)[0] == 204
    assert http.call("core:log_level", {"level": 3}, identifier=None)[2] == b""
    assert server.statistic("httpd:requests") == 7 and server.statistic("httpd:connections") == 1


def test_the_process_is_seen(web):
    server = web()
    process, = server.processes("HTTPD")
    assert process["Type"] == "HTTPD 127.0.0.1:%d" % server.http_port
    assert os.path.isdir("/proc/%d/task/%d" % (server.process.pid, process["PID"]))
    listed = json.loads(server.http().call("ps")[2])["result"]["Processes"]
    assert process in listed
    assert server.mi("httpd:list_root_path") == [{"http_root": "mi", "module": "mi_http"}]


def test_what_is_no_call(web):
    server = web()
    good = b'{"jsonrpc":"2.0","method":"pwd","id":1}'
    for options, status in [
            (dict(path="/"), 400), (dict(path="/mix"), 400), (dict(path="/mi/x"), 400), (dict(method="GET"), 405),
            (dict(method="DELETE"), 405), (dict(headers={"Content-Type": "text/plain"}), 415), (dict(headers={}), 415)]:
        answer = server.http().ask(good, **options)
        assert answer[0] == status and answer[2], options
    assert server.http().ask(good, path="/x")[2] == b"<html><body>Unable to parse URL!</body></html>"
    assert server.http().ask(good, method="GET")[1]["allow"] == "POST"
    assert server.http().ask(b"")[0] == 400
    assert server.http().ask(good, headers={"content-type": "Application/JSON; charset=UTF-8"})[0] == 200


def test_keeping_and_closing(web):
    server = web()
    http = server.http()
    one = HTTP.request(b'{"jsonrpc":"2.0","method":"pwd","id":1}')
    http.send(one * 20)  # one after the other in one write
    assert [http.receive()[0] for _ in range(20)] == [200] * 20
    http.send(one.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert http.receive()[1]["connection"] == "close" and http.closed(2)
    old = server.http()
    old.send(one.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert old.receive()[0] == 200 and old.closed(2)
    wait_for(lambda: server.statistic("httpd:connections") == 0, "the connections to be gone")


def test_credentials(web):
    server = web(parameters='modparam("httpd", "auth_username", "admin")\n'
                            'modparam("httpd", "auth_password", "se:cret")\nmodparam("httpd", "auth_realm", "here")')
    status, headers, _ = server.http().call("pwd")
    assert status == 401 and headers["www-authenticate"].startswith('Basic realm="here"')

    def token(text):
        return dict(HEAD, Authorization="Basic " + base64.b64encode(text).decode())

    assert server.http().call("pwd", headers=token(b"admin:wrong!"))[0] == 401
    assert server.http().call("pwd", headers=token(b"admin:se:cret"))[0] == 200
    good = subprocess.run([SIPRAY, "mi", "--http", "admin:se:cret@127.0.0.1:%d" % server.http_port, "pwd"],
                          capture_output=True, timeout=20)
    assert good.returncode == 0, good
    bad = subprocess.run([SIPRAY, "mi", "--http", "127.0.0.1:%d" % server.http_port, "pwd"], capture_output=True, timeout=20)
    assert bad.returncode == 2 and b"401" in bad.stderr and b"cret" not in bad.stderr


def test_the_client_speaks_http(web):
    server = web()
    address = "http://127.0.0.1:%d/mi" % server.http_port
    out = subprocess.run([SIPRAY, "mi", "--mi", address, "statistics:get", "httpd:"], capture_output=True, timeout=20)
    assert out.returncode == 0 and json.loads(out.stdout)["httpd:connections"] == 1
    out = subprocess.run([SIPRAY, "mi", "nope"], capture_output=True, timeout=20,
                         env=dict(os.environ, SIPRAY_MI=address))
    assert out.returncode == 1 and b"Method not found" in out.stderr
    out = subprocess.run([SIPRAY, "mi", "--http", "127.0.0.1:%d" % free_port(), "ps"],
                         capture_output=True, timeout=20)
    assert out.returncode == 2 and b"nobody serves" in out.stderr
    watch = subprocess.Popen([SIPRAY, "watch", "--mi", address, "--level", "2", "--seconds", "2", "--process", "HTTPD"],
                             stdout=subprocess.PIPE)
    http = server.http()
    while watch.poll() is None:
        http.call("pwd")
        time.sleep(0.05)
    assert watch.returncode == 0 and b"HTTPD_CB pwd" in watch.stdout.read()


def test_one_root_and_no_root(web, start):
    server = web(extra='modparam("mi_http", "root", "/manage/")')
    assert server.http().call("pwd", path="/manage")[0] == 200
    assert server.http().call("pwd", path="/mi")[0] == 400


def test_a_start_that_cannot_be(start, tmp_path):
    port = free_port()
    lines = 'loadmodule "httpd.so"\nmodparam("httpd", "port", %d)\nloadmodule "mi_http.so"\n' % port
    for extra, words in [('loadmodule "mi_http.so"', "mi_http needs httpd"),
                         (lines.replace(str(port), "80"), "1024 to 65535"),
                         (lines + 'modparam("httpd", "ip", "nowhere")', "no address")]:
        cfg = tmp_path / "bad.cfg"
        text = (tmp_path.parent and open(os.path.join(os.path.dirname(__file__), "cfg/options.cfg")).read())
        for key, value in dict(WORKERS=1, ADDRESS="127.0.0.1", PORT=free_port(), FIFO=tmp_path / "f", DIR=tmp_path,
                               MI_PORT=free_port(), EXTRA=extra, ROUTE="").items():
            text = text.replace("@%s@" % key, str(value))
        cfg.write_text(text)
        done = subprocess.run([SIPRAY, "serve", str(cfg)], capture_output=True, timeout=20)
        assert done.returncode == 1 and words.encode() in done.stderr + done.stdout, done
    with socket.create_server(("127.0.0.1", port)):
        server = start("options.cfg", wait=False, EXTRA=lines)
        assert server.process.wait(20) == 1
        assert "can't listen on 127.0.0.1:%d for HTTP" % port in server.tail()
    server.log.close()
    server.stop = lambda: None


def test_a_slow_command_holds_up_nobody(web):
    """`tm:uac_dlg` waits for an answer of a peer that never gives one; in the peer's server everything waits with it."""
    server = web()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        slow = server.http()
        slow.send(HTTP.request(json.dumps({
            "jsonrpc": "2.0", "id": 7, "method": "t_uac_dlg",
            "params": {"method": "OPTIONS", "ruri": "sip:x@127.0.0.1:%d" % silent.getsockname()[1],
                       "headers": "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"}}).encode()))
        silent.settimeout(5)
        request, sender = silent.recvfrom(65536)
        http = server.http()
        # A machine that stands still delays one or two.
        taken = []
        for _ in range(50):
            began = time.monotonic()
            assert http.call("ps")[0] == 200
            taken.append(time.monotonic() - began)
        assert sorted(taken)[-3] < 0.5
        fields = [l for l in request.split(b"\r\n") if l.split(b":")[0].lower() in (b"via", b"from", b"to", b"call-id", b"cseq")]
        silent.sendto(b"SIP/2.0 200 OK\r\n" + b"\r\n".join(fields) + b"\r\nContent-Length: 0\r\n\r\n", sender)
        status, _, body = slow.receive()
        assert status == 200 and json.loads(body)["id"] == 7 and json.loads(body)["result"]["Status"].startswith("200")


def test_records_have_name_and_status(web, events):
    server = web()
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", id=server.processes("HTTPD")[0]["ID"], level=2)
    http = server.http()
    http.call("ps")
    http.call("no:such")
    http.call("no:such", identifier=None)
    http.ask(b"{")
    http.call("pwd", identifier=None)
    http.ask(b"x", path="/nowhere")
    http.ask(b'[{"jsonrpc":"2.0","method":"pwd","id":1},{"jsonrpc":"2.0","method":"arg","id":2},'
             b'{"jsonrpc":"2.0","method":"no:such","id":3}]')
    wait_for(lambda: len([r for r in events.all() if r["verb"] == "end"]) >= 7, "the records")
    events.settle()
    name = "HTTPD 127.0.0.1:%d" % server.http_port
    seen = []
    for group in sessions(events.all()).values():
        assert group[0]["name"] == name and all(r["type"] == 4 for r in group)
        assert all(r["file"] == "answer_to_connection" and r["line"] == {"enter": 592, "exit": 599}[r["verb"]]
                   for r in group if r["verb"] in ("enter", "exit"))
        seen.append([(r["verb"], r["name"], r.get("status")) for r in group[1:-1]])
    assert seen == [
        [("enter", "HTTPD_CB ps", None), ("exit", "HTTPD_CB ps", 200)],
        [("enter", "HTTPD_CB", None), ("exit", "HTTPD_CB", 200)],
        [("enter", "HTTPD_CB", None), ("exit", "HTTPD_CB", 204)],
        [("enter", "HTTPD_CB", None), ("exit", "HTTPD_CB", 200)],
        [("enter", "HTTPD_CB pwd", None), ("exit", "HTTPD_CB pwd", 204)],
        [("enter", "HTTPD_CB", None), ("exit", "HTTPD_CB", 400)],
        [("enter", "HTTPD_CB", None), ("enter", "HTTPD_CB pwd", None), ("exit", "HTTPD_CB pwd", 200),
         ("enter", "HTTPD_CB arg", None), ("exit", "HTTPD_CB arg", 200), ("exit", "HTTPD_CB", 200)]]


def test_a_command_that_answers_later_has_the_status_in_its_second_job(web, events):
    server = web()
    server.subscribe(events, "E_PROFILING_PROC")
    server.mi("core:profiling_proc", id=server.processes("HTTPD")[0]["ID"], level=2)
    # Nobody is there: the transaction's answer is a 408 of the server's own, or a port that is closed.
    http = server.http()
    status, _, _ = http.call("t_uac_dlg", dict(method="OPTIONS", ruri="sip:x@127.0.0.1:%d" % free_port(),
                                               headers="From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"))
    name = "HTTPD_CB t_uac_dlg"
    wait_for(lambda: len([r for r in events.all() if r["verb"] == "end"]) >= 2, "the records")
    seen = [[(r["verb"], r["name"], r.get("status")) for r in group[1:-1]]
            for group in sessions(events.all()).values()]
    assert seen == [
        [("enter", name, None), ("exit", name, 0)],
        [("enter", "ipc_job", None), ("enter", "MI late reply", None), ("enter", name, None), ("exit", name, status),
         ("exit", "MI late reply", 0), ("exit", "ipc_job", 0)]]


def test_the_end_is_answered(web):
    server = web()
    idle = server.http()
    half = server.http()
    half.send(b"POST /mi HTTP/1.1\r\nHost:")
    status, _, body = server.http().call("kill")
    assert status == 200 and json.loads(body)["result"] == "OK"
    assert server.process.wait(5) == 0
    assert idle.closed(1) and half.closed(1)


def test_many_at_once(web):
    server = web()
    failures = []

    def work():
        http = server.http()
        for number in range(40):
            answer = http.call("statistics:get", {"statistics": ["core:"]}, identifier=number)
            if answer[0] != 200 or json.loads(answer[2])["id"] != number:
                failures.append(answer)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures and server.statistic("httpd:requests") == 640
