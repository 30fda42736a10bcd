"""Real telephones: baresip (Debian), told what to do over its control port, with sounds that come from and go to nowhere."""
import json
import pathlib
import socket
import subprocess

import pytest

from conftest import MEDIA_PORTS, free_port, wait_for

CONFIG = """
poll_method epoll
sip_listen 127.0.0.1:{sip}
call_local_timeout 20
call_max_calls 4
audio_player aubridge,nowhere
audio_source aubridge,nowhere
audio_alert aubridge,nowhere
audio_buffer 20-160
jitter_buffer_delay 5-10
rtp_ports {rtp[0]}-{rtp[1]}
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ringback_disabled yes
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip:
    """One telephone, ended by its pid. `account` is a line of baresip's accounts file."""

    def __init__(self, directory, name, account):
        self.name = name
        self.directory = pathlib.Path(directory) / ("baresip-" + name)
        self.directory.mkdir()
        self.sip, self.control = free_port(), free_port()
        (self.directory / "config").write_text(
            CONFIG.format(sip=self.sip, control=self.control, rtp=MEDIA_PORTS))
        (self.directory / "accounts").write_text(account.replace("@SIP@", str(self.sip)) + "\n")
        (self.directory / "contacts").write_text("")
        self.log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen(["baresip", "-f", str(self.directory), "-s"], stdout=self.log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL)
        self.events = []
        self.answers = {}
        self.received = b""
        self.link = wait_for(self._connect, "baresip's control port\n" + self.tail())

    def _connect(self):
        assert self.process.poll() is None, self.tail()
        try:
            return socket.create_connection(("127.0.0.1", self.control), timeout=5)
        except ConnectionRefusedError:
            return None

    def tail(self, size=6000):
        return (self.directory / "log").read_bytes()[-size:].decode(errors="replace")

    def _read(self, seconds=0.05):
        """Takes what has come over the control port: netstrings of JSON."""
        self.link.settimeout(seconds)
        try:
            data = self.link.recv(65536)
        except socket.timeout:
            return
        assert data, "baresip %s is gone\n%s" % (self.name, self.tail())
        self.received += data
        while b":" in self.received:
            length, _, rest = self.received.partition(b":")
            size = int(length)
            if len(rest) <= size:
                return
            message, self.received = json.loads(rest[:size]), rest[size + 1:]
            if message.get("event"):
                self.events.append(message)
            else:
                self.answers[message.get("token")] = message

    def tell(self, command, parameters=None):
        """Carries out a command of baresip's menu."""
        token = "t%d" % len(self.answers)
        text = json.dumps({"command": command, "params": parameters or "", "token": token}).encode()
        self.link.sendall(b"%d:%s," % (len(text), text))

        def answered():
            self._read()
            return self.answers.get(token)

        answer = wait_for(answered, "baresip's answer to " + command)
        assert answer["ok"], (command, answer, self.tail())
        return answer["data"]

    def wait(self, kind, **fields):
        """The next event of that type whose fields are those; events before it are passed over for good."""
        def found():
            self._read()
            for index, event in enumerate(self.events):
                if event["type"] == kind and all(event.get(k) == v for k, v in fields.items()):
                    del self.events[:index + 1]
                    return event
            return None

        try:
            return wait_for(found, "%s of %s" % (kind, self.name))
        except pytest.fail.Exception:
            pytest.fail("%s: no %s; events: %s\n%s" % (self.name, kind, [e["type"] for e in self.events], self.tail()))

    def end(self):
        self.link.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
