"""rest_init_client_tls(): the next request uses a client domain of tls_mgm, once."""
import ssl
import subprocess

import pytest

from http_service import Service
from sip import Agent


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A certificate of the service's, and one of a client that the service trusts; each signs itself."""
    directory = tmp_path_factory.mktemp("tls")
    for name in ("service", "client"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", directory / (name + ".key"), "-out", directory / (name + ".pem"), "-subj", "/CN=" + name,
                "-addext", "subjectAltName=DNS:localhost")
    return directory


@pytest.fixture(scope="module")
def https(files):
    """A service that wants a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "service.pem", files / "service.key")
    context.load_verify_locations(files / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    one = Service(tls=context)
    yield one
    one.close()


DOMAINS = """
loadmodule "tls_mgm.so"
modparam("tls_mgm", "tls_library", "none")
modparam("tls_mgm", "client_domain", "known")
modparam("tls_mgm", "certificate", "[known]@DIR@/client.pem")
modparam("tls_mgm", "private_key", "[known]@DIR@/client.key")
modparam("tls_mgm", "ca_list", "[known]@DIR@/service.pem")
modparam("tls_mgm", "client_domain", "stranger")
modparam("tls_mgm", "ca_list", "[stranger]@DIR@/service.pem")
modparam("tls_mgm", "client_domain", "doubter")
modparam("tls_mgm", "certificate", "[doubter]@DIR@/client.pem")
modparam("tls_mgm", "private_key", "[doubter]@DIR@/client.key")
modparam("tls_mgm", "ca_list", "[doubter]@DIR@/client.pem")
modparam("tls_mgm", "client_domain", "careless")
modparam("tls_mgm", "certificate", "[careless]@DIR@/client.pem")
modparam("tls_mgm", "private_key", "[careless]@DIR@/client.key")
modparam("tls_mgm", "verify_cert", "[careless]0")
modparam("tls_mgm", "client_domain", "modern")
modparam("tls_mgm", "certificate", "[modern]@DIR@/client.pem")
modparam("tls_mgm", "private_key", "[modern]@DIR@/client.key")
modparam("tls_mgm", "ca_list", "[modern]@DIR@/service.pem")
modparam("tls_mgm", "tls_method", "[modern]TLSv1_3")
"""


def test_a_domain_holds_for_the_next_request(start, files, https):
    server = start("waiting.cfg", EXTRA=DOMAINS.replace("@DIR@", str(files)), ROUTE="""
        route {
            if ($rU != "none" && !rest_init_client_tls($rU)) { send_reply(404, "No such domain"); exit; }
            if ($hdr(X-Form) == "async") async(rest_get("@URL@/echo", $var(body)), done);
            if ($hdr(X-Form) == "post") rest_post("@URL@/echo", "text", , $var(body));
            else rest_get("@URL@/echo", $var(body));
            $var(first) = $rc;
            if ($hdr(X-Form) == "twice") rest_get("@URL@/echo", $var(body));
            append_to_reply("X-Result: $var(first)/$rc\\r\\n");
            send_reply(200, "OK");
        }
        route[done] { append_to_reply("X-Result: $rc\\r\\n"); t_reply(200, "OK"); }
        """.replace("@URL@", https.url.replace("127.0.0.1", "localhost")))
    with Agent((server.address, server.port)) as agent:
        def ask(domain, form):
            agent.request("OPTIONS", "sip:%s@127.0.0.1" % domain, headers=["X-Form: " + form])
            return agent.expect(200, timeout=10).get("x-result")

        assert ask("known", "get") == "1/1" and ask("known", "post") == "1/1" and ask("known", "async") == "1"
        assert ask("known", "twice") == "1/-10", "the second request has no certificate"
        # No certificate, a service that is not trusted, no checking at all, a version that the service does not speak.
        assert ask("stranger", "get") == "-10/-10" and ask("doubter", "get") == "-10/-10"
        assert ask("careless", "get") == "1/1" and ask("modern", "get") == "-10/-10" and ask("none", "get") == "-10/-10"
        agent.request("OPTIONS", "sip:nobody@127.0.0.1", headers=["X-Form: get"])
        agent.expect(404)
    assert "tls_mgm has no client_domain `nobody`" in server.tail(20000)
    listed = {domain["Name"]: domain for domain in server.mi("tls_list")["Domains"]}
    assert list(listed) == ["known", "stranger", "doubter", "careless", "modern"]
    assert listed["modern"] == {
        "Name": "modern", "Type": "client", "Verify": True, "Certificate": str(files / "client.pem"),
        "Key": str(files / "client.key"), "CA list": str(files / "service.pem"), "Ciphers": None,
        "Lowest version": "TLSv1_3", "Highest version": "TLSv1_3"}
    assert listed["careless"]["Verify"] is False and listed["stranger"]["Certificate"] is None
    assert server.mi_call("tls_mgm:reload")["error"]["code"] == 501


@pytest.mark.parametrize("lines, phrase", [
    ('modparam("tls_mgm", "certificate", "[d]/nowhere.pem")\nmodparam("tls_mgm", "private_key", "[d]/nowhere.key")',
     "the domain `d` can't be used"),
    ('modparam("tls_mgm", "ciphers_list", "[d]NO-SUCH")', "ciphers_list"),
    ('modparam("tls_mgm", "verify_cert", "[other]1")', "there is no client_domain `other`"),
])
def test_domains_that_cannot_be_refuse_the_start(start, lines, phrase):
    server = start("waiting.cfg", wait=False, ROUTE="route { exit; }",
                   EXTRA='loadmodule "tls_mgm.so"\nmodparam("tls_mgm", "client_domain", "d")\n' + lines)
    assert server.process.wait(10) == 1 and phrase in server.tail(), server.tail()
    server.process.returncode = 0
