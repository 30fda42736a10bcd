"""Real telephones (baresip) through the server: digest, dialogs, hold and transfer, over UDP, TCP and between both."""
import pytest

from b2bcalls import b2b_sessions, entities
from baresip import Baresip
from conftest import wait_for


@pytest.fixture
def service(start):
    def make(**values):
        return start("telephones.cfg", **{"FLAGS": "", **values})

    return make


@pytest.fixture
def telephone(tmp_path):
    """telephone(server, name, transport, …) → Baresip; all are ended."""
    made = []

    def make(server, name, transport="udp", password=None):
        account = (
            "<sip:{name}@127.0.0.1:{port};transport={transport}>;auth_user={name};auth_pass={password};regint=600;"
            'answermode=manual;outbound="sip:127.0.0.1:{port};transport={transport}"').format(
                name=name, port=server.port, transport=transport, password=password or "secret-of-" + name)
        one = Baresip(tmp_path, name, account)
        made.append(one)
        return one

    yield make
    for one in made:
        one.end()


def registered(server):
    """Who is there; before the first there is no domain."""
    return {a["AOR"].partition("@")[0] for d in server.mi("ul_dump")["Domains"] for a in d["AORs"]}


def up(server):
    return server.mi("dialog:list")["Dialogs"]


def call(server, caller, callee, number=None):
    wait_for(lambda: registered(server) >= {caller.name, callee.name}, "the telephones to register")
    caller.tell("dial", "%s@127.0.0.1" % (number or callee.name))
    callee.wait("CALL_INCOMING")
    caller.wait("CALL_RINGING")
    callee.tell("accept")
    caller.wait("CALL_ESTABLISHED")
    callee.wait("CALL_ESTABLISHED")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_registration_with_digest(service, telephone, transport):
    server = service()
    alice = telephone(server, "alice", transport)
    mallory = telephone(server, "mallory", transport, password="guessed")
    wait_for(lambda: registered(server) == {"alice"}, "alice to register")
    wait_for(lambda: "mallory@127.0.0.1:%d: 401 Unauthorized" % server.port in mallory.tail(), "mallory to be turned away")
    contacts = server.mi("ul_show_contact", table_name="location", aor="alice@127.0.0.1")["Contacts"]
    assert len(contacts) == 1 and contacts[0]["Socket"].startswith(transport + ":"), contacts
    assert "baresip" in contacts[0]["User-agent"]
    assert registered(server) == {"alice"}
    # A telephone that is switched off says so.
    alice.end()
    wait_for(lambda: registered(server) == set(), "alice to go")


@pytest.mark.parametrize("caller,callee", [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")])
def test_a_call_with_hold_and_hangup(service, telephone, caller, callee):
    server = service()
    alice, bob = telephone(server, "alice", caller), telephone(server, "bob", callee)
    call(server, alice, bob)
    dialog, = up(server)
    assert dialog["state"] == 4 and dialog["from_uri"].startswith("sip:alice@"), dialog
    assert dialog["caller_bind_addr"].startswith(caller + ":")
    assert dialog["CALLEES"][0]["callee_bind_addr"].startswith(callee + ":")
    # A re-INVITE of each side, along the recorded routes.
    for held, key in ((alice, lambda: up(server)[0]["caller_sdp"]), (bob, lambda: up(server)[0]["CALLEES"][0]["callee_sdp"])):
        held.tell("hold")
        wait_for(lambda: "a=sendonly" in key(), "the re-INVITE of %s" % held.name)
        held.tell("resume")
        wait_for(lambda: "a=sendrecv" in key(), "the second re-INVITE of %s" % held.name)
    bob.tell("hangup")
    alice.wait("CALL_CLOSED")
    wait_for(lambda: up(server) == [], "the dialog to end")
    assert "does not fit" not in server.tail()


def test_the_caller_gives_up_and_the_callee_refuses(service, telephone):
    server = service()
    alice, bob = telephone(server, "alice"), telephone(server, "bob", "tcp")
    wait_for(lambda: registered(server) == {"alice", "bob"}, "the telephones to register")
    alice.tell("dial", "bob@127.0.0.1")
    bob.wait("CALL_INCOMING")
    alice.wait("CALL_RINGING")
    assert [d["state"] for d in up(server)] == [2]
    alice.tell("hangup")
    bob.wait("CALL_CLOSED")
    alice.wait("CALL_CLOSED")
    wait_for(lambda: up(server) == [], "the cancelled dialog to end")
    alice.tell("dial", "bob@127.0.0.1")
    bob.wait("CALL_INCOMING")
    bob.tell("hangup")
    assert "486" in alice.wait("CALL_CLOSED")["param"]
    wait_for(lambda: up(server) == [], "the refused dialog to end")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_management_ends_a_call_at_both_telephones(service, telephone, transport):
    server = service(FLAGS="options-ping-caller,options-ping-callee,bye-on-timeout")
    alice, bob = telephone(server, "alice", transport), telephone(server, "bob", transport)
    call(server, alice, bob)
    dialog, = up(server)
    assert server.mi("dialog:end_dlg", dialog_id=dialog["ID"]) == "OK"
    alice.wait("CALL_CLOSED")
    bob.wait("CALL_CLOSED")
    wait_for(lambda: up(server) == [], "the dialog to end")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_transfer_back_to_back(service, telephone, transport):
    """alice talks to bob through the server as a back-to-back user agent, and hands him to carol by REFER."""
    server = service()
    alice, bob, carol = (telephone(server, name, transport) for name in ("alice", "bob", "carol"))
    wait_for(lambda: registered(server) == {"alice", "bob", "carol"}, "the telephones to register")
    call(server, alice, bob, "b2b-bob")
    session, = b2b_sessions(server)
    assert session["phase"] == "established" and len(entities(session)) == 2
    # Neither telephone sees the Call-ID of the other's call.
    assert len({e["callid"] for e in entities(session)}) == 2
    alice.tell("transfer", "sip:carol@127.0.0.1")
    carol.wait("CALL_INCOMING")
    carol.tell("accept")
    carol.wait("CALL_ESTABLISHED")
    # The NOTIFY of the transfer's success lets alice hang up.
    alice.wait("CALL_CLOSED")

    def talk():
        sessions = b2b_sessions(server)
        return len(sessions) == 1 and sessions[0]["phase"] == "established" and sessions[0]

    session = wait_for(talk, "bob and carol to talk")
    assert all(carol.sip != e["contact"] for e in entities(session))
    carol.tell("hangup")
    bob.wait("CALL_CLOSED")
    wait_for(lambda: b2b_sessions(server) == [], "the session to end")
    assert server.mi("b2be_list") == []
