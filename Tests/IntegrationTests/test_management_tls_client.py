"""`sipray mi`, `watch`, `top` and `calls` over https://: whom they trust, and what they say when they don't."""
import json
import os
import socket
import subprocess
import time

import pytest

from conftest import SIPRAY, free_port, wait_for
from faulty_collector import Certificates
from test_management_http import web  # noqa: F401 (fixture)
from test_management_tls import parameters


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"))


def pair(certificates, name="good"):
    return certificates.directory / (name + ".pem"), certificates.directory / (name + ".key")


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    """(certificate, key) for localhost and ::1, signed by itself."""
    directory = tmp_path_factory.mktemp("self")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return certificate, key


def ask(*arguments, **environment):
    done = subprocess.run([SIPRAY, *map(str, arguments)], capture_output=True, text=True, timeout=20,
                          env=dict(os.environ, **environment))
    return done.returncode, done.stdout, done.stderr


def address(server, host="localhost", user=""):
    return "https://%s%s:%d/mi" % (user, host, server.http_port)


def test_commands(web, certificates):  # noqa: F811
    """The address from --mi, --http and SIPRAY_MI; a long answer; an error of the server; another path than its own."""
    server = web(parameters=parameters(*pair(certificates)))
    ca = "--ca", certificates.authority
    for arguments, environment in [
            (["--mi", address(server)], {}), (["--http", address(server)], {}), ([], {"SIPRAY_MI": address(server)})]:
        status, out, err = ask("mi", *arguments, *ca, "ps", **environment)
        assert status == 0 and json.loads(out) == server.mi("ps"), err
    status, out, err = ask("mi", "--mi", address(server), *ca, "which")
    assert status == 0 and json.loads(out) == server.mi("which"), err
    status, _, err = ask("mi", "--mi", address(server), *ca, "nonsense")
    assert status == 1 and "Method not found" in err
    status, _, err = ask("mi", "--mi", address(server).replace("/mi", "/elsewhere"), *ca, "ps")
    assert status == 2 and "HTTP status 4" in err
    wait_for(lambda: server.statistic("httpd:connections") == 0, "the connections to go")
    assert server.statistic("httpd:handshake_failures") == 0


def test_credentials(web, certificates):  # noqa: F811
    lines = "\n".join('modparam("httpd", "auth_%s", "%s")' % entry for entry in [("username", "me"), ("password", "secret")])
    server = web(parameters=parameters(*pair(certificates)) + "\n" + lines)
    ca = "--ca", certificates.authority
    assert ask("mi", "--mi", address(server, user="me:secret@"), *ca, "pwd")[0] == 0
    status, _, err = ask("mi", "--mi", address(server, user="me:wrong@"), *ca, "pwd")
    assert status == 2 and "401" in err and "wrong" not in err


@pytest.mark.parametrize("name, words", [
    ("good", "nobody who is trusted here vouches for its certificate"), ("expired", "its certificate expired on 2021-01-01"),
    ("other", "its certificate is for another name"), ("address", "its certificate is for another name or address"),
    ("self", "nobody who is trusted here vouches for its certificate")])
def test_who_is_not_trusted(web, certificates, self_signed, name, words):  # noqa: F811
    """Said in one line that names the address, with status 2; nothing of the command has left. --insecure takes them all."""
    files = {"self": self_signed, "address": pair(certificates)}.get(name) or pair(certificates, name)
    server = web(parameters=parameters(*files))
    host = "127.0.0.1" if name == "address" else "localhost"
    trust = [] if name == "good" else ["--ca", certificates.authority]
    status, out, err = ask("mi", "--mi", address(server, host, "me:secret@"), *trust, "ps")
    assert status == 2 and out == "", out
    assert words in err and address(server, host) in err and "secret" not in err and err.count("\n") == 1, err
    assert server.statistic("httpd:requests") == 0
    status, out, err = ask("mi", "--mi", address(server), "--insecure", "ps")
    assert status == 0 and json.loads(out) == server.mi("ps"), err


def test_a_certificate_may_vouch_for_itself(web, self_signed):  # noqa: F811
    server = web(parameters=parameters(*self_signed))
    for host in ("localhost", "127.0.0.1"):
        status, out, err = ask("mi", "--mi", address(server, host), "--ca", self_signed[0], "pwd")
        assert status == 0, err


def test_who_speaks_no_tls(web, certificates):  # noqa: F811
    """Plain HTTP where TLS is wanted, TLS where plain HTTP is, silence, an end, nobody, no such host."""
    plain = web()
    status, _, err = ask("mi", "--mi", address(plain), "--insecure", "ps")
    assert status == 2 and "no TLS with" in err, err
    secure = web(parameters=parameters(*pair(certificates)))
    status, _, err = ask("mi", "--http", "127.0.0.1:%d" % secure.http_port, "ps")
    assert status == 2 and "https://" in err, err
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = "https://127.0.0.1:%d" % silent.getsockname()[1]
        began = time.monotonic()
        status, _, err = ask("mi", "--mi", where, "--timeout", 300, "ps")
        assert status == 2 and "no answer from " + where in err and time.monotonic() - began < 10, err
        asking = subprocess.Popen([SIPRAY, "mi", "--mi", where, "ps"], stderr=subprocess.PIPE, text=True)
        silent.settimeout(10)
        first, _ = silent.accept()  # of the one that gave up
        silent.accept()[0].close()
        assert asking.wait(10) == 2 and "no TLS with" in asking.stderr.read()
        first.close()
    status, _, err = ask("mi", "--mi", "https://127.0.0.1:%d" % free_port(), "ps")
    assert status == 2 and "nobody serves https://127.0.0.1" in err, err


@pytest.mark.parametrize("arguments, words", [
    (["--ca", "/none", "--mi", "https://h"], "'/none' has no certificates in PEM: No such file"),
    (["--ca", __file__, "--mi", "https://h"], "has no certificates in PEM"),
    (["--ca", "/none"], "--ca and --insecure are for https:// only"), (["--insecure"], "--ca and --insecure are for https:// only"),
    (["--ca", "/none", "--insecure", "--mi", "https://h"], "Give --ca or --insecure, not both")])
def test_what_does_not_go_together(arguments, words):
    status, _, err = ask("mi", *arguments, "ps")
    assert status != 0 and words in err, err


def test_those_who_follow_a_server(web, certificates):  # noqa: F811
    """`watch`, `top` and `calls` ask over TLS as well; events come as datagrams."""
    server = web(parameters=parameters(*pair(certificates)))
    where = ["--mi", address(server), "--ca", str(certificates.authority)]
    watch = subprocess.Popen([SIPRAY, "watch", *where, "--level", "2", "--seconds", "2", "--process", "HTTPD"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while watch.poll() is None:
        assert ask("mi", *where, "pwd")[0] == 0
    assert watch.returncode == 0, watch.stderr.read()
    assert "HTTPD_CB pwd" in watch.stdout.read()
    status, out, err = ask("calls", *where)
    assert status == 0 and "follows no calls" in out, err
    status, out, err = ask("top", *where, "--times", 1)
    assert status == 0 and "HTTPD" in out, err
    status, _, err = ask("watch", "--mi", address(server), "--seconds", 1)
    assert status != 0 and "nobody who is trusted" in err, err
