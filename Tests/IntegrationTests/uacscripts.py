"""Scripts and parties of the tests of uac and uac_auth."""
import hashlib
import re

import pytest

from conftest import free_port
from sip import Agent, StreamAgent

MODULES = """
loadmodule "uac_auth.so"
modparam("uac_auth", "credential", "alice:example.org:wonder")
modparam("uac_auth", "credential", "alice:proxy.example.org:through the looking glass")
modparam("uac_auth", "auth_realm_avp", "$avp(realm)")
modparam("uac_auth", "auth_username_avp", "$avp(user)")
modparam("uac_auth", "auth_password_avp", "$avp(password)")
loadmodule "uac.so"
"""


@pytest.fixture(params=["udp", "tcp"])
def uac(start, request):
    """uac(…) → server, caller, callee: the script of `relay` with its arguments, each test over both transports. `extra`
    is more of the script's head, `port` the callee's when somebody else is that."""
    made = []

    def make(extra="", port=None, **arguments):
        kind, target = (Agent, "") if request.param == "udp" else (StreamAgent, ";transport=tcp")
        callee = None if port else kind(None)
        own = free_port()
        made.extend(one for one in [callee] if one)
        tcp = 'socket=tcp:127.0.0.1:%d\nloadmodule "proto_tcp.so"\n' % own if target else ""
        server = start("waiting.cfg", port=own, EXTRA=tcp + MODULES + extra,
                       ROUTE=relay("%d%s" % (port or callee.port, target), **arguments))
        caller = kind((server.address, server.port))
        made.append(caller)
        if callee:
            callee.server = caller.server
        return server, caller, callee

    yield make
    for one in made:
        one.close()


def contact(agent):
    """The Contact line of an agent."""
    return "Contact: <%s>" % agent.uri("bob")


def digest(name, *parts):
    return hashlib.new(name, ":".join(parts).encode()).hexdigest()


def check(value, method, user, password, body=""):
    """Verifies an Authorization value by the formulas of RFC 7616, independently of the server."""
    assert value.startswith("Digest ")
    given = {n: q or t for n, q, t in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', value)}
    algorithm = given.get("algorithm", "MD5")
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.replace("-sess", "")]
    first = digest(name, user, given["realm"], password)
    if algorithm.endswith("-sess"):
        first = digest(name, first, given["nonce"], given["cnonce"])
    second = digest(name, method, given["uri"])
    if given.get("qop") == "auth-int":
        second = digest(name, method, given["uri"], digest(name, body))
    if "qop" in given:
        assert given["nc"] == "00000001"
        expected = digest(name, first, given["nonce"], given["nc"], given["cnonce"], given["qop"], second)
    else:
        expected = digest(name, first, given["nonce"], second)
    assert given["username"] == user and given["response"] == expected, value
    return given


def relay(target, before="", failure="if (uac_auth()) t_relay();", sequential=""):
    return """
        route {
            if (has_totag()) { loose_route(); %s t_relay(); exit; }
            if ($rm == "ACK") exit;
            record_route();
            %s
            $du = "sip:127.0.0.1:%s";
            t_on_failure("challenged");
            t_relay();
        }
        failure_route[challenged] { %s }
        """ % (sequential, before, target, failure)
