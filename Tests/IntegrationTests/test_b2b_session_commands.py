"""Commands of user agent sessions with wrong parameters: each is a JSON-RPC error."""
import pytest

from b2bcalls import NOTHING
from conftest import Server


@pytest.mark.parametrize("command, values, words", [
    ("client_start", dict(ruri="nonsense", to="sip:b@x", **{"from": "sip:a@x"}), "'ruri'"),
    ("client_start", dict(ruri="sip:b@x", to="nonsense", **{"from": "sip:a@x"}), "'to'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "A,nonsense"}), "'from'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "sip:a@x"}, flags="xyz"), "'flags'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "sip:a@x"}, flags="t"), "'flags'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "sip:a@x"}, proxy="@"), "'proxy'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "sip:a@x"}, socket="udp:9.9.9.9:1"), "'socket'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "sip:a@x"}, extra_headers="no colon"),
     "'extra_headers'"),
    ("client_start", dict(ruri="sip:b@x\r\nX: y", to="sip:b@x", **{"from": "sip:a@x"}), "'ruri'"),
    ("client_start", dict(ruri="sip:b@x", to="sip:b@x", **{"from": "sip:a@x"}, content_type="a\r\nb"),
     "'content_type'"),
    ("client_start", dict(ruri="sip:b@x"), "Too few"),
    ("update", dict(key="B2B.1.2.3", method="IN FO"), "'method'"),
    ("update", dict(key="B2B.1.2.3", method=["INFO"]), "'method'"),
    ("reply", dict(key="B2B.1.2.3", method="INFO", code=99), "'code'"),
    ("reply", dict(key="B2B.1.2.3", method="INFO", code="x"), "'code'"),
    ("reply", dict(key="B2B.1.2.3", method="INFO", code=200, reason="a\nb"), "'reason'"),
    ("terminate", dict(), "Too few"), ("list", dict(nothing=1), "do not match"),
])
def test_commands_with_wrong_parameters(shared, command, values, words):
    error = shared.mi_call("ua_session_" + command, values)["error"]
    assert error["code"] == -32602 and words in error["message"] + str(error.get("data", "")), error


@pytest.mark.parametrize("command, values", [
    ("update", dict(method="INFO")), ("reply", dict(method="INFO", code=200)), ("terminate", {}), ("list", {})])
@pytest.mark.parametrize("key", ["B2B.1.2.3", "nonsense", "B2B.99999999999.1.1"])
def test_commands_for_sessions_that_are_not_there(shared, command, values, key):
    error = shared.mi_call("ua_session_" + command, dict(values, key=key))["error"]
    assert (error["code"], error["message"]) == (404, "No such session")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that make no call."""
    server = Server(tmp_path_factory.mktemp("shared"), "b2b.cfg", UAS_PORT=9, **NOTHING)
    yield server
    assert server.mi("b2be_list") == []
    server.stop()


def test_the_event_is_published(shared):
    assert "E_UA_SESSION" in [e["name"] for e in shared.mi("evi:list")["Events"]]
