"""Whom bridges can be asked for, in each form of the arguments: parties of the call, new ones, two new ones, other callers."""
import pytest

from b2bcalls import (ANSWER, INIT, OFFER, SDP, Call, Leg, agents, b2b, b2b_sessions, complete_bridge, contact_of,
                      entities, new_party, no_state, scripted)
from conftest import free_port, wait_for


def ids(server):
    session, = b2b_sessions(server)
    return [entity["scenario_id"] for entity in entities(session)]


@pytest.mark.parametrize("arguments", ['"peer", "new"', '"new", "peer"', '"callee", "new"', '"new", "callee"'])
def test_who_stays_is_named_by_place_or_by_name(scripted, agents, arguments):
    server = scripted('b2b_end_dlg_leg(); b2b_client_new("new", "$hdr(Refer-To)"); b2b_bridge(%s);' % arguments)
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    call.a.request("REFER", headers=["Refer-To: <%s>" % uri.strip('"')])
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    leg = complete_bridge(call, call.b, party)
    assert ids(server) == ["callee", "new"], "who stays is [0], who comes [1]"
    call.hang_up(call.b, leg)


@pytest.mark.parametrize("name", ["this", "caller"])
def test_who_asks_is_bridged_itself(scripted, agents, name):
    server = scripted('b2b_client_new("new", "$hdr(Refer-To)"); b2b_bridge("%s", "new");' % name)
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    call.a.request("REFER", headers=["Refer-To: <%s>" % uri.strip('"')])
    call.caller.expect(202)
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    leg = complete_bridge(call, call.a, party)
    assert ids(server) == ["caller", "new"]
    call.hang_up(leg, call.a)


TWO = """b2b_client_new("one", "sip:one@127.0.0.1:%d");
		b2b_client_new("two", "sip:two@127.0.0.1:%d");
		b2b_bridge("one", "two");"""


def two_new(scripted, agents):
    """A call whose caller had two others called; gives it and both others."""
    ports = free_port(), free_port()
    server = scripted(TWO % ports)
    one, two = (agents(server, port) for port in ports)
    call = Call(server, agents).pick_up().confirm()
    call.a.request("REFER", headers=["Refer-To: <sip:x@127.0.0.1>"])
    call.caller.expect(202)
    return server, call, one, two


def connect(one, two):
    first = one.expect("INVITE")
    assert first.body == "" and first.uri == "sip:one@" + one.name
    one.reply(first, 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
    second = two.expect("INVITE")
    assert second.body == OFFER
    two.reply(second, 200, "OK", tag="2", headers=[contact_of(two), SDP], body=ANSWER)
    two.expect("ACK")
    assert one.expect("ACK").body == ANSWER
    return Leg.asked(one, first, "1"), Leg.asked(two, second, "2")


def ends(first, second):
    first.request("BYE")
    second.agent.reply(second.agent.expect("BYE"), 200, "OK")
    first.agent.expect(200)


@pytest.mark.parametrize("first_to_end", ["old", "new"])
def test_two_new_parties_talk_beside_the_call(scripted, agents, first_to_end):
    server, call, one, two = two_new(scripted, agents)
    pairs = [(call.b, call.a), connect(one, two)]
    assert ids(server) == ["one", "two", "caller", "callee"]
    if first_to_end == "new":
        pairs.reverse()
    ends(*pairs[0])
    assert len(entities(b2b_sessions(server)[0])) == 2
    ends(*pairs[1])
    no_state(server)


def test_the_call_goes_on_while_two_new_parties_are_called(scripted, agents):
    server, call, one, two = two_new(scripted, agents)
    one.reply(one.expect("INVITE"), 180, "Ringing", tag="1", headers=[contact_of(one)])
    call.b.request("INVITE", headers=[SDP], body=OFFER)
    call.caller.reply(call.caller.expect("INVITE"), 200, "OK", headers=[contact_of(call.caller), SDP], body=ANSWER)
    call.callee.expect(200)
    call.b.request("ACK", cseq=call.b.cseq)
    call.caller.expect("ACK")
    ends(call.a, call.b)
    assert ids(server) == ["one", "two"]
    assert "B2B BYE from caller" in server.tail(), "the script sees it"
    assert server.mi("b2b_terminate_call", key=b2b_sessions(server)[0]["key"]) == "OK"
    one.reply(one.expect("CANCEL"), 200, "OK")
    no_state(server)


@pytest.mark.parametrize("refuses", ["one", "two"])
def test_the_call_goes_on_when_two_new_parties_are_not_connected(scripted, agents, refuses):
    server, call, one, two = two_new(scripted, agents)
    first = one.expect("INVITE")
    if refuses == "one":
        one.reply(first, 486, "Busy Here", tag="1")
        one.expect("ACK")
    else:
        one.reply(first, 200, "OK", tag="1", headers=[contact_of(one), SDP], body=OFFER)
        two.reply(two.expect("INVITE"), 486, "Busy Here", tag="2")
        two.expect("ACK")
        one.expect("ACK")
        one.reply(one.expect("BYE"), 200, "OK")
    wait_for(lambda: ids(server) == ["caller", "callee"], "the new ones to be gone")
    assert b2b_sessions(server)[0]["phase"] == "established"
    call.hang_up()


RETRY = """if ($rs >= 300 && $b2b_logic.entity(id) =~ "^new") {
		b2b_client_new("new%s", "sip:new@127.0.0.1:%d");
		if (b2b_bridge_retry("%s")) exit;
		xlog("NO RETRY\\n");
	}"""
REFERS = 'b2b_end_dlg_leg(); b2b_client_new("new", "$hdr(Refer-To)"); b2b_bridge("peer", "new"%s);'


def refers(scripted, agents, reply, arguments="", ports=()):
    server = scripted(REFERS % arguments, reply=reply)
    others = [agents(server, port) for port in ports]
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    call.a.request("REFER", headers=["Refer-To: <%s>" % uri.strip('"')])
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    return server, call, party, *others


def refuse(party, status=486):
    invite = party.expect("INVITE")
    party.reply(invite, status, "No", tag="no")
    party.expect("ACK")
    return invite


def test_bridges_are_tried_again_and_again(scripted, agents):
    port = free_port()
    server, call, party, other = refers(scripted, agents, RETRY % ("er", port, "newer"), ports=[port])
    refuse(party)
    calls = {refuse(other, status).get("call-id") for status in (486, 302, 404, 603)}
    assert len(calls) == 4, "each try is a call of its own"
    leg = complete_bridge(call, call.b, other)
    assert ids(server) == ["callee", "newer"]
    call.hang_up(call.b, leg)


def test_a_retry_of_a_bridge_without_a_late_offer(scripted, agents):
    port = free_port()
    server, call, party, other = refers(scripted, agents, RETRY % ("er", port, "newer"), ', , "no-late-sdp"', [port])
    assert refuse(party).body == ANSWER
    invite = other.expect("INVITE")
    assert invite.body == ANSWER
    other.reply(invite, 200, "OK", tag="o", headers=[contact_of(other), SDP], body=OFFER)
    other.expect("ACK")
    call.callee.reply(call.callee.expect("INVITE"), 200, "OK", headers=[contact_of(call.callee), SDP], body=ANSWER)
    other.reply(other.expect("INVITE"), 200, "OK", headers=[contact_of(other), SDP], body=OFFER)
    other.expect("ACK")
    call.callee.expect("ACK")
    call.hang_up(call.b, Leg.asked(other, invite, "o"))


def test_nobody_to_try(scripted, agents):
    server, call, party = refers(scripted, agents, RETRY % ("er", 9, "nobody"))
    refuse(party)
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    no_state(server)
    assert "NO RETRY" in server.tail()


def test_an_answer_that_is_no_new_partys_is_no_reason_to_try(scripted, agents):
    server = scripted(reply="""if (is_method("INFO")) {
		b2b_client_new("other", "sip:x@127.0.0.1:9");
		if (!b2b_bridge_retry("other")) xlog("NO RETRY\\n");
	}""")
    call = Call(server, agents).pick_up().confirm()
    call.a.request("INFO")
    call.callee.reply(call.callee.expect("INFO"), 486, "No")
    call.caller.expect(486)
    assert "NO RETRY" in server.tail() and "is no answer of a new entity" in server.tail()
    call.hang_up()


JOIN = """
	if ($rU == "pickup") {
		$var(key) = $hdr(X-Key);
		$var(number) = %d;
		b2b_bridge_request(%s);
		exit;
	}""" + INIT


@pytest.mark.parametrize("number, arguments, name, contact", [
    (0, '$var(key), $var(number)', "key", None),
    (1, '$var(key), $var(number)', "key", None),
    (0, '"$var(key)", 0, "sip:desk@192.0.2.1:5070"', "caller's dialog", "<sip:desk@192.0.2.1:5070>"),
    (1, '$var(key), 1, , "late_bye"', "callee's dialog", None),
    (0, '$var(key), $var(number), "sip:desk@192.0.2.1", "late_bye"', "key", "<sip:desk@192.0.2.1>"),
])
def test_forms_of_joining(scripted, agents, number, arguments, name, contact):
    server = scripted(init=JOIN % (number, arguments))
    call = Call(server, agents).pick_up().confirm()
    stays, leaves = (call.a, call.b) if number == 0 else (call.b, call.a)
    # A leg's From tag is that of its first INVITE.
    key = {"key": b2b_sessions(server)[0]["key"],
           "caller's dialog": ";".join([call.a.call_id, call.a.local_tag, call.a.remote_tag]),
           "callee's dialog": ";".join([call.b.call_id, call.b.remote_tag, call.b.local_tag])}[name]
    third = agents(server)
    sent = third.request("INVITE", "sip:pickup@%s:%d" % (server.address, server.port), headers=[SDP, "X-Key: " + key],
                         body=OFFER.replace("s=-", "s=third"))
    if "late_bye" in arguments:
        leaves.agent.nothing(0.1)
    else:
        leaves.agent.reply(leaves.agent.expect("BYE"), 200, "OK")
    again = stays.agent.expect("INVITE")
    assert "s=third" in again.body and again.get("call-id") == stays.call_id
    stays.agent.reply(again, 200, "OK", headers=[contact_of(stays.agent), SDP], body=ANSWER)
    ok = third.expect(200)
    if "late_bye" in arguments:
        leaves.agent.reply(leaves.agent.expect("BYE"), 200, "OK")
    assert ok.body == ANSWER
    assert ok.get("contact") == (contact or "<sip:%s:%d>" % (server.address, server.port))
    leg = Leg(third, sent["call_id"], sent["caller"], sent["from_tag"], sent["callee"], ok.tag("to"),
              "sip:%s:%d" % (server.address, server.port))
    leg.request("ACK", cseq=1)
    stays.agent.expect("ACK")
    assert ids(server) == [["caller", "callee"][number], "joined"]
    call.hang_up(stays, leg)


@pytest.mark.parametrize("flag, by", [(None, "key"), (0, "caller's dialog"), (1, "callee's dialog")])
@pytest.mark.parametrize("music", [False, True])
def test_forms_of_the_command(b2b, agents, flag, by, music):
    server = b2b()
    port = free_port()
    player = agents(server, port)
    call = Call(server, agents).pick_up().confirm()
    party, uri = new_party(server, agents)
    stays, leaves = (call.b, call.a) if flag else (call.a, call.b)
    name = {"key": b2b_sessions(server)[0]["key"],
            "caller's dialog": ";".join([call.a.call_id, call.a.local_tag, call.a.remote_tag]),
            "callee's dialog": ";".join([call.b.call_id, call.b.remote_tag, call.b.local_tag])}[by]
    parameters = {"dialog_id": name, "new_uri": uri.strip('"'), **({} if flag is None else {"flag": flag}),
                  **({"prov_media_uri": "sip:music@127.0.0.1:%d" % port} if music else {})}
    # By name, or all by place.
    if flag is None or not music:
        assert server.mi("b2b_bridge", **parameters) == "OK"
    else:
        assert server.mi_call("b2b_bridge", list(parameters.values()))["result"] == "OK"
    leaves.agent.reply(leaves.agent.expect("BYE"), 200, "OK")
    if music:
        player.reply(player.expect("INVITE"), 200, "OK", tag="m", headers=[contact_of(player), SDP], body=OFFER)
        player.expect("ACK")
        again = stays.agent.expect("INVITE")
        stays.agent.reply(again, 200, "OK", headers=[contact_of(stays.agent), SDP], body=ANSWER)
        stays.agent.expect("ACK")
    leg = complete_bridge(call, stays, party)
    if music:
        player.reply(player.expect("BYE"), 200, "OK")
    call.hang_up(stays, leg)
