"""Management over HTTPS: tls_cert_file and tls_key_file of httpd."""
import json
import ssl
import subprocess
import time

import pytest

from conftest import free_port, wait_for
from test_management_http import HTTP, web  # noqa: F401 (fixture)

CALL = b'{"jsonrpc":"2.0","method":"pwd","id":1}'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) files, self-signed for localhost."""
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return certificate, key


def parameters(certificate, key, ciphers=None):
    lines = ['modparam("httpd", "tls_cert_file", "%s")' % certificate, 'modparam("httpd", "tls_key_file", "%s")' % key]
    if ciphers:
        lines.append('modparam("httpd", "tls_ciphers", "%s")' % ciphers)
    return "\n".join(lines)


class HTTPS(HTTP):
    def __init__(self, port, trusted, versions=None, timeout=10.0):
        super().__init__(port, timeout=timeout)
        context = ssl.create_default_context(cafile=trusted)
        if versions:
            context.minimum_version = context.maximum_version = versions
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")


def test_commands_over_tls(web, certificate):  # noqa: F811
    server = web(parameters=parameters(*certificate))
    assert "https://127.0.0.1" in server.tail()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        https = HTTPS(server.http_port, certificate[0], version)
        for _ in range(3):
            assert https.call("pwd")[0] == 200
        status, _, body = https.call("ps")
        assert status == 200 and json.loads(body)["result"] == server.mi("ps")
        # A body of a mebibyte, in many TLS records, and what is too much.
        long = {"jsonrpc": "2.0", "id": 1, "method": "evi:raise",
                "params": {"event": "E_CORE_THRESHOLD", "params": {"x": "y" * 1_000_000}}}
        assert json.loads(https.ask(json.dumps(long).encode())[2])["result"] == "OK"
        https.send(HTTP.request(CALL).replace(b"Host: x", b"Host: x\r\nConnection: close"))
        assert https.receive()[1]["connection"] == "close" and https.closed(3)
        https.close()
    wait_for(lambda: server.statistic("httpd:connections") == 0, "the connections to go")


def test_plain_http_is_not_taken(web, certificate):  # noqa: F811
    """As in the peer: where TLS is on, nothing else is."""
    server = web(parameters=parameters(*certificate))
    http = HTTP(server.http_port)
    http.send(HTTP.request(CALL))
    assert http.closed(3) and server.statistic("httpd:requests") == 0
    wait_for(lambda: server.statistic("httpd:handshake_failures") == 1, "the count")
    https = HTTPS(server.http_port, certificate[0])
    assert https.call("pwd")[0] == 200
    https.close()


def test_old_versions_and_other_ciphers_are_refused(web, certificate):  # noqa: F811
    server = web(parameters=parameters(*certificate, ciphers="ECDHE-RSA-AES256-GCM-SHA384"))
    context = ssl.create_default_context(cafile=certificate[0])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with context.wrap_socket(HTTP(server.http_port).socket, server_hostname="localhost") as one:
        assert one.cipher()[0] == "ECDHE-RSA-AES256-GCM-SHA384" and one.version() == "TLSv1.2"
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError):
        context.wrap_socket(HTTP(server.http_port).socket, server_hostname="localhost")


def test_a_handshake_that_does_not_end_holds_up_nobody(web, certificate):  # noqa: F811
    server = web(parameters=parameters(*certificate))
    silent = [HTTP(server.http_port, timeout=30) for _ in range(20)]
    for one in silent[::2]:
        one.send(b"\x16\x03\x01\x02\x00\x01")
    began = time.monotonic()
    https = HTTPS(server.http_port, certificate[0])
    assert https.call("pwd")[0] == 200 and time.monotonic() - began < 6
    assert all(one.closed(30) for one in silent) and 9 < time.monotonic() - began < 25
    assert server.statistic("httpd:timeouts") >= 20
    https.close()


@pytest.mark.parametrize("change, words", [
    (("cert", "no"), "tls_cert_file '/none' has no certificate"), (("key", "no"), "tls_key_file '/none' has no private key"),
    (("key", "cert"), "has no private key"), (("key", None), "tls_cert_file needs tls_key_file"),
    (("cert", None), "tls_key_file needs tls_cert_file"), (("ciphers", "NO-SUCH"), "tls_ciphers has 'NO-SUCH'"),
    (("ciphers", "ECDHE-RSA-AES256-GCM-SHA384:HIGH"), "tls_ciphers has 'HIGH'")])
def test_what_cannot_be_refuses_the_start(start, certificate, change, words):
    files = dict(cert=certificate[0], key=certificate[1], ciphers=None)
    files[change[0]] = {"no": "/none", "cert": certificate[0], None: ""}.get(change[1], change[1])
    text = 'loadmodule "httpd.so"\nmodparam("httpd", "port", %d)\n%s\nloadmodule "mi_http.so"\n' % (
        free_port(), parameters(files["cert"], files["key"], files["ciphers"]))
    server = start("options.cfg", wait=False, EXTRA=text)
    assert server.process.wait(20) == 1 and words in server.tail(), server.tail()
    server.log.close()
    server.stop = lambda: None
