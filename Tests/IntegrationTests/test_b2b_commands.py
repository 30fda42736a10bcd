"""Management of back-to-back calls: every wrong parameter is a JSON-RPC error, and limits answer 503."""
import pytest

from b2bcalls import NOTHING, OFFER, SDP, Call, agents, b2b, complete_bridge, new_party, no_state
from conftest import Server

NAMES = {"b2b_list": "b2b_logic:list", "b2b_bridge": "b2b_logic:bridge", 
         "b2b_terminate_call": "b2b_logic:terminate_call", "b2b_trigger_scenario": "b2b_logic:trigger_scenario",
         "b2be_list": "b2b_entities:list"}
GONE, BUSY, BAD = 404, 409, -32602


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that make no call."""
    server = Server(tmp_path_factory.mktemp("shared"), "b2b.cfg", UAS_PORT=9, **NOTHING)
    yield server
    assert server.mi("b2b_list") == [] and server.mi("b2be_list") == []
    server.stop()


@pytest.mark.parametrize("command, parameters, code, words", [
    ("b2b_list", {"x": 1}, BAD, "Too few or too many"),
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
    session, = server.mi("b2b_list")
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


def test_a_call_that_rings_is_ended(b2b, agents):
    server = b2b()
    call = Call(server, agents)
    assert server.mi("b2b_terminate_call", key=server.mi("b2b_list")[0]["key"]) == "OK"
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
