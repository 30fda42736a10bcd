"""A terminal of a certain size with one of our commands on it, and what stands on its screen."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import SIPRAY

CLEAR = "\x1b[H\x1b[2J"


class Terminal:
    def __init__(self, *arguments, rows=24, columns=80, command=SIPRAY, cwd=None, **environment):
        self.rows, self.columns = rows, columns
        self.ours, theirs = pty.openpty()
        self.resize(rows, columns)
        self.text = ""
        # A character may come in two parts.
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        # A session of its own, whose terminal this is.
        self.process = subprocess.Popen([command, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=cwd,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env={**os.environ, "TERM": "xterm", **environment})
        os.close(theirs)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, timeout=0.1):
        """Takes what there is; False at the end."""
        if select.select([self.ours], [], [], timeout)[0]:
            try:
                part = os.read(self.ours, 65536)
            except OSError:
                part = b""
            self.text += self.decoder.decode(part)
            return bool(part)
        return True

    def wait_for(self, condition, what, timeout=20.0):
        """The first true value of `condition(text)`, as the text comes in."""
        end = time.monotonic() + timeout
        while True:
            value = condition(self.text)
            if value:
                return value
            if not self.read() or time.monotonic() > end:
                value = condition(self.text)
                return value or pytest.fail("no %s on the terminal:\n%r" % (what, self.text[-3000:]))

    def screens(self):
        """Whole screens so far, those that another followed, as lists of lines without colours."""
        return [re.sub(r"\x1b\[\d*m", "", part).split("\r\n")[:-1] for part in self.text.split(CLEAR)[1:-1]]

    def screen(self, what="a screen", accept=lambda lines: True):
        """The next screen that is accepted."""
        self.text = ""
        return self.wait_for(lambda _: next((s for s in self.screens() if accept(s)), None), what)

    def fits(self, lines):
        """Whether nothing scrolls away: the last row is the cursor's."""
        return sum(max(1, -(-len(line) // self.columns)) for line in lines) <= self.rows - 1

    def press_ctrl_c(self):
        os.write(self.ours, b"\x03")

    def end(self, timeout=15):
        """Ctrl-C; the status."""
        if self.process.poll() is None:
            self.press_ctrl_c()
        return self.finish(timeout)

    def finish(self, timeout=15):
        """Reads to the end; the status."""
        end = time.monotonic() + timeout
        while self.read() and self.process.poll() is None and time.monotonic() < end:
            pass
        while select.select([self.ours], [], [], 0)[0] and self.read(0):
            pass
        return self.process.wait(max(0.1, end - time.monotonic()))

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self.ours >= 0:
            os.close(self.ours)
        self.ours = -1


@pytest.fixture
def terminal():
    """terminal(*arguments, rows=, columns=) → Terminal; all are closed at the end."""
    made = []

    def make(*arguments, **options):
        made.append(Terminal(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
