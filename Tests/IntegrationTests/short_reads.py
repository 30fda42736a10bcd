"""A plugin that lets each read of a stream, a pipe or a terminal give less than there is: `pytest -p short_reads` (docs/testing.md).
Whoever takes a part for a whole message, line or character fails then, as he may on any machine."""
import os
import random
import socket

SHORT = (1, 2, 3, 5, 17, 100, 1000, 1 << 20)

read, receive, receive_into = os.read, socket.socket.recv, socket.socket.recv_into


def some(count):
    return max(1, min(count, random.choice(SHORT)))


def short_read(descriptor, count):
    return read(descriptor, some(count))


def short_receive(self, count, flags=0):
    return receive(self, some(count) if self.type == socket.SOCK_STREAM else count, flags)


def short_receive_into(self, buffer, count=0, flags=0):
    count = count or len(buffer)
    return receive_into(self, buffer, some(count) if self.type == socket.SOCK_STREAM and count else count, flags)


def pytest_configure():
    os.read, socket.socket.recv, socket.socket.recv_into = short_read, short_receive, short_receive_into
