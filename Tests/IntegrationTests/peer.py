"""A SIP peer on a raw socket, for what sipp cannot do: messages that are broken, late, doubled, or cross each other."""
import itertools
import socket

import pytest

from sip import Message, taken

_numbers = itertools.count(1)


class Peer:
    def __init__(self, server=None, address="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.address, self.port = self.socket.getsockname()
        self.server = server
        self.call = "call%d-%d" % (self.port, next(_numbers))

    def close(self):
        self.socket.close()

    def send(self, text, to=None):
        self.socket.sendto(text.replace("\n", "\r\n").encode(), to or (self.server.address, self.server.port))

    def receive(self, timeout=5.0):
        self.socket.settimeout(timeout)
        try:
            return Message(self.socket.recv(65536))
        except socket.timeout:
            return None

    def expect(self, what, timeout=5.0, skipping=None):
        """The next message whose method (a request) or status (a reply, 100 aside) is `what`; others are faults, but for
        those of `skipping`."""
        while True:
            message = self.receive(timeout)
            if message is None:
                pytest.fail("waited %s s for %s" % (timeout, what))
            if message.status == 100:
                continue
            found = message.status if message.is_reply else message.method
            if found == skipping:
                continue
            assert found == what, "expected %s, got %s" % (what, message)
            return message

    def expect_silence(self, seconds=0.3):
        taken(self.server.port)
        message = self.receive(seconds)
        assert message is None or message.status == 100, message

    def request(self, method, user, branch="1", cseq=1, to_tag="", uri=None, lines=""):
        """Sends a request of this peer's call. Its Call-ID is written `i:`, so that the kernel picks a receiver by the
        peer's address: the parties of a call meet different processes."""
        self.send(
            "%s %s SIP/2.0\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK%s.%s\nMax-Forwards: 70\n"
            "From: <sip:peer@%s>;tag=f\nTo: <sip:%s@%s>%s\ni: %s\nCSeq: %d %s\nContact: <sip:peer@%s:%d>\n"
            "%sContent-Length: 0\n\n" % (
                method, uri or "sip:%s@%s:%d" % (user, self.server.address, self.server.port), self.address,
                self.port, self.call, branch, self.address, user, self.address, ";tag=" + to_tag if to_tag else "",
                self.call, cseq, method, self.address, self.port, lines))

    def register(self, user, contacts):
        """Registers contacts: (port, q) pairs."""
        values = ", ".join("<sip:%s@127.0.0.1:%d>;q=%s" % (user, port, q) for port, q in contacts)
        self.send(
            "REGISTER sip:%s SIP/2.0\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bKreg%d\nFrom: <sip:%s@%s>;tag=r\n"
            "To: <sip:%s@%s>\nCall-ID: reg%s\nCSeq: 1 REGISTER\nContact: %s\nExpires: 600\nContent-Length: 0\n\n" % (
                self.server.address, self.address, self.port, next(_numbers), user, self.server.address, user,
                self.server.address, self.call, values))
        self.expect(200)

    def reply(self, request, status, reason="Whatever", tag=None, lines=""):
        """Answers a request that came in."""
        tag = tag or "t%d" % self.port
        to = request.get("To")
        copied = "".join("%s: %s\n" % (n, v) for n, v in request.headers
                         if n in ("via", "record-route", "from", "call-id", "cseq"))
        if "tag=" not in to:
            to += ";tag=" + tag
        self.send("SIP/2.0 %d %s\n%sTo: %s\nContact: <sip:callee@%s:%d>\n%sContent-Length: 0\n\n" % (
            status, reason, copied, to, self.address, self.port, lines))
