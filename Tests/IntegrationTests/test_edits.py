"""Many edits of one message by a script: what the server adds of its own goes out all the same."""
import pytest

from conftest import wait_for
from sip import Agent

EXTRA = 'loadmodule "textops.so"'
SERVERS_OWN = """
    record_route();
    append_hf("P-Mine: 1\\r\\n");
    $ru = "sip:new@%(peer)s";
    $du = "sip:%(peer)s";
    t_on_reply("back");
    t_relay();
    exit;
"""


@pytest.fixture
def relay(start):
    """relay(statements, reply statements, headers) → (request as the callee has it, 200 as the caller has it, server)."""
    agents = []

    def make(statements, on_reply, headers):
        callee = Agent(None)
        agents.append(callee)
        server = start("waiting.cfg", EXTRA=EXTRA, ROUTE="""
            route { %s %s }
            onreply_route[back] { %s }
            """ % (statements, SERVERS_OWN % dict(peer=callee.name), on_reply))
        caller = Agent((server.address, server.port))
        agents.append(caller)
        caller.request("OPTIONS", "sip:old@%s" % callee.name, headers=headers)
        request = callee.expect("OPTIONS")
        callee.reply(request, 200, "OK", tag="b", headers=headers)
        return request, caller.expect(200), server

    yield make
    for agent in agents:
        agent.close()


def check(request, answer, server):
    assert len(request.all("via")) == 2 and len(answer.all("via")) == 1
    assert request.uri.startswith("sip:new@")
    assert request.get("record-route").startswith("<sip:%s:%d;lr" % (server.address, server.port))


@pytest.mark.parametrize("call", ['replace_all("x", "zz")', 'subst("/x/zz/g")'])
def test_replacements_that_touch_are_one_edit(relay, call):
    request, answer, server = relay(call + ";", call + ";", ["Subject: " + "x" * 1500])
    check(request, answer, server)
    assert request.get("p-mine") == "1"
    assert request.get("subject") == answer.get("subject") == "z" * 3000


@pytest.mark.parametrize("call", ['replace_all("x", "z")', 'subst("/x/z/g")'])
def test_a_search_that_finds_too_much_changes_nothing(relay, call):
    subject = "x." * 1500
    statements = 'if (!%s) append_hf("P-Refused: 1\\r\\n");' % call
    request, answer, server = relay(statements, call + ";", ["Subject: " + subject])
    check(request, answer, server)
    assert request.get("p-refused") == request.get("p-mine") == "1"
    assert request.get("subject") == answer.get("subject") == subject
    wait_for(lambda: server.tail(100000).count(" places, of 1024 edits") == 2, "the script's faults in the log")


def test_text_beyond_the_limit_is_refused_the_servers_is_not(relay):
    loop = '$var(i) = 0; while ($var(i) < 1100) { if (!append_hf("P-A: 1\\r\\n")) $var(refused) = 1; $var(i) = $var(i) + 1; }'
    request, answer, server = relay(
        loop + ' remove_hf("P-Old"); if ($var(refused) == 1) xlog("L_NOTICE", "refused\\n");', loop, ["P-Old: 1"])
    check(request, answer, server)
    assert len(request.all("p-a")) == len(answer.all("p-a")) == 1024
    assert not request.all("p-mine") and not request.all("p-old")
    wait_for(lambda: "refused" in server.tail(100000), "the script to be told")
