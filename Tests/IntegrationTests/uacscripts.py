"""Scripts and parties of the tests of uac and uac_auth."""
import pytest

from sip import Agent

MODULES = """
loadmodule "uac_auth.so"
modparam("uac_auth", "credential", "alice:example.org:wonder")
modparam("uac_auth", "credential", "alice:proxy.example.org:through the looking glass")
modparam("uac_auth", "auth_realm_avp", "$avp(realm)")
modparam("uac_auth", "auth_username_avp", "$avp(user)")
modparam("uac_auth", "auth_password_avp", "$avp(password)")
loadmodule "uac.so"
"""


@pytest.fixture
def agents():
    made = []

    def make(server, count=2):
        out = [Agent((server.address, server.port)) for _ in range(count)]
        made.extend(out)
        return out

    yield make
    for one in made:
        one.close()


def relay(target, before="", failure="if (uac_auth()) t_relay();", sequential=""):
    return """
        route {
            if (has_totag()) { loose_route(); %s t_relay(); exit; }
            if ($rm == "ACK") exit;
            record_route();
            %s
            $du = "sip:127.0.0.1:%d";
            t_on_failure("challenged");
            t_relay();
        }
        failure_route[challenged] { %s }
        """ % (sequential, before, target, failure)
