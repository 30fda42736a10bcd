"""What our commands do on a terminal: they fit into it, go on while a server is silent, and what strangers wrote does nothing to it."""
import json
import re
import signal
import socket
import subprocess
import threading

import pytest

from conftest import SIPRAY, free_port, wait_for
from sip import Agent
from terminal import terminal  # noqa: F401 (fixture)
from test_docs import HEAD

EVIL = "\x1b[2J\x1b]0;owned\x07\x7f\u009b31m\u202e"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def management(server):
    return ["--udp", "127.0.0.1:%d" % server.mi_port]


def test_what_strangers_wrote_is_only_shown(start, agent, terminal):  # noqa: F811
    server = start("options.cfg")
    registrar = agent(server)
    registrar.request("REGISTER", "sip:127.0.0.1", callee="sip:alice@127.0.0.1", call_id="id" + EVIL + "@x",
                      headers=["Contact: <sip:alice@127.0.0.1:9>", "User-Agent: Phone " + EVIL + " 1"])
    registrar.expect(200)
    agents = [c["User-agent"] for c in contacts(json.loads(raw(server)))]
    assert set(agents) == {"Phone " + EVIL + " 1"}, "the server keeps what was sent"
    assert not CONTROL.search(raw(server).rstrip("\n")), "JSON has escapes for it"
    for arguments in (["mi", "ul_dump"], ["mi", "ul_dump", "--raw"]):
        shown = terminal(*arguments, *management(server))
        assert shown.finish() == 0
        assert "Phone" in shown.text and not CONTROL.search(shown.text.replace("\r\n", "\n")), repr(shown.text)
    refused = terminal("mi", "no:such" + EVIL, *management(server))
    assert refused.finish() == 1 and not CONTROL.search(refused.text.replace("\r\n", "\n")), repr(refused.text)


def raw(server):
    return subprocess.run([SIPRAY, "mi", "ul_dump", *management(server)], capture_output=True, text=True, timeout=15, check=True).stdout


def contacts(value):
    """All objects with a user agent inside of a value."""
    if isinstance(value, list):
        return [c for one in value for c in contacts(one)]
    if isinstance(value, dict):
        return [value] if "User-agent" in value else [c for one in value.values() for c in contacts(one)]
    return []


def test_scripts_and_captures_are_only_shown(tmp_path, terminal):  # noqa: F811
    script = tmp_path / "evil.cfg"
    script.write_text('route { xlog("%s $nope"); nope%s(); }\n' % (EVIL, "\u009b"))
    shown = terminal("check", "--no-color", str(script))
    assert shown.finish() == 1
    assert "xlog" in shown.text and not CONTROL.search(shown.text.replace("\r\n", "\n")), repr(shown.text)
    capture = tmp_path / "evil.jsonl"
    record = {"name": "r" + EVIL, "file": "f" + EVIL, "line": 1, "type": 1, "session": 1, "status": 0, "sec": 1, "usec": 1}
    capture.write_text("".join(json.dumps({"jsonrpc": "2.0", "method": "E_PROFILING_PROC", "params": {
        **record, "verb": verb, "depth": depth, "usec": usec}}) + "\n" for usec, (verb, depth) in enumerate(
            [("start", 1), ("enter", 2), ("exit", 1), ("end", 1)])))
    for option in ("--no-color", "--json"):
        shown = terminal("watch", "--replay", str(capture), option)
        assert shown.finish() == 0, shown.text
        assert "owned" in shown.text and not CONTROL.search(shown.text.replace("\r\n", "\n")), repr(shown.text)


SIZES = [(24, 80), (10, 40), (60, 200)]
BUSY = HEAD + """
udp_workers=1
loadmodule "httpd.so"
modparam("httpd", "port", @HTTP@)
loadmodule "mi_http.so"
route {
	$var(turn) = 0;
	while ($var(turn) < 9000) { $var(turn) = $var(turn) + 1; }
	exit;
}
"""
REQUEST = (b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
           b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nX: " + b"x" * 1000 + b"\r\n\r\n")


def test_top_fits_and_tells_what_to_ask_without_the_password(start, terminal):  # noqa: F811
    """A finding with its command is whole on any terminal; the processes are those that have room, the busiest first."""
    http = free_port()
    server = start(BUSY, HTTP=http)
    receiver, = server.processes("SIP receiver")
    over = threading.Event()

    def load():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            number = 0
            while not over.wait(0.05):
                for number in range(number, number + 100):
                    caller.sendto(REQUEST % number, (server.address, server.port))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        top = terminal("top", "--http", "admin:secret@127.0.0.1:%d" % http, "--no-color")
        for rows, columns in SIZES:
            top.resize(rows, columns)
            top.screen()  # perhaps begun before the size changed
            lines = top.screen("finding", lambda lines: any("is busy all" in line for line in lines))
            assert top.fits(lines), (rows, columns, lines)
            names = next(i for i, line in enumerate(lines) if re.search(r"^  ID +PID", line))
            assert lines[0].startswith("up ") and lines[names + 1].split()[0] == str(receiver["ID"]), lines
            if rows >= 24:
                command, = re.findall(r"sipray watch --http (\S+) --process %d --seconds 5 --quiet$" % receiver["PID"],
                                      "\n".join(lines), re.M)
                assert command == "'USER:PASSWORD@127.0.0.1:%d'" % http
            else:
                assert not any("MI Datagram" in line for line in lines)
        assert "secret" not in top.text
        assert top.end() == 0
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("rows, columns", SIZES)
def test_calls_fit(start, terminal, rows, columns):  # noqa: F811
    with Agent(None) as caller, Agent(None) as callee:
        server = start(HEAD + 'modparam("tm", "fr_timeout", 60)\nloadmodule "dialog.so"\nroute { create_dialog(); $ru = "sip:bob@%s"; t_relay(); }\n' % callee.name)
        caller.server = (server.address, server.port)
        for number in range(30):
            caller.request("INVITE", "sip:bob@127.0.0.1", caller="sip:%s@127.0.0.1" % ("caller%02d" % number + "x" * 40))
            callee.expect("INVITE")
        calls = terminal("calls", "--every", "1", *management(server), rows=rows, columns=columns)
        lines = calls.screen()
        assert calls.fits(lines) and lines[0].startswith("30 dialogs"), lines
        shown = sum(line.startswith("  calling ") for line in lines)
        if rows == 60:
            assert shown == 30 and len(lines) == 32, lines
        else:
            assert shown == rows - 4 and lines[-1] == "  … and %d more" % (30 - shown)
        assert max(map(len, lines)) <= columns
        assert calls.end() == 0


@pytest.mark.parametrize("command", [["top"], ["calls", "--every", "1"]])
def test_a_server_that_is_silent_for_a_while(start, terminal, command):  # noqa: F811
    server = start("options.cfg", EXTRA='loadmodule "dialog.so"')
    shown = terminal(*command, *management(server))
    shown.screen()
    server.process.send_signal(signal.SIGSTOP)
    try:
        lines = shown.screen("error", lambda lines: "no answer" in lines[0])
        assert lines[1] == "asked again every 1 s; Ctrl-C ends"
    finally:
        server.process.send_signal(signal.SIGCONT)
    shown.screen("figures", lambda lines: "no answer" not in lines[0])
    assert shown.end() == 0
    # Where nobody looks it is an error.
    server.process.send_signal(signal.SIGSTOP)
    try:
        done = subprocess.run([SIPRAY, command[0], *management(server)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and "no answer" in done.stderr
    finally:
        server.process.send_signal(signal.SIGCONT)
    wait_for(lambda: server.mi("version"), "the server")
