"""A small name server for tests, on a free port of 127.0.0.1, in a thread of its own.

`records` maps (name, type) to the data of the answers: ("10.0.0.1") for A, (priority, weight, port, target) for SRV,
(order, preference, flags, service, replacement) for NAPTR. Names in `silent` are never answered; everything else that
is not known does not exist (NXDOMAIN). Each question is kept in `asked`. With a `gate` (threading.Event) no answer
leaves before it is open; the questions behind the first are read then.
"""
import socket
import struct

from served_socket import ServedSocket

TYPES = {"A": 1, "AAAA": 28, "SRV": 33, "NAPTR": 35}


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def text(value):
    return bytes([len(value)]) + value.encode()


def data(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "SRV":
        priority, weight, port, target = value
        return struct.pack("!HHH", priority, weight, port) + labels(target)
    order, preference, flags, service, replacement = value
    return struct.pack("!HH", order, preference) + text(flags) + text(service) + text("") + labels(replacement)


class NameServer(ServedSocket):
    def __init__(self, records, silent=(), gate=None):
        self.records = records
        self.gate = gate
        self.silent = set(silent)
        self.asked = []
        super().__init__()
        self.name = "127.0.0.1:%d" % self.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def take(self, question, source):
        answer = self._answer(question)
        if self.gate:
            self.gate.wait(20)
        if answer:
            self.socket.sendto(answer, source)

    def _answer(self, question):
        end, parts = 12, []
        while question[end]:
            parts.append(question[end + 1:end + 1 + question[end]].decode())
            end += 1 + question[end]
        end += 5
        name = ".".join(parts).lower()
        number, = struct.unpack("!H", question[end - 4:end - 2])
        kind = {code: kind for kind, code in TYPES.items()}.get(number)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        found = self.records.get((name, kind), [])
        exists = any(known == name for known, _ in self.records)
        answers = b""
        for value in found:
            encoded = data(kind, value)
            answers += labels(name) + struct.pack("!HHIH", number, 1, 60, len(encoded)) + encoded
        flags = 0x8180 if exists else 0x8183
        return question[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + question[12:end] + answers
