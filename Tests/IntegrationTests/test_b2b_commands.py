"""Management of back-to-back calls: every wrong parameter is a JSON-RPC error, and limits answer 503."""
import pytest

from b2bcalls import (INIT, NOTHING, OFFER, SDP, Call, agents, b2b, b2b_sessions, complete_bridge, entities, new_party,
                      no_state, scripted)
from conftest import Server

NAMES = {"b2b_list": "b2b_logic:list", "b2b_bridge": "b2b_logic:bridge", 
         "b2b_terminate_call": "b2b_logic:terminate_call", "b2b_trigger_scenario": "b2b_logic:trigger_scenario",
         "b2be_list": "b2b_entities:list"}
GONE, BUSY, BAD = 404, 409, -32602


# What the peer's tools read, with the types of its replies; and what is told besides.
TUPLE = {"id": int, "key": str, "state": int, "lifetime": int, "db_flag": int, "scenario": str, "SERVERS": list,
         "CLIENTS": list, "BRIDGE_ENTITIES": list}
ENTITY = {"index": int, "scenario_id": str, "key": str, "disconnected": int, "state": int, "no": int, "type": int,
          "peer": str, "to_uri": str, "from_uri": str}
TUPLE_MORE = {"phase": str, "age": int, "context": dict}
ENTITY_MORE = {"dialog": str, "callid": str, "fromtag": str, "totag": str, "contact": str, "cseq": int}


def types(value):
    return {name: type(member) for name, member in value.items()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that make no call."""
    server = Server(tmp_path_factory.mktemp("shared"), "b2b.cfg", UAS_PORT=9, **NOTHING)
    yield server
    assert b2b_sessions(server) == [] and server.mi("b2be_list") == []
    server.stop()


@pytest.mark.parametrize("command, parameters, code, words", [
    ("b2b_list", {"x": 1}, BAD, "Too few or too many"),
    ("b2b_list", {"index": 0}, BAD, "Too few or too many"),
    ("b2b_list", {"index": -1, "counter": 1}, BAD, "'index'"),
    ("b2b_list", {"index": 0, "counter": -1}, BAD, "'counter'"),
    ("b2b_list", {"index": 0, "counter": "x"}, BAD, "'counter'"),
    ("b2be_list", ["x"], BAD, "Too few or too many"),
    ("b2b_terminate_call", None, BAD, "Too few or too many"),
    ("b2b_terminate_call", {"key": ["a"]}, BAD, "'key'"),
    ("b2b_terminate_call", {"key": "1.2"}, GONE, "No such session"),
    ("b2b_terminate_call", {"key": ""}, GONE, "No such session"),
    ("b2b_terminate_call", {"key": "a;b;c"}, GONE, "No such session"),
    ("b2b_terminate_call", {"key": "1.2.3"}, GONE, "No such session"),
    ("b2b_terminate_call", {"key": "99999999999999999999.1"}, GONE, "No such session"),
    ("b2b_bridge", {"dialog_id": "1.2"}, BAD, "Too few or too many"),
    ("b2b_bridge", {"dialog_id": "1.2", "uri": "sip:a@b"}, BAD, "do not match"),
    ("b2b_bridge", {"dialog_id": "1.2", "new_uri": "sip:a@b"}, GONE, "No such session"),
    ("b2b_bridge", {"dialog_id": "1.2", "new_uri": "nonsense"}, BAD, "'new_uri'"),
    ("b2b_bridge", {"dialog_id": "1.2", "new_uri": "sip:a@b", "flag": 2}, BAD, "'flag'"),
    ("b2b_bridge", {"dialog_id": "1.2", "new_uri": "sip:a@b", "flag": "x"}, BAD, "'flag'"),
    ("b2b_bridge", {"dialog_id": "1.2", "new_uri": "sip:a@b", "prov_media_uri": "@"}, BAD, "'prov_media_uri'"),
    ("b2b_bridge", {"dialog_id": {"a": 1}, "new_uri": "sip:a@b"}, BAD, "'dialog_id'"),
    ("b2b_trigger_scenario", {"senario_id": "s", "entity1": "a,sip:a@b"}, BAD, "Too few or too many"),
    ("b2b_trigger_scenario", {"senario_id": "s", "entity1": "a", "entity2": "b,sip:b@b"}, BAD, "'entity1'"),
    ("b2b_trigger_scenario", {"senario_id": "s", "entity1": "a,sip:a@b", "entity2": "b,nonsense"}, BAD, "'entity2'"),
    ("b2b_trigger_scenario", {"senario_id": "s", "entity1": "a,sip:a@b,x,y", "entity2": "b,sip:b@b"}, BAD, "'entity1'"),
    ("b2b_trigger_scenario", {"senario_id": "s", "entity1": "a,sip:a@b", "entity2": "b,sip:b@b", "context": ["k"]}, BAD,
     "'context'"),
    ("b2b_trigger_scenario", {"senario_id": "s", "entity1": "a,sip:a@b", "entity2": "b,sip:b@b", "context": [["k"]]},
     BAD, "'context'"),
    ("b2b_trigger_scenario", {"senario_id": 1.5, "entity1": "a,sip:a@b", "entity2": "b,sip:b@b"}, BAD, "'senario_id'"),
])
@pytest.mark.parametrize("is_new", [False, True])
def test_wrong_parameters(shared, command, parameters, code, words, is_new):
    error = shared.mi_call(NAMES[command] if is_new else command, parameters)["error"]
    assert error["code"] == code and words in error["message"] + str(error.get("data", "")), error


def test_commands_bridge_and_end_calls(b2b, agents):
    server = b2b()
    call = Call(server, agents)
    session, = b2b_sessions(server)
    party, uri = new_party(server, agents)
    uri = uri.strip('"')
    # Not while it rings, and not twice at once.
    assert server.mi_call("b2b_bridge", {"dialog_id": session["key"], "new_uri": uri})["error"]["code"] == BUSY
    call.pick_up().confirm()
    assert server.mi("b2b_bridge", dialog_id=session["key"], new_uri=uri) == "OK"
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    assert server.mi_call("b2b_bridge", {"dialog_id": session["key"], "new_uri": uri})["error"]["code"] == BUSY
    complete_bridge(call, call.a, party)
    triple = ";".join([call.a.call_id, call.a.local_tag, call.a.remote_tag])
    assert server.mi("b2b_terminate_call", key=triple) == "OK"
    for agent in (call.caller, party):
        agent.reply(agent.expect("BYE"), 200, "OK")
    no_state(server)
    assert server.mi_call("b2b_terminate_call", {"key": triple})["error"]["code"] == GONE


def test_lists_have_the_shape_that_tools_of_the_peer_read(scripted, agents):
    server = scripted(EXTRA='modparam("b2b_logic", "max_duration", 0)', init=INIT.replace("early", "deep"))
    assert server.mi("b2b_list") == {"Tuples": []} and server.mi("b2be_list") == []
    call = Call(server, agents)
    ringing, = b2b_sessions(server)
    assert [ringing["state"], ringing["phase"]] == [0, "setup"]
    assert [e["state"] for e in entities(ringing)] == [1, 1] and entities(ringing)[0]["dialog"] == "early"
    call.pick_up().confirm()
    reply = server.mi("b2b_logic:list")
    assert list(reply) == ["Tuples"]
    session, = reply["Tuples"]
    assert types(session) == {**TUPLE, **TUPLE_MORE}
    assert list(session)[:len(TUPLE)] == list(TUPLE), "the peer's order"
    assert session["key"].endswith(".%d" % session["id"]) and session["db_flag"] == 0
    assert [session["state"], session["phase"], session["lifetime"]] == [1, "established", 0]
    assert session["scenario"] == "mine" and session["context"] == {"what": "deep"} and session["age"] in (0, 1, 2)
    (caller,), (callee,) = session["SERVERS"], session["CLIENTS"]
    assert session["BRIDGE_ENTITIES"] == [caller, {**callee, "index": 1}]
    for entity in (caller, callee):
        assert types(entity) == {**ENTITY, **ENTITY_MORE}
        assert list(entity)[:len(ENTITY)] == list(ENTITY)
        assert entity["disconnected"] == 0 and [entity["state"], entity["dialog"]] == [2, "confirmed"]
    assert [caller["index"], caller["no"], caller["type"]] == [0, 0, 0]
    assert [callee["index"], callee["no"], callee["type"]] == [0, 1, 1]
    assert [caller["scenario_id"], callee["scenario_id"]] == ["caller", "callee"]
    assert caller["peer"] == callee["key"] and callee["peer"] == caller["key"]
    assert [caller["callid"], caller["totag"]] == [call.a.call_id, caller["key"]] and callee["callid"] == callee["key"]
    assert [caller["from_uri"], caller["to_uri"]] == [call.sent["caller"], call.sent["callee"]]
    assert [callee["from_uri"], callee["to_uri"]] == [call.sent["caller"], call.b.local]
    # The same of entities alone: what is one's place in a session is not told.
    alone = {e["key"]: e for e in server.mi("b2b_entities:list")}
    assert sorted(e["index"] for e in alone.values()) == [0, 1]
    for entity in (caller, callee):
        assert {**alone[entity["key"]], "index": entity["index"], "no": entity["no"]} == entity
    # Whom nobody talks to, and seconds that are left.
    party, uri = new_party(server, agents)
    assert server.mi("b2b_bridge", dialog_id=session["key"], new_uri=uri.strip('"')) == "OK"
    call.callee.reply(call.callee.expect("BYE"), 200, "OK")
    bridging, = b2b_sessions(server)
    assert [bridging["state"], bridging["phase"]] == [2, "bridging"]
    assert [[e["disconnected"], e["peer"], e["dialog"]] for e in entities(bridging)] == [
        [1, "", "confirmed"], [1, "", "new"]]
    leg = complete_bridge(call, call.a, party)
    call.hang_up(leg, call.a)


def test_a_part_of_the_list(b2b, agents):
    server = b2b()
    calls = [Call(server, agents, caller=agents(server)).pick_up().confirm() for _ in range(3)]
    keys = [session["key"] for session in b2b_sessions(server)]
    for index, counter in ((0, 2), (1, 1), (2, 5), (3, 1), (0, 0)):
        part = server.mi("b2b_list", index=index, counter=counter)["Tuples"]
        assert [session["key"] for session in part] == keys[index:index + counter]
    for call in calls[:2]:
        call.a.request("BYE")
        call.callee.reply(call.callee.expect("BYE"), 200, "OK")
        call.caller.expect(200)
    calls[2].hang_up()


def test_a_list_tells_how_long_a_call_may_last(b2b, agents):
    call = Call(b2b(EXTRA='modparam("b2b_logic", "max_duration", 60)'), agents).pick_up().confirm()
    assert b2b_sessions(call.server)[0]["lifetime"] in range(50, 61)
    call.hang_up()


def test_a_call_that_rings_is_ended(b2b, agents):
    server = b2b()
    call = Call(server, agents)
    assert server.mi("b2b_terminate_call", key=b2b_sessions(server)[0]["key"]) == "OK"
    call.caller.ack(call.sent, call.caller.expect(480))
    call.callee.reply(call.callee.expect("CANCEL"), 200, "OK")
    call.callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
    call.callee.expect("ACK")
    no_state(server)


@pytest.mark.parametrize("limit", ['"b2b_logic", "sessions_max"', '"b2b_entities", "entities_max"'])
def test_more_calls_than_there_may_be(b2b, agents, limit):
    server = b2b(EXTRA="modparam(%s, 1)" % limit)
    call = Call(server, agents).pick_up().confirm()
    caller = agents(server)
    sent = caller.request("INVITE", "sip:x@%s:%d" % (server.address, server.port), body=OFFER, headers=[SDP])
    refused = caller.expect(503)
    caller.ack(sent, refused)
    assert refused.get("retry-after") == "5"
    if "sessions" in limit:
        trigger = {"senario_id": "s", "entity1": "a,sip:a@127.0.0.1:9", "entity2": "b,sip:b@127.0.0.1:9"}
        assert server.mi_call("b2b_trigger_scenario", trigger)["error"]["code"] == 503
    call.hang_up()
    Call(server, agents).pick_up().confirm().hang_up()
