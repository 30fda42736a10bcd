"""cfgutils in a running server: what every run of a script begins with, choice by weight."""
import pytest

from sip import Agent


def test_varset_is_what_every_run_begins_with(start):
    server = start("waiting.cfg", WORKERS=1, EXTRA='modparam("cfgutils", "varset", "number=i:7")\n'
                   'modparam("cfgutils", "varset", "text=s:sip:gw@host;transport=tcp")', ROUTE="""
        route {
            append_to_reply("X-Result: $var(number) $var(text) $var(other)\\r\\n");
            $var(number) = $var(number) + 1;
            send_reply(200, "OK");
        }""")
    with Agent((server.address, server.port)) as agent:
        for _ in range(2):  # what one run changes is not seen by the next
            agent.request("OPTIONS", "sip:x@127.0.0.1")
            assert agent.expect(200).get("x-result") == "7 sip:gw@host;transport=tcp <null>"


@pytest.mark.parametrize("value", ["number", "number=7", "number=i:x", "=i:7"])
def test_varset_that_is_none_is_refused(start, value):
    server = start("waiting.cfg", wait=False, EXTRA='modparam("cfgutils", "varset", "%s")' % value,
                   ROUTE="route { exit; }")
    assert server.process.wait(10) == 1 and "varset" in server.tail() and "sipray.cfg:" in server.tail()
    server.process.returncode = 0
