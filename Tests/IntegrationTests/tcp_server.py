"""A server of cfg/tcp.cfg, with listeners for UDP and TCP."""
import pytest

from conftest import free_port, wait_for
from sip import taken


@pytest.fixture
def tcp(start):
    """Starts a server of cfg/tcp.cfg."""

    def make(**values):
        address = values.get("address", "127.0.0.1")
        host = "[%s]" % address if ":" in address else address
        values = {"UDP_PORT": 9, "TCP_PORT": 9, "GLOBAL": "", "REGISTER": "", **values, "address": host}
        server = start("tcp.cfg", port=free_port(address), **values)
        server.host = address
        server.name = "%s:%d" % (host, server.port)
        server.tcp = (address, server.port)
        return server

    return make


def connections(server):
    return server.mi("tcp:list")["Connections"]


def send_in_pieces(stream, server, text, size):
    """Each a read of its own: the next goes out when the kernel keeps no byte of the one before for the server."""
    for start in range(0, len(text), size):
        stream.send(text[start:start + size])
        taken(server.port)


def options(stream, server, **more):
    return stream.request("OPTIONS", "sip:%s;transport=tcp" % server.name, **more)


def flood(stream, server):
    """Asks for much more than it reads, until the server cuts it as a slow reader. Wants a small receive buffer."""
    before = server.statistic("tcp:slow_readers")
    text = options(stream, server, headers=["X-Fill: " + "x" * 4000] + [
        "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK" + "y" * 4000]) * 20
    stream.socket.settimeout(1)
    with pytest.raises(OSError):
        for _ in range(2000):
            stream.send(text)
    wait_for(lambda: server.statistic("tcp:slow_readers") == before + 1, "the slow reader to be cut")
