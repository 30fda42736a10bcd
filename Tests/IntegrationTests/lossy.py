"""A network that loses datagrams, and a callee that stands it. sipp serves for neither: what its own `-lost` threw away
counts as received from then on, and a callee whose ACK is optional doesn't repeat its 200."""
import random
import socket
import threading
import time

from served_socket import ServedSocket
from sip import Agent


class LossyLink(ServedSocket):
    """Carries datagrams between `near` (a party, learnt from its first datagram when None) and `far`, both (address,
    port), and loses `share` of what is sent, in both directions, but nothing twice: how long a call takes at most is
    known. Both know it by `port`."""

    def __init__(self, far, near=None, port=0, share=0.3, seed=1):
        self.far, self.near, self.share = far, near, share
        self.random = random.Random(seed)
        self.lost = set()
        super().__init__(port)

    def take(self, datagram, source):
        if source != self.far:
            self.near = self.near or source
        if datagram not in self.lost and self.random.random() < self.share:
            self.lost.add(datagram)
            return
        self.socket.sendto(datagram, self.near if source == self.far else self.far)

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
