"""The numbers that docs/b2b.md names: up to each all goes well, one more is refused, said, and leaves nothing."""
import pytest

from b2bcalls import (ANSWER, INIT, OFFER, SDP, Call, agents, b2b, b2b_sessions, contact_of, entities, held_up,
                      no_state, scripted)
from conftest import free_port, wait_for
from http_service import Service

ENTITIES, TURNS, VALUES, DRAFTS, RETRIES = 16, 256, 128, 8, 5
TWO = """b2b_client_new("one", "sip:one@127.0.0.1:@ONE@");
		b2b_client_new("two", "sip:two@127.0.0.1:@ONE@");
		if (!b2b_bridge("one", "two")) xlog("NOT BRIDGED\\n");"""


def said(server, words):
    return server.log_path.read_text().count(words)


def asks(call, headers=()):
    call.a.request("REFER", headers=["Refer-To: <sip:x@127.0.0.1>", *headers])
    call.caller.expect(202)


def connect(one):
    """One agent plays both new parties."""
    first = one.expect("INVITE")
    one.reply(first, 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
    second = one.expect("INVITE")
    one.reply(second, 200, "OK", tag="2", headers=[contact_of(one), SDP], body=ANSWER)
    one.expect("ACK")
    one.expect("ACK")


def test_entities_of_a_session(scripted, agents):
    port = free_port()
    server = scripted(TWO.replace("@ONE@", str(port)))
    one = agents(server, port)
    call = Call(server, agents).pick_up().confirm()
    for _ in range(ENTITIES // 2 - 1):
        asks(call)
        connect(one)
    assert server.statistic("b2b_entities:client_entities") == ENTITIES - 1 and said(server, "NOT BRIDGED") == 0
    asks(call)
    assert said(server, "NOT BRIDGED") == said(server, "too many entities") == 1
    one.nothing(0.1)
    assert server.statistic("b2b_entities:client_entities") == ENTITIES - 1
    # They go when they hang up, or all with the session; the call itself is whole.
    call.a.request("INFO")
    call.callee.reply(call.callee.expect("INFO"), 200, "OK")
    call.caller.expect(200)
    key = server.mi("b2b_list", index=0, counter=1)["Tuples"][0]["key"]
    assert server.mi("b2b_terminate_call", key=key) == "OK"
    for agent in [call.caller, call.callee] + [one] * (ENTITIES - 2):
        agent.reply(agent.expect("BYE"), 200, "OK")
    no_state(server)


def test_a_bridge_of_which_half_fits_leaves_nothing(scripted, agents):
    server = scripted(TWO.replace("@ONE@", "9"), EXTRA='modparam("b2b_entities", "entities_max", 2)')
    call = Call(server, agents).pick_up().confirm()
    asks(call)
    assert said(server, "NOT BRIDGED") == 1
    assert len(entities(b2b_sessions(server)[0])) == len(server.mi("b2be_list")) == 2
    call.hang_up()


def test_turns_that_wait(scripted, agents, closing):
    """While a route waits, 256 messages stand in line; the next ones are refused, and all that stood are seen to."""
    service = closing(Service())
    server = scripted(**held_up(service))
    call = Call(server, agents).pick_up().confirm()
    call.a.request("INFO", headers=["X-Wait: 1"])
    wait_for(lambda: said(server, "WAITING"), "the route to wait")
    for _ in range(TURNS + 3):
        call.a.request("INFO")
    refused = [call.caller.expect(503) for _ in range(3)]
    assert all(reply.get("retry-after") == "1" for reply in refused)
    assert len({reply.get("cseq") for reply in refused}) == 3
    assert said(server, "messages wait for the turn of") == 3
    service.release()
    for _ in range(TURNS + 1):
        call.caller.expect(200)
    call.hang_up()


FILL = """$var(i) = 0;
		while ($var(i) < %d) {
			$b2b_logic.ctx($var(i)) = "v";
			$var(i) = $var(i) + 1;
		}
		"""


@pytest.mark.parametrize("where", ["refer", "init"])
@pytest.mark.parametrize("more", [0, 1])
def test_context_values_of_a_session(scripted, agents, where, more):
    """Also of one that is about to be made."""
    lines = FILL % (VALUES + more) + '$b2b_logic.ctx(0) = "changed"; '
    values = {"refer": lines} if where == "refer" else {}
    server = scripted(init=(lines if where == "init" else "") + INIT.replace('$b2b_logic.ctx(what) = "early";', ""),
                      **values)
    call = Call(server, agents).pick_up().confirm()
    if where == "refer":
        asks(call)
    context = b2b_sessions(server)[0]["context"]
    assert len(context) == VALUES and context["0"] == "changed" and str(VALUES) not in context
    assert said(server, "there are %d values already" % VALUES) == more
    call.hang_up()


@pytest.mark.parametrize("more", [0, 1])
def test_new_entities_that_a_message_prepares(scripted, agents, more):
    server = scripted("".join('if (!b2b_client_new("c%d", "sip:x@127.0.0.1:9")) xlog("REFUSED\\n");\n\t\t' % number
                              for number in range(DRAFTS + more)) + 'b2b_client_new("c0", "sip:again@127.0.0.1:9");')
    call = Call(server, agents).pick_up().confirm()
    asks(call)
    assert said(server, "REFUSED") == said(server, "there are 8 new entities already") == more
    call.hang_up()


def test_tries_of_a_reinvite_that_meets_others(b2b, agents):
    """Five times; then the bridge has failed."""
    server = b2b()
    call = Call(server, agents).pick_up().confirm()
    party = agents(server)
    key = b2b_sessions(server)[0]["key"]
    assert server.mi("b2b_bridge", dialog_id=key, new_uri="sip:new@" + party.name) == "OK"
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    invite = party.expect("INVITE")
    party.reply(invite, 200, "OK", tag="new", headers=[contact_of(party), SDP], body=OFFER)
    for _ in range(RETRIES + 1):
        call.caller.reply(call.caller.expect("INVITE"), 491, "Request Pending")
        call.caller.expect("ACK")
    party.expect("ACK", timeout=10)
    for agent in (party, call.caller):
        agent.reply(agent.expect("BYE"), 200, "OK")
    no_state(server)
