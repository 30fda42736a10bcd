"""`sipray check` refuses what `sipray serve` refuses, value by value, and touches nothing."""
import json
import os
import re
import socket
import subprocess

import pytest

from conftest import SIPRAY, free_port, wait_for

HEAD = """stderror_enabled=yes
socket=udp:127.0.0.1:@PORT@
socket=tcp:127.0.0.1:@PORT@
loadmodule "proto_udp.so"
loadmodule "proto_tcp.so"
loadmodule "sl.so"
loadmodule "signaling.so"
loadmodule "tm.so"
loadmodule "maxfwd.so"
loadmodule "cfgutils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "acc.so"
loadmodule "rr.so"
loadmodule "dialog.so"
loadmodule "topology_hiding.so"
loadmodule "b2b_entities.so"
loadmodule "b2b_logic.so"
loadmodule "uac_auth.so"
loadmodule "uac.so"
loadmodule "rest_client.so"
loadmodule "opentelemetry.so"
loadmodule "event_datagram.so"
loadmodule "event_stream.so"
loadmodule "httpd.so"
modparam("httpd", "port", @PORT@)
loadmodule "mi_http.so"
loadmodule "mi_fifo.so"
modparam("mi_fifo", "fifo_name", "@FIFO@")
loadmodule "mi_datagram.so"
modparam("mi_datagram", "socket_name", "udp:127.0.0.1:@PORT@")
@TOP@
route {
	exit;
}
"""
LINE = HEAD.split("\n").index("@TOP@") + 1


def write(directory, *top, head=HEAD):
    path = directory / "script.cfg"
    text = head.replace("@PORT@", str(free_port())).replace("@FIFO@", str(directory / "fifo"))
    path.write_text(text.replace("@TOP@", "\n".join(top)))
    return path


def check(path, *arguments):
    return subprocess.run([SIPRAY, "check", *arguments, str(path)], capture_output=True, text=True, timeout=15)


def serve(path, *arguments):
    return subprocess.run([SIPRAY, "serve", str(path), *arguments], capture_output=True, text=True, timeout=15)


REFUSED = [
    ("udp_workers=0", ["udp_workers is 0", "1 to 128"]),
    ("udp_workers=1000", ["udp_workers is 1000"]),
    ("timer_workers=0", ["timer_workers is 0"]),
    ("syslog_facility=LOG_NOWHERE", ["LOG_NOWHERE", "LOG_LOCAL0"]),
    ("stderror_log_format=xml", ["xml", "json_cee"]),
    ("tos=300", ["tos"]),
    ("advertised_port=70000", ["advertised_port is 70000"]),
    ("max_while_loops=-1", ["max_while_loops is -1"]),
    ("dns_retr_no=0", ["dns_retr_no is 0"]),
    ("dns_servers_no=99", ["dns_servers_no is 99"]),
    ("socket=udp:127.0.0.1:0", ["port 0"]),
    ("socket=udp:127.0.0.1:5062 use_workers 1000", ["use_workers is 1000"]),
    ('modparam("tm", "fr_timeout", -5)', ["fr_timeout", "-5", "1 and more"]),
    ('modparam("tm", "fr_timeout", 0)', ["fr_timeout", "1 and more"]),
    ('modparam("tm", "T1_timer", -1)', ["T1_timer"]),
    ('modparam("maxfwd", "max_limit", 1000)', ["max_limit", "1 to 256"]),
    ('modparam("acc", "extra_fields", "paper: a -> b")', ["paper", "log or evi"]),
    ('modparam("acc", "leg_fields", "log: -> b")', ["leg_fields", "not a value"]),
    ('modparam("acc", "early_media", 1)', ["early_media"]),
    ('modparam("acc", "log_level", 9)', ["log_level", "-3 to 4"]),
    ('modparam("cfgutils", "shvset", "nonsense")', ["shvset", "nonsense"]),
    ('modparam("cfgutils", "initial_probability", 101)', ["initial_probability", "0 to 100"]),
    ('modparam("cfgutils", "lock_pool_size", "many")', ["lock_pool_size", "many"]),
    ('modparam("registrar", "received_avp", "received")', ["received_avp", "$avp(name)"]),
    ('modparam("registrar", "default_q", 2000)', ["default_q", "-1 to 1000"]),
    ('modparam("registrar", "max_contacts", -1)', ["max_contacts"]),
    ('modparam("registrar", "disable_gruu", 0)', ["disable_gruu"]),
    ('modparam("usrloc", "cluster_mode", "full-sharing")', ["cluster_mode"]),
    ('modparam("mi_fifo", "fifo_name", "/nowhere/at/all/fifo")', ["/nowhere/at/all", "no directory"]),
    ('modparam("mi_fifo", "fifo_name", "/etc/passwd")', ["/etc/passwd", "is no FIFO"]),
    ('modparam("mi_fifo", "fifo_mode", 4096)', ["fifo_mode"]),
    ('modparam("mi_fifo", "fifo_user", "nobody-of-that-name")', ["nobody-of-that-name"]),
    ('modparam("mi_datagram", "socket_name", "udp:nowhere")', ["socket_name", "nowhere"]),
    ('modparam("mi_datagram", "socket_name", "/nowhere/socket")', ["/nowhere", "no directory"]),
    ('modparam("mi_datagram", "children_count", 0)', ["children_count"]),
    ('modparam("dialog", "hash_size", 33)', ["hash_size", "33", "power of 2"]),
    ('modparam("dialog", "db_mode", 1)', ["db_mode", "use 0"]),
    ('modparam("dialog", "profiles_no_value", "one; one")', ["two profiles", "one"]),
    ('modparam("topology_hiding", "th_contact_encode_scheme", "base63")', ["base63"]),
    ('modparam("b2b_entities", "db_mode", 1)', ["db_mode", "use 0"]),
    ('modparam("b2b_logic", "db_mode", 1)', ["db_mode", "use 0"]),
    ('modparam("uac", "restore_mode", "maybe")', ["maybe", "auto, manual, none"]),
    ('modparam("rest_client", "curl_http_version", 9)', ["curl_http_version", "0 to 5"]),
    ('modparam("opentelemetry", "redact", "noses")', ["noses", "users, numbers and digest"]),
    ('modparam("opentelemetry", "log_level", 77)', ["log_level", "-3 to 4"]),
    ('modparam("opentelemetry", "exporter_endpoint", "collector.example.net:4318")',
     ["exporter_endpoint: expected http://host[:port]/path", "http/protobuf", "collector.example.net:4318"]),
    ('modparam("event_datagram", "profiling_fields", "shoe")', ["profiling_fields", "shoe"]),
    ('modparam("event_stream", "timeout", 0)', ["timeout", "1 to 60000"]),
    ('modparam("httpd", "ip", "nowhere")', ["nowhere", "127.0.0.1"]),
    ("tcp_workers=0", ["tcp_workers is 0", "1 to 128"]),
    ("tcp_socket_backlog=0", ["tcp_socket_backlog is 0"]),
]


@pytest.mark.parametrize("top, words", REFUSED, ids=[top for top, _ in REFUSED])
def test_check_and_serve_refuse_a_value_at_its_place(tmp_path, top, words):
    path = write(tmp_path, top)
    found = check(path)
    assert found.returncode == 1, found.stdout
    places = re.findall(re.escape(str(path)) + r":(\d+):(\d+): error", found.stdout + found.stderr)
    assert [int(line) for line, _ in places] == [LINE], found.stdout + found.stderr
    for word in words:
        assert word in found.stdout + found.stderr
    for started in (serve(path), serve(path, "-c")):
        assert started.returncode == 1
        assert "%s:%s:%s: error" % (path, *places[0]) in started.stderr and "listening" not in started.stderr


def test_all_of_them_are_told_in_one_run(tmp_path):
    together = [top for top, _ in REFUSED if top != "udp_workers=0"]  # The last of a global parameter counts.
    found = json.loads(check(write(tmp_path, *together), "--json").stdout)
    assert not found["accepted"] and found["errors"] == len(together)
    assert [d["line"] for d in found["diagnostics"]] == list(range(LINE, LINE + len(together)))
    assert all(d["column"] >= 1 and d["severity"] == "error" for d in found["diagnostics"])


def test_processes_are_counted_before_any_is_started(tmp_path):
    """512 have numbers; what would start more is refused at the socket with which they are too many."""
    many = ["socket=udp:127.0.0.1:%d use_workers 128" % free_port() for _ in range(3)]
    last = "socket=udp:127.0.0.1:%d use_workers " % free_port()
    path = write(tmp_path, *many, last + "107")
    assert check(path).returncode == 0 and serve(path, "-c").returncode == 0
    path = write(tmp_path, *many, last + "108")
    for found in (check(path), serve(path), serve(path, "-c")):
        text = found.stdout + found.stderr
        assert found.returncode == 1 and "%s:%d:" % (path, LINE + 3) in text, text
        assert "500 receivers and 13 other processes" in text and "512 processes are possible" in text
    # It is as many as are started, with ports that don't meet.
    head = HEAD.replace('"port", @PORT@', '"port", %d' % free_port())
    path = write(tmp_path, head=head.replace('"udp:127.0.0.1:@PORT@"', '"%s"' % (tmp_path / "socket")))
    running = subprocess.Popen([SIPRAY, "serve", str(path)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: (tmp_path / "fifo").exists(), "the start")
        done = subprocess.run([SIPRAY, "mi", "--fifo", str(tmp_path / "fifo"), "ps"], capture_output=True, timeout=15)
        assert len(json.loads(done.stdout)["Processes"]) == 8 + 13
    finally:
        running.terminate()
        running.wait(15)


def test_a_credential_that_is_wrong_is_told_without_its_secret(tmp_path):
    path = write(tmp_path, 'modparam("uac_auth", "credential", "alice:realm:right")',
                 'modparam("uac_auth", "credential", "hunter2")', 'modparam("uac", "restore_mode", "maybe")')
    found = check(path)
    assert "credential number 2 is not user:realm:password" in found.stdout and "hunter2" not in found.stdout
    assert "(2 errors)" in found.stdout + found.stderr


def test_a_good_script_is_good_and_nothing_is_touched(tmp_path):
    path = write(tmp_path, 'modparam("acc", "extra_fields", "log: who -> caller")', "tos=16",
                 'modparam("cfgutils", "shvset", "open=i:1")', 'modparam("tm", "fr_timeout", 5)')
    before = sorted(os.listdir(tmp_path))
    # The addresses are another's: a bind would fail.
    port = int(re.search(r"socket=udp:127.0.0.1:(\d+)", path.read_text())[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", port))
        done = check(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_names_of_hosts_are_not_asked_for(tmp_path):
    """A build machine knows nothing of the names of the machine that the script is for."""
    path = write(tmp_path, head=HEAD.replace("socket=udp:127.0.0.1", "socket=udp:sip.invalid"))
    assert check(path).returncode == 0
    refused = serve(path)
    assert refused.returncode == 1 and "sip.invalid" in refused.stderr


@pytest.mark.parametrize("how", ["pipe", "fifo", "stdin"])
def test_a_script_that_comes_late(tmp_path, how):
    """A pipe is read to its end; a FIFO without a writer yet is not an empty script."""
    late = 'sleep 0.3; printf "udp_workers=1\\n"; sleep 0.3; printf "route {\\n\\texit;\\n}\\nnonsense;\\n"'
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = {
        "pipe": "%s check <(%s)" % (SIPRAY, late),
        "fifo": "(%s) >%s & %s check %s" % (late.replace("sleep", "sleep 0.3; sleep", 1), fifo, SIPRAY, fifo),
        # Standard input may have been made not to block by whoever held it before.
        "stdin": "(%s) | python3 -c 'import os, sys; os.set_blocking(0, False); "
                 "os.execv(sys.argv[1], [sys.argv[1], \"check\", \"-\"])' %s" % (late, SIPRAY),
    }[how]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and ":5:1: error" in done.stdout + done.stderr, done
