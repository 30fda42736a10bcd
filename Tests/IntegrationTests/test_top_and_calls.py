"""`sipray top` and `sipray calls`: what an operator asks a running server at night."""
import os
import pty
import re
import signal
import socket
import subprocess

import pytest

from b2bcalls import b2b_sessions
from conftest import SIPRAY, wait_for
from http_service import Service
from sip import Agent
from test_docs import HEAD, ring

SCRIPT = HEAD + """
loadmodule "dialog.so"
loadmodule "b2b_entities.so"
loadmodule "b2b_logic.so"
loadmodule "rest_client.so"
route {
	if (has_totag()) {
		loose_route();
		t_relay();
		exit;
	}
	if (is_method("CANCEL")) {
		t_check_trans();
		exit;
	}
	if (is_method("OPTIONS")) {
		rest_get("@SERVICE@/slow/30", $var(body));
		exit;
	}
	$ru = "sip:bob@@CALLEE@";
	if ($fU == "hidden") {
		b2b_init_request("top hiding");
		exit;
	}
	create_dialog();
	record_route();
	t_relay();
}
"""


@pytest.fixture
def agents():
    with Agent(None) as caller, Agent(None) as callee:
        yield caller, callee


@pytest.fixture
def server(start, agents):
    return start(SCRIPT, CALLEE=agents[1].name, SERVICE="http://127.0.0.1:1")


def sipray(server, *arguments):
    done = subprocess.run([SIPRAY, *arguments, "--udp", "127.0.0.1:%d" % server.mi_port], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "\x1b" not in done.stdout
    return done.stdout.rstrip("\n").split("\n")


def test_calls_that_are_up(server, agents):
    caller, callee = agents
    assert sipray(server, "calls") == ["0 dialogs, 0 back-to-back"]
    _, hang_up = ring(server, caller, callee, uri="sip:bob@127.0.0.1")
    wait_for(lambda: server.mi("dialog:list")["Dialogs"][0]["timestart"], "the start")
    ringing = caller.request("INVITE", "sip:carol@127.0.0.1", caller="sip:%s@127.0.0.1" % ("x" * 60))
    early = callee.expect("INVITE")
    callee.reply(early, 180, "Ringing", tag="e")
    caller.expect(180)
    caller.request("INVITE", "sip:dave@127.0.0.1", caller="sip:hidden@127.0.0.1")
    hidden = callee.expect("INVITE")
    callee.reply(hidden, 180, "Ringing", tag="h")
    caller.expect(180)
    lines = sipray(server, "calls")
    assert lines[0] == "2 dialogs (1 ringing, 1 talking), 1 back-to-back (1 ringing)"
    assert re.fullmatch(r"  state    through +age  caller +callee +Call-ID +ID", lines[1])
    assert len(lines) == 5
    # Columns stand below each other.
    assert all(line[11:].startswith(("dialog", "back-to-back")) and line[lines[1].index("caller") - 1] == " " for line in lines[2:])
    rows = {line.split()[0] + " " + line.split()[1]: line for line in lines[2:]}
    dialog, = [d for d in server.mi("dialog:list")["Dialogs"] if d["state"] == 4]
    assert re.fullmatch(r"  talking  dialog +\d s  caller@127.0.0.1 +bob@127.0.0.1 +%s +%s" % (
        re.escape(dialog["callid"]), re.escape(dialog["ID"])), rows["talking dialog"])
    assert re.search(r" \d s  x{60}@127.0.0.1  carol@127.0.0.1 +" + re.escape(ringing["call_id"]), rows["ringing dialog"])
    session, = b2b_sessions(server)
    assert re.search(r" \d s  hidden@127.0.0.1 +dave@127.0.0.1 .* %s$" % re.escape(session["key"]), rows["ringing back-to-back"])
    # One of them, the old ones, and too many.
    assert len(sipray(server, "calls", "--match", "dave")) == 4
    assert sipray(server, "calls", "--min-age", "1h")[1:] == ["  0 of them match"]
    assert sipray(server, "calls", "--limit", "1")[-1] == "  … and 2 more"
    # The IDs are those by which management ends a call.
    assert server.mi("dialog:end_dlg", dialog_id=rows["talking dialog"].split()[-1]) == "OK"
    assert callee.expect("BYE")
    assert server.mi("b2b_terminate_call", key=rows["ringing back-to-back"].split()[-1]) == "OK"
    callee.expect("CANCEL")


def test_more_sessions_than_a_datagram_holds(server, agents):
    caller, callee = agents
    caller.server = (server.address, server.port)
    for _ in range(50):
        caller.request("INVITE", "sip:dave@127.0.0.1", caller="sip:hidden@127.0.0.1")
        callee.reply(callee.expect("INVITE"), 180, "Ringing", tag="h")
        caller.expect(180)
    assert "use the FIFO" in server.mi_call("b2b_list")["error"]["data"]
    lines = sipray(server, "calls", "--limit", "100")
    assert lines[0] == "0 dialogs, 50 back-to-back (50 ringing)" and len(set(lines)) == 52
    lines = sipray(server, "calls", "--limit", "20")
    assert lines[0].startswith("0 dialogs, 50 back-to-back") and len(lines) == 23 and lines[-1] == "  … and 30 more"
    for session in server.mi("b2b_list", index=0, counter=25)["Tuples"]:
        server.mi("b2b_terminate_call", key=session["key"])


def test_more_dialogs_than_a_datagram_holds(server, agents):
    """All are looked at, in replies that fit, so that the oldest is among those that are shown."""
    caller, callee = agents
    caller.server = (server.address, server.port)
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=%s\r\n" % ("x" * 800)
    for number in range(60):
        caller.request("INVITE", "sip:dave@127.0.0.1", caller="sip:c%d@127.0.0.1" % number, body=body)
        callee.reply(callee.expect("INVITE"), 180, "Ringing", tag="h")
        caller.expect(180)
        if number == 0:
            first, = server.mi("dialog:list")["Dialogs"]
            wait_for(lambda: server.mi("dialog:list")["Dialogs"][0]["age"] >= 2, "the first to be the oldest")
    assert "use the FIFO" in server.mi_call("dialog:list")["error"]["data"]
    lines = sipray(server, "calls", "--limit", "60")
    assert lines[0] == "60 dialogs (60 ringing), 0 back-to-back" and len(set(lines)) == 62
    lines = sipray(server, "calls", "--limit", "5")
    assert len(lines) == 8 and lines[-1] == "  … and 55 more" and lines[2].split()[-1] == first["ID"]
    assert "  1 of them match" in sipray(server, "calls", "--match", "c59@")


def test_a_server_that_follows_no_calls(start):
    server = start(HEAD + "route { exit; }\n")
    assert sipray(server, "calls") == ["the server follows no calls: it has neither dialog nor b2b_logic"]


def test_top_of_a_server(start, agents):
    service = Service()
    try:
        server = start(SCRIPT, CALLEE=agents[1].name, SERVICE=service.url)
        caller, callee = agents
        ring(server, caller, callee, uri="sip:bob@127.0.0.1")
        caller.request("OPTIONS", "sip:127.0.0.1")
        wait_for(lambda: service.waiting == 1, "the script to wait")
        text = "\n".join(sipray(server, "top"))
        assert re.match(r"up \d+ s   SIP processes busy \d+ %, \d+ % in a minute, \d+ % in ten   \d+ MiB\n", text), text
        assert "look at" not in text
        assert re.search(r"^  traffic   [\d.]+ requests/s   [\d.]+ replies/s   [\d.]+ transactions/s", text, re.M)
        assert "   1 dialogs   0 ringing   0 back-to-back   1 waiting scripts\n" in text, text
        # A machine that stands still makes timers late.
        lost = re.search(r"^  lost      (nothing|(\d+) late timers)   0 B wait to be read$", text, re.M)
        assert lost and int(lost[2] or 0) <= server.statistic("timer:late_runs"), text
        for process in server.mi("ps")["Processes"]:
            assert re.search(r"^ +%d +%d +\d+ +\d+ +\d+ +0  %s$" % (process["ID"], process["PID"], re.escape(process["Type"])),
                             text, re.M), text
        assert server.statistic("core:waiting_scripts") == 1
    finally:
        service.close()
    wait_for(lambda: server.statistic("core:waiting_scripts") == 0, "the script to go on")


BUSY = HEAD + """
udp_workers=1
route {
	$var(turn) = 0;
	while ($var(turn) < 9000) { $var(turn) = $var(turn) + 1; }
	exit;
}
"""


def test_top_tells_what_is_wrong_and_what_to_ask(start):
    server = start(BUSY)
    receiver, = server.processes("SIP receiver")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        request = (b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
                   b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nX: " + b"x" * 1000 + b"\r\n\r\n")

        def findings():
            for number in range(1000):
                caller.sendto(request % number, (server.address, server.port))
            text = "\n".join(sipray(server, "top"))
            return text if "busy all the time" in text and "more comes in" in text else None

        text = wait_for(findings, "the process to be too busy", timeout=30)
        command, = re.findall(r"process %d is busy all the time, with what: sipray (watch .*)$" % receiver["ID"], text, re.M)
        watching = subprocess.Popen([SIPRAY, *command.replace("--seconds 5", "--seconds 1").split()], text=True, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)
        # Busy for as long as it is watched, however late that begins.
        while watching.poll() is None:
            findings()
        told = watching.stdout.read()
        watching.stdout.close()
    assert re.search(r"^  look at   more comes in than is read: [\d.]+ [KM]iB wait, [\d.]+ datagrams/s dropped$", text, re.M), text
    assert command == "watch --udp 127.0.0.1:%d --process %d --seconds 5 --quiet" % (server.mi_port, receiver["PID"])
    assert watching.returncode == 0 and re.search(r"^<root>.*sipray\.cfg:\d+ +\d+ ", told, re.M), told


@pytest.mark.parametrize("command", [["top"], ["calls", "--every", "1"]])
def test_a_terminal_is_drawn_anew_until_ctrl_c(server, command):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([SIPRAY, *command, "--udp", "127.0.0.1:%d" % server.mi_port], stdin=theirs, stdout=theirs,
                               stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    drawn = b""
    while drawn.count(b"\x1b[H\x1b[2J") < 2:
        drawn += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    os.close(ours)


@pytest.mark.parametrize("command", ["top", "calls"])
def test_nobody_there(tmp_path, command):
    done = subprocess.run([SIPRAY, command, "--fifo", str(tmp_path / "none")], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1 and "is the server running" in done.stderr
