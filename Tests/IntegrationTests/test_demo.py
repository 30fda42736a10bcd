"""`sipray demo`: a show that ends well by itself, is coloured for people only, and leaves nothing behind."""
import glob
import os
import pty
import re
import signal
import subprocess

import pytest

from conftest import SIPRAY, best_of

SHORT = ["--calls", "40", "--rate", "40", "--users", "40"]


def directories():
    return set(glob.glob("/tmp/sipray-demo-*"))


@pytest.fixture
def leaves_nothing():
    before = directories()
    yield
    assert directories() <= before


def gone(pid):
    return not os.path.exists("/proc/%d" % pid)


def server_of(text):
    return int(re.search(r"^server .* pid (\d+)", text, re.M).group(1))


def test_it_shows_every_kind_of_call(tmp_path, leaves_nothing):
    # A server too busy to say what is up is passed over.
    done = best_of(lambda: subprocess.run([SIPRAY, "demo", *SHORT], capture_output=True, text=True, timeout=60, cwd=tmp_path),
                   lambda done: done.returncode or "▸ Up now" in done.stdout, tries=3)
    text = done.stdout
    assert done.returncode == 0 and done.stderr == "", text + done.stderr
    assert gone(server_of(text)) and "\x1b" not in text
    assert "register   41 telephones" in text
    kinds = dict(re.findall(r"^  (relayed|busy|back-to-back|ported|all)[^\d\n]* (\d+ +\d+)", text, re.M))
    assert {k: v.split() for k, v in kinds.items()} == {
        "relayed": ["28"] * 2, "busy": ["4"] * 2, "back-to-back": ["4"] * 2, "ported": ["4"] * 2, "all": ["40"] * 2}, text
    assert re.search(r"The directory took 500 ms for each of 4 answers, up to [1-4] at a time", text)
    assert "Calls that the server still has: 0." in text
    # What each sight is there to show stands below its caption, in the place where it happened.
    sights = {
        "A call comes in": ["⎡find_user  demo.cfg:", "⎡lookup", "⎡create_dialog", "⎡t_relay"],
        "A back-to-back call": ["⎡back_to_back  demo.cfg:", "⎡client_new"],
        "A ported number": ["⎡ask_directory", "⎡rest_get  demo.cfg:"],
        "The directory has answered": ["⎡async_script", "⎡rest_get -> directory_answered", "continues"],
        "Busy": ["[failure]", "⎡unanswered"]}
    for caption, marks in sights.items():
        session = text.partition("▸ " + caption)[2].partition("\n\n")[0]
        assert all(mark in session for mark in marks), (caption, session)
    script, _, call = text.partition("▸ A call comes in")[2].partition("⎡call  demo.cfg")
    assert "create_dialog" not in script and "⎡create_dialog" in call
    assert re.search(r"▸ Up now: \d+ dialogs? \(.*talking\)", text)
    assert re.search(r"^  talking +dialog +\d s  caller@127.0.0.1 +user\d+@127.0.0.1 +demo-\d+ +\w+\.\w+$", text, re.M), text
    for expected in ("Where the time went", "slowest in session"):
        assert expected in text


def test_a_terminal_has_colours_and_ctrl_c_ends_it(tmp_path, leaves_nothing):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([SIPRAY, "demo", "--seconds", "60"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path,
                               env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    text = ""
    while "▸ Up now" not in text:
        text += os.read(ours, 65536).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    try:
        while True:
            text += os.read(ours, 65536).decode(errors="replace")
    except OSError:
        pass  # the last writer has closed it
    assert process.wait(15) == 0
    assert "\x1b[1m" in text and "Where the time went" in text
    assert gone(server_of(text))
    os.close(ours)


def test_a_server_that_ends_is_told(tmp_path, leaves_nothing):
    process = subprocess.Popen([SIPRAY, "demo", "--seconds", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               cwd=tmp_path)
    text = ""
    while "▸ " not in text:
        text += process.stdout.readline()
    os.kill(server_of(text), signal.SIGKILL)
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 1 and "the server has ended" in errors, errors


def test_its_script_is_clean(tmp_path):
    shown = subprocess.run([SIPRAY, "demo", "--show-script"], capture_output=True, text=True, timeout=10)
    path = tmp_path / "demo.cfg"
    path.write_text(shown.stdout)
    done = subprocess.run([SIPRAY, "check", str(path)], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and done.stdout.strip().endswith("ok"), done.stdout + done.stderr
