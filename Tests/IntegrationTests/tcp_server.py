"""A server of cfg/tcp.cfg, with listeners for UDP and TCP."""
import pytest

from conftest import free_port


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


def options(stream, server, **more):
    return stream.request("OPTIONS", "sip:%s;transport=tcp" % server.name, **more)
