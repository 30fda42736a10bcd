"""A server on a script of Tests/Scripts, run as an operator has it but for ports, paths and patience (conftest.PATIENT)."""
import pathlib
import re

import pytest

from conftest import wait_for
from sip import Agent

SCRIPTS = pathlib.Path(__file__).parent / "../Scripts"
MANAGEMENT = """
loadmodule "mi_datagram.so"
modparam("mi_datagram", "socket_name", "udp:127.0.0.1:@MI_PORT@")
"""


@pytest.fixture
def run(start):
    """run(script, **{text: replacement}) → a server whose socket, FIFO and log are this test's; `.agent()` makes peers."""
    agents = []

    def make(name, replace=None, **values):
        text = (SCRIPTS / name).read_text()
        for old, new in (replace or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        text = text.replace("127.0.0.1:5060", "@ADDRESS@:@PORT@").replace("/tmp/opensips_fifo", "@FIFO@")
        text = text.replace('"udp_port", 5060', '"udp_port", @PORT@')
        text = text.replace("stderror_enabled=no", "stderror_enabled=yes")
        text = text.replace("syslog_enabled=yes", "syslog_enabled=no")
        text = text.replace('loadmodule "tm.so"', 'loadmodule "tm.so" modparam("tm", "T1_timer", @T1@)')
        text = re.sub(r'("tm", "fr_timeout"), \d+', r'\1, @FR@', text)
        server = start(text + MANAGEMENT, **values)
        server.here = "%s:%d" % (server.address, server.port)

        def agent(address="127.0.0.1", port=0, to=None):
            agents.append(Agent(to or (server.address, server.port), address, port))
            return agents[-1]

        server.agent = agent
        server.lines = lambda: server.log_path.read_text().splitlines()
        return server

    yield make
    for agent in agents:
        agent.close()


def line(server, text):
    """The log line that holds `text`, which may still be on its way."""
    return wait_for(lambda: next((one for one in server.lines() if text in one), None), text)


def answer(agent, request, tag="callee"):
    agent.reply(request, 200, "OK", tag=tag, headers=["Contact: <sip:callee@%s>" % agent.name])


def dialog(sent, tag="callee"):
    return dict(caller=sent["caller"], callee=sent["callee"], call_id=sent["call_id"], from_tag=sent["from_tag"],
                to_tag=tag, contact=False)
