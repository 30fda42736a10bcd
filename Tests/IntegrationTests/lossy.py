"""A network that loses datagrams, and a callee that stands it. sipp serves for neither: what its own `-lost` threw away
counts as received from then on, and a callee whose ACK is optional doesn't repeat its 200."""
import random
import socket
import threading
import time

from sip import Agent


class LossyLink:
    """Carries datagrams between `near` (a party, learnt from its first datagram when None) and `far`, both (address,
    port), and loses `share` of what is sent, in both directions, but nothing twice: how long a call takes at most is
    known. Both know it by `port`."""

    def __init__(self, far, near=None, port=0, share=0.3, seed=1):
        self.far, self.near, self.share = far, near, share
        self.random = random.Random(seed)
        self.lost = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.open = True
        self.thread = threading.Thread(target=self._carry)
        self.thread.start()

    def _carry(self):
        while True:
            datagram, source = self.socket.recvfrom(65536)
            if not self.open:
                return
            if source != self.far:
                self.near = self.near or source
            if datagram not in self.lost and self.random.random() < self.share:
                self.lost.add(datagram)
                continue
            self.socket.sendto(datagram, self.near if source == self.far else self.far)

    def close(self):
        self.open = False
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()

    def lost_words(self):
        """What the datagrams that were lost begin with: methods and "SIP/2.0 200"."""
        return {b" ".join(datagram.split(b" ", 2)[:2 if datagram.startswith(b"SIP/") else 1]).decode()
                for datagram in self.lost}


class PatientCallee(Agent):
    """Answers every INVITE, also a repeated one, with 180 and 200, and repeats the 200 until the ACK or the BYE comes
    (RFC 3261 §13.3.1.4), first after `wait` seconds. Its Contact is `reached`, a (host, port); its own if there is none."""

    def __init__(self, reached=None, wait=0.5):
        super().__init__(None)
        self.reached = reached or (self.host, self.port)
        self.wait = wait
        self.repeats = {}
        self.open = True
        self.thread = threading.Thread(target=self._answer)
        self.thread.start()

    def _answer(self):
        while self.open:
            now = time.monotonic()
            for call, (due, wait, invite) in list(self.repeats.items()):
                if due <= now:
                    self._accept(invite)
                    self.repeats[call] = (due + 2 * wait, 2 * wait, invite)
            try:
                request = self.receive(0.05)
            except socket.timeout:
                continue
            call = request.get("call-id")
            if request.method == "INVITE":
                self.reply(request, 180, "Ringing", tag="callee")
                self._accept(request)
                self.repeats[call] = (time.monotonic() + self.wait, self.wait, request)
                continue
            self.repeats.pop(call, None)
            if request.method == "BYE":
                self.reply(request, 200, "OK")

    def _accept(self, invite):
        self.reply(invite, 200, "OK", tag="callee", headers=["Contact: <sip:callee@%s:%d>" % self.reached])

    def close(self):
        self.open = False
        self.thread.join()
        super().close()
