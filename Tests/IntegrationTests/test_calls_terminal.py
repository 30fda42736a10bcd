"""What `sipray calls` shows on terminals of different widths, and that what it shows can be given to the next command."""
import re
import subprocess

import pytest

from conftest import SIPRAY
from sip import Agent
from terminal import terminal  # noqa: F401 (fixture)
from test_docs import HEAD

IDENTIFIERS = ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6@pbx-%d.branch.example.com" % number for number in range(3)]
IDENTIFIERS[2] = "a-short-one"
CALLERS = ["sip:+4930123456%d@pbx.branch.example.com" % number for number in range(3)]


@pytest.fixture
def server(start):
    with Agent(None) as caller, Agent(None) as callee:
        server = start(HEAD + 'loadmodule "dialog.so"\nroute { create_dialog(); $du = "sip:%s"; t_relay(); }\n' % callee.name)
        caller.server = (server.address, server.port)
        for identifier, one in zip(IDENTIFIERS, CALLERS):
            caller.request("INVITE", "sip:bob@127.0.0.1", caller=one, call_id=identifier)
            callee.reply(callee.expect("INVITE"), 180, "Ringing", tag="t")
            caller.expect(180)
        yield server


def command(server, *arguments):
    return ["calls", *arguments, "--no-color", "--udp", "127.0.0.1:%d" % server.mi_port]


def piped(server, *arguments):
    return subprocess.run([SIPRAY, *command(server, *arguments)], capture_output=True, text=True, timeout=15, check=True).stdout


def lines_of(shown):
    assert shown.finish() == 0
    return shown.text.replace("\r\n", "\n").rstrip("\n").split("\n")


def test_without_a_terminal_nothing_is_cut(server):
    text = piped(server)
    assert "…" not in text and all(text.count(word) == 1 for word in IDENTIFIERS + [one[4:] for one in CALLERS]), text
    lines = text.rstrip("\n").split("\n")
    assert {line.index(word) for line in lines[2:] for word in IDENTIFIERS if word in line} == {lines[1].index("Call-ID")}


@pytest.mark.parametrize("columns, is_cut", [(80, True), (120, True), (160, False), (200, False)])
def test_the_call_id_has_what_the_terminal_allows(server, terminal, columns, is_cut):  # noqa: F811
    lines = lines_of(terminal(*command(server), columns=columns))
    assert max(map(len, lines)) <= columns, lines
    rows = [line for line in lines if line.startswith("  ringing ")]
    assert len(rows) == 3
    whole = [row for row in rows if any(" %s " % identifier in row for identifier in IDENTIFIERS)]
    identifiers = [dialog["ID"] for dialog in server.mi("dialog:list")["Dialogs"]]
    assert sorted(row.split()[-1] for row in rows) == sorted(identifiers), "the ID is never cut"
    if not is_cut:
        assert len(whole) == 3 and "…" not in "".join(lines)
        return
    assert len(whole) == 1 and lines[-1] == "  … cut to fit: --wide shows all; --match takes what is shown"
    # All room is used.
    assert max(map(len, rows)) >= columns - 3, rows
    start = lines[1].index("Call-ID")
    shown = rows[[" a-short-one " in row for row in rows].index(False)][start:].split()[0]
    assert shown.endswith("…") and len(shown) >= (8 if columns == 80 else 20)
    found = piped(server, "--match", shown)
    assert "  2 of them match" in found and all(identifier in found for identifier in IDENTIFIERS[:2]), found


def test_wide_shows_all_on_any_terminal(server, terminal):  # noqa: F811
    lines = lines_of(terminal(*command(server, "--wide"), columns=60))
    assert all(any(identifier in line for line in lines) for identifier in IDENTIFIERS) and "…" not in "".join(lines)
    assert lines == piped(server).rstrip("\n").split("\n")
    done = subprocess.run([SIPRAY, *command(server, "--wide", "--every", "1")], capture_output=True, text=True, timeout=15)
    assert done.returncode == 64 and "leave --every out" in done.stderr


def test_a_word_that_ends_with_the_mark_is_a_beginning(server):
    assert re.search("  1 of them match", piped(server, "--match", "a-sh…"))
    assert "  0 of them match" in piped(server, "--match", "short…")
    assert "  1 of them match" in piped(server, "--match", "short")
