"""Standard error of which the reader stands still: no process waits for it, and what is lost is told."""
import os
import re
import subprocess

import pytest

from conftest import wait_for

ROUTE = """
route {
    if ($rU == "spam") {
        $var(i) = 0;
        while ($var(i) < 3000) {
            xlog("L_ERR", "line $var(i) xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\n");
            $var(i) = $var(i) + 1;
        }
    }
    if ($rU == "one") xlog("L_ERR", "the one line\\n");
    sl_send_reply(200, "OK");
}
"""


def pipe(_):
    return os.pipe()


def fifo(directory):
    os.mkfifo(directory / "stuck")
    return os.open(directory / "stuck", os.O_RDONLY | os.O_NONBLOCK), os.open(directory / "stuck", os.O_WRONLY)


def terminal(_):
    return os.openpty()


@pytest.mark.parametrize("make", [pipe, fifo, terminal])
def test_a_reader_that_stands_still(start, agent, tmp_path, monkeypatch, make):
    reader, writer = make(tmp_path)
    os.set_blocking(reader, False)
    real = subprocess.Popen
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", lambda command, **options: real(command, **{**options, "stderr": writer}))
        server = start("waiting.cfg", ROUTE=ROUTE, WORKERS=1)
    os.close(writer)
    one = agent(server)

    def ask(user):
        one.request("OPTIONS", "sip:%s@127.0.0.1" % user)
        one.expect(200, timeout=15)

    ask("spam")
    ask("none")
    lost = int(server.statistic("core:lost_log_lines"))
    assert lost > 100
    text = b""

    def drain():
        nonlocal text
        try:
            text += os.read(reader, 1 << 20)
        except BlockingIOError:
            return True

    wait_for(drain, "the output to be empty")
    ask("one")
    wait_for(lambda: drain() and b"the one line" in text, "the line behind those that were lost")
    # A terminal may take a little more while nobody reads, when the kernel moves its buffer on: then it is told twice.
    told = [int(count) for count in re.findall(rb"WARNING:core: (\d+) log lines were lost", text)]
    assert told and sum(told) == lost, (told, lost, text[-1000:])
    # Every line is there, or counted. One that a terminal took all but the line end of is both.
    whole = len(re.findall(rb"\] line \d+ x{40,}\r?\n", text))
    assert 3000 <= whole + lost <= 3000 + len(told), (whole, told)
    assert int(server.statistic("core:lost_log_lines")) == lost
    # The end does not wait either: `start` sees to it that it comes within 5 s, with status 0.
    ask("spam")
    server.stop()
    os.close(reader)


FORGED = b"Nov 23 05:15:59 [1] NOTICE:core: everything is fine"
# What acts upon a terminal; line ends are looked at apart.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("form", ["plain_text", "json"])
@pytest.mark.parametrize("make", [None, terminal], ids=["file", "terminal"])
def test_what_strangers_wrote_forges_nothing(start, agent, tmp_path, monkeypatch, make, form):
    """Escape sequences in a header, and lines in a body, which a script logs: to a file and to a terminal."""
    reader, writer = make(tmp_path) if make else (None, None)
    real = subprocess.Popen
    with monkeypatch.context() as patch:
        if make:
            os.set_blocking(reader, False)
            patch.setattr(subprocess, "Popen", lambda command, **options: real(command, **{**options, "stderr": writer}))
        server = start("waiting.cfg", EXTRA='stderror_log_format="%s"' % form,
                       ROUTE='route { xlog("L_ERR", "about $hdr(Subject): $rb the end\\n"); sl_send_reply(200, "OK"); }')
    one = agent(server)
    one.request("MESSAGE", "sip:x@127.0.0.1", headers=["Content-Type: text/plain", "Subject: \x1b[2J\x1b]0;owned\x07\u009b31m\u202e!"],
                body="one\r\n%s\rover\n\ttwo" % FORGED.decode())
    one.expect(200)
    text = b""

    def logged():
        nonlocal text
        if make:
            try:
                text += os.read(reader, 1 << 20)
            except BlockingIOError:
                pass
        else:
            text = server.log_path.read_bytes()
        # Behind it comes what another process logs, as that the server is up.
        return re.search(rb"about .*the end[^\n]*\n", text, re.S)

    line = wait_for(logged, "the line").group().decode().replace("\r\n", "\n")
    assert not CONTROL.search(line), repr(line)
    assert "2J" in line and "over" in line and "owned" in line and "31m" in line
    if form == "json":
        assert line.count("\n") == 1 and "\\u001B[2J" in line and "\\r\\n" + FORGED.decode() + "\\rover" in line, repr(line)
    else:
        assert [one[:4] for one in line.split("\n")] == ["abou", "    ", "    ", ""], repr(line)
        assert "\\x1B[2J\\x1B]0;owned\\x07\\x9B31m\\u{202E}!" in line and FORGED.decode() + "\\x0Dover" in line, repr(line)
    if make:
        os.close(reader)
        os.close(writer)
