"""A SIP end point for tests: writes each message by hand and looks at each line that comes back.

Nothing here knows of transactions. A test says what is sent and what must come.
"""
import random
import select
import socket
import time

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "e": "content-encoding", "s": "subject", "k": "supported"}


def token(prefix=""):
    return prefix + "%08x" % random.getrandbits(32)


def branch():
    return "z9hG4bK" + token()


def unread(port):
    """How many bytes the kernel keeps for whoever is bound to a port, by UDP and TCP."""
    found = 0
    for name in ("udp", "udp6", "tcp", "tcp6"):
        for line in open("/proc/net/" + name).readlines()[1:]:
            _, local, _, _, queues = line.split()[:5]
            if local.endswith(":%04X" % port):
                found += int(queues.split(":")[1], 16)
    return found


def taken(port, timeout=10):
    """Waits until whoever is bound to a port has read all that was sent to it."""
    end = time.monotonic() + timeout
    while unread(port):
        assert time.monotonic() < end, "port %d is not read" % port
        time.sleep(0.005)


class Message:
    """A received message: first line, header fields in their order, body."""

    def __init__(self, data, source=None):
        self.raw = data
        self.source = source
        head, separator, body = data.partition(b"\r\n\r\n")
        assert separator, "no empty line after the header: %r" % data
        lines = head.decode().split("\r\n")
        self.first = lines[0]
        self.body = body.decode()
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon, "no header field: %r" % line
            name = name.strip().lower()
            self.headers.append((COMPACT.get(name, name), value.strip()))
        declared = self.get("content-length")
        assert declared is not None and int(declared) == len(body), \
            "Content-Length %s for %d bytes:\n%s" % (declared, len(body), data.decode())

    @property
    def is_reply(self):
        return self.first.startswith("SIP/2.0 ")

    @property
    def status(self):
        return int(self.first.split(" ", 2)[1]) if self.is_reply else None

    @property
    def method(self):
        return self.get("cseq").split()[1] if self.is_reply else self.first.split(" ", 1)[0]

    @property
    def uri(self):
        return self.first.split(" ")[1]

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def tag(self, name):
        value = self.get(name)
        return value.partition(";tag=")[2].partition(";")[0] or None

    def __str__(self):
        return self.raw.decode(errors="replace")


class Agent:
    """A UDP socket on 127.0.0.1 (or `address`) that talks to `server`, a (host, port)."""

    transport = "UDP"
    # When it is a set: what came before, byte for byte, is passed over, as a user agent's transactions do.
    seen = None

    def __init__(self, server, address="127.0.0.1", port=0):
        self.server = self.other = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Hundreds of replies may come at once.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((address, port))
        self.host, self.port = self.socket.getsockname()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def name(self):
        return "%s:%d" % (self.host, self.port)

    @property
    def contact(self):
        """The value of its Contact."""
        return "<%s>" % self.uri("me")

    @property
    def uri_parameters(self):
        """Behind host and port in its own URIs."""
        return "" if self.transport == "UDP" else ";transport=tcp"

    def uri(self, user):
        """Where a user of this end point is reached."""
        return "sip:%s@%s%s" % (user, self.name, self.uri_parameters)

    # Sending

    def send(self, text, to=None):
        self.socket.sendto(text.encode() if isinstance(text, str) else text, to or self.server)

    def request(self, method, uri, to=None, caller="sip:caller@127.0.0.1", callee=None, call_id=None, cseq=1,
                from_tag=None, to_tag=None, via=None, headers=(), body="", max_forwards=70, contact=True,
                destination=None):
        """Sends a request and returns what identifies it, to build others of the same dialog or transaction."""
        sent = dict(method=method, uri=uri, branch=via or branch(), call_id=call_id or token("call-"), cseq=cseq,
                    from_tag=from_tag or token("f"), caller=caller, callee=callee or uri, to_tag=to_tag)
        lines = ["%s %s SIP/2.0" % (method, uri),
                 "Via: SIP/2.0/%s %s;branch=%s;rport" % (self.transport, self.name, sent["branch"])]
        if max_forwards is not None:
            lines.append("Max-Forwards: %d" % max_forwards)
        lines += ["From: <%s>;tag=%s" % (caller, sent["from_tag"]),
                  "To: <%s>%s" % (sent["callee"], ";tag=" + to_tag if to_tag else ""),
                  "Call-ID: " + sent["call_id"],
                  "CSeq: %d %s" % (cseq, method)]
        if contact is True:
            lines.append("Contact: " + self.contact)
        elif contact:
            lines.append("Contact: " + contact)
        lines += list(headers)
        lines += ["Content-Length: %d" % len(body.encode()), "", ""]
        self.send("\r\n".join(lines) + body, to=destination)
        return sent

    def ack(self, sent, reply):
        """The ACK of a reply of 300 and above: same branch, same URI."""
        to_tag = reply.tag("to")
        self.request("ACK", sent["uri"], caller=sent["caller"], callee=sent["callee"], call_id=sent["call_id"],
                     cseq=sent["cseq"], from_tag=sent["from_tag"], to_tag=to_tag, via=sent["branch"], contact=False)

    def cancel(self, sent):
        self.request("CANCEL", sent["uri"], caller=sent["caller"], callee=sent["callee"], call_id=sent["call_id"],
                     cseq=sent["cseq"], from_tag=sent["from_tag"], via=sent["branch"], contact=False)

    def reply(self, request, status, reason, tag=None, headers=(), body=""):
        lines = ["SIP/2.0 %d %s" % (status, reason)]
        for name, value in request.headers:
            if name == "via":
                lines.append("Via: " + value)
            elif name == "record-route":
                lines.append("Record-Route: " + value)
            elif name in ("from", "call-id", "cseq"):
                lines.append("%s: %s" % (name.title(), value))
            elif name == "to":
                has_tag = ";tag=" in value
                lines.append("To: " + value + (";tag=" + tag if tag and not has_tag else ""))
        lines += list(headers)
        lines += ["Content-Length: %d" % len(body.encode()), "", ""]
        self.send("\r\n".join(lines) + body, to=request.source)

    # Receiving

    def receive(self, timeout=5.0):
        self.socket.settimeout(timeout)
        while True:
            data, self.other = self.socket.recvfrom(65536)
            if self.seen is None or data not in self.seen:
                break
        if self.seen is not None:
            self.seen.add(data)
        return Message(data, self.other)

    def expect(self, what, timeout=5.0, skipping=(100,)):
        """The next message, which must have this method or status; provisional ones of `skipping` are passed over."""
        while True:
            message = self.receive(timeout)
            if message.is_reply and message.status in skipping and what not in skipping:
                continue
            found = message.status if message.is_reply else message.method
            assert found == what, "expected %s, got:\n%s" % (what, message)
            return message

    def drain(self):
        """Throws away what has come in."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(65536)
        except BlockingIOError:
            pass

    def nothing(self, seconds=0.2):
        """Nothing comes within that time, counted from when the server has read what was sent to it."""
        if self.other or self.server:
            taken((self.other or self.server)[1])
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return
        raise AssertionError("unexpected:\n" + data.decode(errors="replace"))


class StreamAgent(Agent):
    """The same over TCP: listens, opens a connection to whom it sends to, answers on the connection that a request came by."""

    transport = "TCP"

    def __init__(self, server, address="127.0.0.1", port=0):
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(64)
        self.host, self.port = self.socket.getsockname()
        self.opened = {}
        self.buffers = {}
        self.accepted = 0

    def close(self):
        for connection in list(self.buffers):
            connection.close()
        self.socket.close()

    def send(self, text, to=None):
        connection = to
        if not isinstance(to, socket.socket):
            address = to or self.server
            connection = self.opened.get(address)
            if connection not in self.buffers:
                connection = self.opened[address] = socket.create_connection(address, 5)
                self.buffers[connection] = b""
        connection.sendall(text.encode() if isinstance(text, str) else text)

    def receive(self, timeout=5.0):
        end = time.monotonic() + timeout
        while True:
            for connection, data in self.buffers.items():
                data = data.lstrip(b"\r\n")
                head, separator, rest = data.partition(b"\r\n\r\n")
                if not separator:
                    continue
                length = int(next(line.split(b":")[1] for line in head.split(b"\r\n")
                                  if line.lower().startswith(b"content-length")))
                if len(rest) >= length:
                    whole = len(head) + 4 + length
                    self.buffers[connection] = data[whole:]
                    return Message(data[:whole], connection)
            ready = select.select([self.socket, *self.buffers], [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                raise socket.timeout("timed out")
            for one in ready:
                if one is self.socket:
                    self.buffers[one.accept()[0]] = b""
                    self.accepted += 1
                    continue
                more = one.recv(65536)
                self.buffers[one] += more
                if not more:
                    del self.buffers[one]
                    one.close()

    def drain(self):
        try:
            while True:
                self.receive(0)
        except socket.timeout:
            pass

    def nothing(self, seconds=0.2):
        if self.server:
            taken(self.server[1])
        try:
            message = self.receive(seconds)
        except socket.timeout:
            return
        raise AssertionError("unexpected:\n%s" % message)
