"""A SIP end point on a TCP connection: what it sends is cut as the test says, what comes back is framed here."""
import socket

from sip import Message, branch, token


class Stream:
    """One connection. `server` is a (host, port) to connect to, or an accepted socket."""

    def __init__(self, server=None, sock=None, address=None, receive_buffer=None):
        if sock is None:
            family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if address:
                sock.bind((address, 0))
            sock.settimeout(5)
            sock.connect(server)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.host, self.port = sock.getsockname()[:2]
        self.buffer = b""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def uri_host(self):
        return "[%s]" % self.host if ":" in self.host else self.host

    @property
    def name(self):
        return "%s:%d" % (self.uri_host, self.port)

    def send(self, data, by=None):
        """Sends all of it, in writes of `by` bytes if that is given."""
        data = data.encode() if isinstance(data, str) else data
        for start in range(0, len(data), by or max(1, len(data))):
            self.socket.sendall(data[start:start + by] if by else data)

    def request(self, method, uri, headers=(), body="", call_id=None, cseq=1, from_tag=None, to="", via_port=None,
                via_parameters="", length=True, branch_name=None, contact=None):
        """The text of a request."""
        lines = ["%s %s SIP/2.0" % (method, uri),
                 "Via: SIP/2.0/TCP %s:%d;branch=%s%s" % (
                     self.uri_host, via_port or self.port, branch_name or branch(), via_parameters),
                 "Max-Forwards: 70", "From: <sip:me@%s>;tag=%s" % (self.uri_host, from_tag or token("f")),
                 "To: <%s>%s" % (uri, to), "Call-ID: " + (call_id or token("call-")), "CSeq: %d %s" % (cseq, method),
                 "Contact: " + (contact or "<sip:me@%s;transport=tcp>" % self.name), *headers]
        if length:
            lines.append("Content-Length: %d" % len(body.encode()))
        return "\r\n".join([*lines, "", ""]) + body

    def receive(self, timeout=5.0):
        """The next message. None when the other end has closed the connection."""
        self.socket.settimeout(timeout)
        while True:
            self.buffer = self.buffer.lstrip(b"\r\n")
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if separator:
                length = int(next(line.split(b":")[1] for line in head.split(b"\r\n")
                                  if line.lower().startswith(b"content-length")))
                if len(rest) >= length:
                    end = len(head) + 4 + length
                    data, self.buffer = self.buffer[:end], self.buffer[end:]
                    return Message(data)
            more = self.socket.recv(65536)
            if not more:
                return None
            self.buffer += more

    def expect(self, what, timeout=5.0):
        """The next message but for 100s, which must have this status or method."""
        while True:
            message = self.receive(timeout)
            assert message is not None, "closed in place of %s" % what
            if message.is_reply and message.status == 100:
                continue
            assert (message.status if message.is_reply else message.method) == what, str(message)
            return message

    def reply(self, request, status, reason="OK", headers=(), tag=None, body=""):
        lines = ["SIP/2.0 %d %s" % (status, reason)]
        for name, value in request.headers:
            if name in ("via", "record-route", "from", "call-id", "cseq"):
                lines.append("%s: %s" % (name.title(), value))
            elif name == "to":
                lines.append("To: " + value + ("" if "tag=" in value else ";tag=" + (tag or token("t"))))
        lines += ["Contact: <sip:me@%s;transport=tcp>" % self.name, *headers,
                  "Content-Length: %d" % len(body.encode()), "", ""]
        self.send("\r\n".join(lines) + body)

    def closed(self, timeout=5.0):
        """Waits until the other end closes; True for a reset too."""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


class StreamServer:
    """Accepts connections on a port of `address`."""

    def __init__(self, address="127.0.0.1", port=0, backlog=64):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(backlog)
        self.address, self.port = self.socket.getsockname()[:2]

    def accept(self, timeout=5.0):
        self.socket.settimeout(timeout)
        return Stream(sock=self.socket.accept()[0])

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
