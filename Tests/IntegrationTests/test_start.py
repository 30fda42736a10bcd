"""How a server starts, refuses to start, and ends."""
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading

import pytest

from conftest import SIPRAY, free_port, wait_for

MINIMAL = """stderror_enabled=yes
socket=udp:127.0.0.1:@PORT@
loadmodule "proto_udp.so"
loadmodule "sl.so"
loadmodule "signaling.so"
loadmodule "mi_datagram.so"
modparam("mi_datagram", "socket_name", "udp:127.0.0.1:@MI_PORT@")
@TOP@
route {
	@ROUTE@
	send_reply(200, "OK");
}
"""


def script(directory, port=0, mi_port=0, top="", route="", text=MINIMAL):
    path = pathlib.Path(directory) / "script.cfg"
    for key, value in dict(PORT=port, MI_PORT=mi_port, TOP=top, ROUTE=route).items():
        text = text.replace("@%s@" % key, str(value))
    path.write_text(text)
    return path


def run(*arguments, **options):
    """A start that ends by itself."""
    return subprocess.run([SIPRAY, "serve", *map(str, arguments)], capture_output=True, text=True, timeout=15, **options)


def is_free(port, address="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
            return True
        except OSError:
            return False


def listening(pid):
    """The UDP ports that a process holds, as (address, port)."""
    inodes = set()
    for number in os.listdir("/proc/%d/fd" % pid):
        try:
            target = os.readlink("/proc/%d/fd/%s" % (pid, number))
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    for line in open("/proc/%d/net/udp" % pid).readlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            ports.add(int(fields[1].split(":")[1], 16))
    return ports


def ask(port, method="OPTIONS", user="x", timeout=5):
    """Sends one request by hand, gives the whole answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(timeout)
        own = client.getsockname()[1]
        client.sendto((
            "%s sip:%s@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %d@x\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n"
            % (method, user, port, own, own, own, method)).encode(), ("127.0.0.1", port))
        return client.recv(65536).decode()


class Waiting:
    """Sends requests all the time; the answers are left unread."""

    def __init__(self, port, user="x"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.user, self.count, self.running = port, user, 0, True
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self):
        own = self.socket.getsockname()[1]
        while self.running:
            self.count += 1
            self.socket.sendto((
                "OPTIONS sip:%s@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKw%d\r\n"
                "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: w%d@x\r\nCSeq: 1 OPTIONS\r\n\r\n"
                % (self.user, self.port, own, self.count, self.count)).encode(), ("127.0.0.1", self.port))
            if self.count % 20 == 0:
                threading.Event().wait(0.005)

    def stop(self):
        self.running = False
        self.thread.join()
        self.socket.close()


# Scripts that are refused


@pytest.mark.parametrize("part, place, words", [
    (dict(route='send_repl(200, "OK");'), (10, 2), ["unknown function", "send_repl"]),
    (dict(route="if ($rm == ) exit;"), (10, 13), ["error"]),
    (dict(top='loadmodule "nosuch.so"'), (8, 12), ["nosuch", "registrar", "usrloc", "textops"]),
    (dict(top="route[a] { route(missing); }"), (8, 18), ["missing"]),
    (dict(top="udp_workers=0"), (8, 13), ["udp_workers", "1 to"]),
    (dict(top="socket=tcp:127.0.0.1:5060"), (8, 1), ["tcp"]),
    (dict(top="socket=udp:127.0.0.1:0"), (8, 1), ["port 0"]),
    (dict(top='modparam("mi_datagram", "no_such", 1)'), (8, 25), ["no_such"]),
])
def test_a_bad_script_is_refused_before_a_socket_is_opened(tmp_path, part, place, words):
    port = free_port()
    path = script(tmp_path, port, free_port(), **part)
    # Nobody else can have the port while we hold it: an attempt would show as another error.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", port))
        done = run(path, "-P", tmp_path / "pid")
    assert done.returncode == 1
    assert "%s:%d:%d: " % (path, *place) in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "in use" not in done.stderr and "listening" not in done.stderr
    assert is_free(port) and not (tmp_path / "pid").exists()


def test_all_mistakes_are_told_in_one_run(tmp_path):
    path = script(tmp_path, top='loadmodule "nosuch.so"', route="nope(); nopenope();")
    done = run(path)
    assert done.returncode == 1
    assert len(re.findall(re.escape(str(path)) + r":\d+:\d+: error", done.stderr)) == 3, done.stderr


def test_a_bad_management_address_is_refused_before_a_socket_is_opened(tmp_path):
    port = free_port()
    path = script(tmp_path, port, text=MINIMAL.replace("udp:127.0.0.1:@MI_PORT@", "udp:nowhere"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", port))
        done = run(path)
    assert done.returncode == 1
    assert "socket_name" in done.stderr and "in use" not in done.stderr, done.stderr


def test_a_missing_file_says_so(tmp_path):
    done = run(tmp_path / "none.cfg")
    assert done.returncode == 1 and "none.cfg" in done.stderr and "no such file" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    ([], "Which script"),
    (["a.cfg", "-f", "b.cfg"], "given twice"),
    (["a.cfg", "-o", "novalue"], "name=value"),
    (["a.cfg", "--nosuch"], "--nosuch"),
])
def test_a_wrong_command_line_says_what_is_wrong(arguments, words):
    done = run(*arguments)
    assert done.returncode == 64 and words in done.stderr


@pytest.mark.parametrize("text", ["udp:127.0.0.1:0", "udp:127.0.0.1:99999", "tcp:127.0.0.1:5060", "udp:", "sctp:1.2.3.4"])
def test_a_wrong_listener_says_what_is_wrong(tmp_path, text):
    done = run(script(tmp_path, free_port(), free_port()), "-l", text)
    assert done.returncode == 1 and "-l" in done.stderr and text.split(":")[0] in done.stderr, done.stderr


def test_check_only_opens_nothing(tmp_path):
    port = free_port()
    path = script(tmp_path, port, free_port())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", port))
        for flag in ("-c", "-C"):
            assert run(flag, "-f", path).returncode == 0
            bad = run(flag, script(tmp_path, port, route="nope();"))
            assert bad.returncode == 1 and ":10:2: error" in bad.stderr
            path = script(tmp_path, port, free_port())


def test_an_address_in_use_is_told(start, tmp_path):
    server = start("options.cfg")
    done = run(script(tmp_path, server.port, free_port()))
    assert done.returncode == 1
    assert "udp:127.0.0.1:%d" % server.port in done.stderr and "in use" in done.stderr, done.stderr
    # So is that of management, and nothing is left behind.
    port = free_port()
    done = run(script(tmp_path, port, server.mi_port), "-P", tmp_path / "pid")
    assert done.returncode == 1 and str(server.mi_port) in done.stderr and "in use" in done.stderr, done.stderr
    assert is_free(port) and not (tmp_path / "pid").exists()
    server.mi("version")


# Start options


def test_listeners_of_the_command_line_replace_those_of_the_script(start):
    first, second, scripts = free_port(), free_port(), free_port()
    server = start("options.cfg", port=scripts,
                   arguments=["-l", "udp:127.0.0.1:%d" % first, "-l", "127.0.0.1:%d" % second])
    ports = listening(server.process.pid)
    assert {first, second} <= ports and scripts not in ports
    assert {p["Type"] for p in server.processes("SIP receiver")} == {
        "SIP receiver udp:127.0.0.1:%d" % p for p in (first, second)}
    assert ask(first).startswith("SIP/2.0 200") and ask(second).startswith("SIP/2.0 200")


def test_the_pid_file_is_written_and_removed(start, tmp_path):
    path = tmp_path / "sipray.pid"
    server = start("options.cfg", arguments=["-P", str(path)])
    assert path.read_text() == "%d\n" % server.process.pid
    attendant = server.mi("ps")["Processes"][0]
    assert (attendant["ID"], attendant["Type"], attendant["PID"]) == (0, "attendant", server.process.pid)
    server.stop()
    assert not path.exists()


def test_options_that_mean_nothing_are_taken_with_a_note(start):
    server = start("options.cfg", arguments=["-F", "-m", "64", "-M", "8", "-n", "4", "-N", "2", "-E"])
    text = server.tail()
    for option in ("-m", "-M", "-n", "-N"):
        assert re.search(r"NOTICE:core: %s is taken and does nothing" % option, text), text
    assert "-F is" not in text


def test_script_arguments_reach_the_script(start):
    server = start("options.cfg", arguments=["-o", "site=berlin", "-o", "empty="], port=free_port(),
                   ROUTE='if ($argv(site) == "berlin" && $argv(none) == NULL) { send_reply(299, "$argv(site)"); exit; }')
    assert ask(server.port).startswith("SIP/2.0 299 berlin")


def test_the_script_is_read_from_standard_input(tmp_path):
    port, mi_port = free_port(), free_port()
    log = open(tmp_path / "log", "w+")
    with open(script(tmp_path, port, mi_port)) as text:
        process = subprocess.Popen([SIPRAY, "serve", "-"], stdin=text, stderr=log)
    try:
        wait_for(lambda: process.poll() is None and port in listening(process.pid)
                 and "is up" in (tmp_path / "log").read_text(), "the server")
        assert ask(port).startswith("SIP/2.0 200")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
    bad = subprocess.run([SIPRAY, "serve", "-"], input="route { nope(); }\n", capture_output=True, text=True, timeout=15)
    assert bad.returncode == 1 and ":1:9: error" in bad.stderr, bad.stderr


def test_the_working_directory_holds_for_relative_paths(start, tmp_path):
    (tmp_path / "there").mkdir()
    server = start("options.cfg", arguments=["-w", str(tmp_path / "there")])
    assert server.mi("pwd") == {"WD": str(tmp_path / "there")}
    assert server.mi("arg")[1:] == ["serve", str(server.cfg), "-w", str(tmp_path / "there")]


# Ends


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_under_load(start, number):
    server = start("options.cfg")
    load = Waiting(server.port)
    wait_for(lambda: server.statistic("core:rcv_requests") > 200, "load")
    server.process.send_signal(number)
    assert server.process.wait(5) == 0
    load.stop()
    assert is_free(server.port) and not os.path.exists(server.fifo)


@pytest.mark.parametrize("wait", ["usleep(60000000)", "sleep(3600)"])
def test_it_ends_while_scripts_wait(start, wait):
    server = start("options.cfg", ROUTE="%s;" % wait)
    load = Waiting(server.port)
    wait_for(lambda: server.statistic("core:rcv_requests") > 50, "scripts that wait")
    load.stop()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 0


def test_it_ends_while_scripts_loop(start, tmp_path):
    """A process that is stuck in its script is not waited for."""
    path = tmp_path / "pid"
    server = start("options.cfg", WORKERS=1, EXTRA="max_while_loops=1000000", arguments=["-P", str(path)], ROUTE="""
        $var(i) = 0;
        while ($var(i) < 900000) { $var(j) = 0; while ($var(j) < 900000) { $var(j) = $var(j) + 1; } }""")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        for number in range(60):
            client.sendto((
                "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKl%d\r\n"
                "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: l%d@x\r\nCSeq: 1 OPTIONS\r\n\r\n"
                % (number, number)).encode(), ("127.0.0.1", server.port))
        wait_for(lambda: server.statistic("core:rcv_requests") > 0, "the loop")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
    assert not path.exists()


def test_it_ends_while_transactions_are_open(start):
    server = start("options.cfg", ROUTE='t_newtran(); exit;')
    load = Waiting(server.port)
    wait_for(lambda: server.statistic("tm:inuse_transactions") > 50, "transactions")
    load.stop()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 0


def test_management_can_end_it(start):
    server = start("options.cfg")
    assert server.mi("kill") == "OK"
    assert server.process.wait(5) == 0


def test_many_signals_end_it_once(start):
    server = start("options.cfg")
    for _ in range(20):
        server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 0


# Files that others can reach


@pytest.mark.parametrize("extra, modes", [("", (0o660, 0o660)), (
    'modparam("mi_fifo", "fifo_mode", 0600)\nmodparam("mi_datagram", "unix_socket_mode", 0622)', (0o600, 0o622))])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_fifo_and_unix_socket_have_exactly_their_modes(start, tmp_path, extra, modes, umask):
    path = tmp_path / "mi.sock"
    server = start("options.cfg", wait=False, umask=umask, EXTRA=
                   'modparam("mi_datagram", "socket_name", "unix:%s")\n%s' % (path, extra))
    wait_for(lambda: "is up" in server.tail(), "the start")
    fifo, unix = os.stat(server.fifo), os.stat(path)
    assert stat.S_ISFIFO(fifo.st_mode) and stat.S_ISSOCK(unix.st_mode)
    assert (stat.S_IMODE(fifo.st_mode), stat.S_IMODE(unix.st_mode)) == modes
    server.stop()
    assert not os.path.exists(server.fifo) and not path.exists()


def test_a_file_in_the_place_of_the_fifo_is_left_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_text("keep me")
    done = run(script(tmp_path, free_port(), free_port(), top='loadmodule "mi_fifo.so"\n'
                      'modparam("mi_fifo", "fifo_name", "%s")' % path))
    assert done.returncode == 1 and str(path) in done.stderr and "is no FIFO" in done.stderr
    assert path.read_text() == "keep me"


def test_files_of_a_server_that_was_killed_are_replaced(start, tmp_path):
    path = tmp_path / "mi.sock"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as old:
        old.bind(str(path))
    server = start("options.cfg", wait=False, EXTRA='modparam("mi_datagram", "socket_name", "unix:%s")\n'
                   'modparam("mi_fifo", "fifo_name", "%s")' % (path, fifo))
    wait_for(lambda: "is up" in server.tail(), "the start")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind(str(tmp_path / "client"))
        client.settimeout(5)
        client.sendto(b'{"jsonrpc":"2.0","id":1,"method":"version"}', str(path))
        assert "SIPRay" in json.loads(client.recv(65536))["result"]["Server"]
