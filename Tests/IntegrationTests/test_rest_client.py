"""rest_client against a real HTTP service: forms, results, limits, and that nobody waits for a slow service but who asked."""
import select
import socket
import ssl
import statistics
import subprocess
import time

import pytest

from conftest import free_port, wait_for
from http_service import Service


@pytest.fixture
def service():
    made = []

    def make(**options):
        one = Service(**options)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


ANSWER = '''append_to_reply("X-Result: $rc/$var(code)/$var(type)/$var(body)\\r\\n"); send_reply(200, "OK"); exit;'''


def result(agent, method="OPTIONS"):
    agent.request(method, "sip:x@127.0.0.1")
    return agent.expect(200, timeout=15).get("x-result")


@pytest.mark.parametrize("statements, expected", [
    ('rest_get("@URL@/echo", $var(body), $var(type), $var(code));', "1/200/application/x-echo/GET|"),
    ('rest_post("@URL@/echo", "a=$rm", , $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/POST|content-type: application/x-www-form-urlencoded|a=OPTIONS"),
    ('rest_put("@URL@/echo", "{}", "application/json", $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/PUT|content-type: application/json|{}"),
    ('rest_append_hf("X-One: 1"); rest_append_hf("X-Two: a:b"); rest_get("@URL@/echo", $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/GET|x-one: 1|x-two: a:b|"),
    # Appended fields are for one request.
    ('rest_append_hf("X-One: 1"); rest_get("@URL@/echo", $var(n)); rest_get("@URL@/echo", $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/GET|"),
    ('rest_get("@URL@/status/404", $var(body), $var(type), $var(code));', "1/404/text/plain/fine"),
    ('rest_get("@URL@/status/302", $var(body), $var(type), $var(code));', "1/302/text/plain/fine"),
    ('rest_get("@URL@/drop", $var(body), $var(type), $var(code));', "-10/0/<null>/<null>"),
    ('rest_get("@URL@/stall", $var(body), $var(type), $var(code));', "-3/200/<null>/half"),
    ('rest_get("@URL@/size/70000", $var(body), $var(type), $var(code));', "-10/200/<null>/<null>"),
    ('rest_get("http://127.0.0.1:@CLOSED@/", $var(body), $var(type), $var(code));', "-1/0/<null>/<null>"),
    ('rest_get("ftp://127.0.0.1/", $var(body), $var(type), $var(code));', "-10/0/<null>/<null>"),
    ('rest_get("no url", $var(body), $var(type), $var(code));', "-10/0/<null>/<null>"),
    ('rest_append_hf("no field"); $var(code) = 0;', "-1/0/<null>/<null>"),
    ('rest_append_hf("two words: x"); $var(code) = 0;', "-1/0/<null>/<null>"),
    ('rest_append_hf("X: a\\r\\nY: b"); $var(code) = 0;', "-1/0/<null>/<null>"),
    ('rest_post("@URL@/echo", "a", "", $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/POST|content-type: application/x-www-form-urlencoded|a"),
    # user:pa ss of the URL, unless the script has something better.
    ('rest_get("@USERURL@/echo", $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/GET|authorization: Basic dXNlcjpwYSBzcw==|"),
    ('rest_append_hf("Authorization: Bearer x"); rest_get("@USERURL@/echo", $var(body), $var(type), $var(code));',
     "1/200/application/x-echo/GET|authorization: Bearer x|"),
    ('rest_get("http://user:secret@127.0.0.1:@CLOSED@/", $var(body), $var(type), $var(code));', "-1/0/<null>/<null>"),
    ('$var(x) = "a b&c=%~"; $var(body) = $(var(x){rest.escape}); $var(type) = $(var(body){rest.unescape}); $var(code) = 0; '
     'rand_event(100);', "1/0/a b&c=%~/a%20b%26c%3D%25~"),
])
def test_plain_calls_give_what_the_service_says(start, service, agent, statements, expected):
    http = service()
    statements = statements.replace("@URL@", http.url).replace("@CLOSED@", str(free_port())).replace(
        "@USERURL@", http.url.replace("//", "//user:pa%20ss@"))
    server = start("waiting.cfg", ROUTE="route { %s; $var(rc) = $rc; %s }" % (
        statements.rstrip().rstrip(";"), ANSWER.replace("$rc", "$var(rc)")),
        EXTRA='modparam("rest_client", "curl_timeout", 2)\nmodparam("rest_client", "connection_timeout", 1)\n'
              'modparam("rest_client", "max_transfer_size", 64)')
    assert result(agent(server)) == expected, server.tail()
    assert "user:" not in server.tail()


@pytest.mark.parametrize("call, echo", [
    ('rest_get("@URL@/echo", $var(body), $var(type), $var(code))', "GET|"),
    ('rest_get("@URL@/echo", $avp(body), $avp(type), $avp(code))', "GET|"),
    ('rest_post("@URL@/echo", "text", "text/plain", $var(body), $var(type), $var(code))',
     "POST|content-type: text/plain|text"),
    ('rest_put("@URL@/echo", "text", "text/plain", $avp(body), $avp(type), $avp(code))',
     "PUT|content-type: text/plain|text"),
])
def test_async_outputs_reach_the_resume_route(start, service, agent, call, echo):
    http = service()
    kind = "avp" if "$avp" in call else "var"
    server = start("waiting.cfg", ROUTE="""
        route { $avp(kept) = "kept"; $ru = "sip:changed@host"; $var(lost) = 1; async(%s, resume); }
        route[resume] { append_to_reply("X-Result: $rc/$%s(code)/$%s(type)/$%s(body)/$avp(kept)/$ru/$var(lost)\\r\\n");
            t_reply(200, "OK"); }
        """ % (call.replace("@URL@", http.url), kind, kind, kind))
    assert result(agent(server)) == "1/200/application/x-echo/%s/kept/sip:changed@host/<null>" % echo, server.tail()


def test_launch_goes_on_at_once(start, service, agent):
    http = service()
    server = start("waiting.cfg", ROUTE="""
        route { rest_append_hf("X-For: launch"); launch(rest_post("%s/echo", "body", , $var(body)), report, "from $rm");
            send_reply(200, "OK"); }
        route[report] { xlog("L_NOTICE", "report $rc $param(1) $var(body)"); }
        """ % http.url)
    result(agent(server))
    text = "report 1 from OPTIONS POST|content-type: application/x-www-form-urlencoded|x-for: launch|body"
    wait_for(lambda: text in server.tail(), "the report route" + server.tail())


def test_a_certificate_is_checked_unless_told_otherwise(start, service, agent, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    http = service(tls=context)
    by_name = http.url.replace("127.0.0.1", "localhost")
    cases = [(by_name, "", "-10"), (by_name, 'modparam("rest_client", "ssl_verifypeer", 0)', "1"),
             (by_name, 'modparam("rest_client", "ssl_capath", "%s")' % certificate, "1"),
             (http.url, 'modparam("rest_client", "ssl_capath", "%s")' % certificate, "-10"),
             (http.url, 'modparam("rest_client", "ssl_capath", "%s")\nmodparam("rest_client", "ssl_verifyhost", 0)'
              % certificate, "1")]
    for url, extra, code in cases:
        server = start("waiting.cfg", EXTRA=extra, ROUTE="""
            route { rest_get("%s/echo", $var(body)); append_to_reply("X-Result: $rc\\r\\n"); send_reply(200, "OK"); }
            """ % url)
        assert result(agent(server)) == code, (url, extra, server.tail())


def ping_for(pinger, seconds):
    """How long each OPTIONS took to be answered, one after the other for that long."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        pinger.request("OPTIONS", "sip:ping@127.0.0.1")
        pinger.expect(200)
        taken.append(time.monotonic() - begin)
        time.sleep(0.005)
    return taken


@pytest.mark.parametrize("form", ["plain", "async"])
def test_a_slow_service_holds_up_nobody(start, service, agent, form):
    """1,000 requests wait 2 s or more; meanwhile the one process that serves them answers every OPTIONS in under 10 ms.

    Measured exactly while all of them wait: the service holds them until it is told. What is asserted is the slowest
    answer of a whole span of 1.1 s, in which every timer of the server fires; of the best such span, since on a machine
    that does other things as well each of the two sides may be left without a processor for longer than that."""
    http = service()
    call = 'rest_get("%s/hold", $var(body), , $var(code))' % http.url
    asked = ("%s; append_to_reply(\"X-Result: $var(code)\\r\\n\"); t_reply(200, \"OK\"); exit;" % call
             if form == "plain" else "async(%s, resume);" % call)
    server = start("waiting.cfg", WORKERS=1, EXTRA='modparam("rest_client", "max_async_transfers", 2000)\n'
                   'modparam("rest_client", "curl_timeout", 300)', ROUTE="""
        route {
            if ($rm == "OPTIONS") { send_reply(200, "OK"); exit; }
            if (!t_newtran()) exit;
            %s
        }
        route[resume] { append_to_reply("X-Result: $var(code)\\r\\n"); t_reply(200, "OK"); }
        """ % asked)
    caller, pinger = agent(server), agent(server)
    caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    for number in range(1000):
        caller.request("MESSAGE", "sip:slow@127.0.0.1")
        if number % 50 == 49:
            wait_for(lambda: server.statistic("core:waiting_scripts") == number + 1, "them to wait")
    wait_for(lambda: http.waiting == 1000, "the service to have been asked by all")
    spans = []
    while len(spans) < 2 or len(spans) < 30 and min(map(max, spans)) >= 0.010:
        spans.append(ping_for(pinger, 1.1))
        assert server.statistic("core:waiting_scripts") == http.waiting == 1000, "all wait to the end of the span"
    best = sorted(min(spans, key=max))
    print("options while 1,000 wait: median %.2f ms, p99 %.2f ms, max %.2f ms over %d; max of each span: %s" % (
        1000 * statistics.median(best), 1000 * best[len(best) * 99 // 100], 1000 * best[-1], len(best),
        ["%.1f" % (1000 * max(span)) for span in spans]))
    http.release()
    answers = set()
    while len(answers) < 1000:
        message = caller.receive(timeout=20)
        if message.status == 200:
            assert message.get("x-result") == "200"
            answers.add(message.get("call-id"))
    wait_for(lambda: server.statistic("core:waiting_scripts") == 0, "nobody to wait any more")
    assert len(best) > 50 and best[-1] < 0.010, [max(span) for span in spans]


def test_one_process_at_a_time_connects_if_told_so(start, service, agent):
    http = service()
    # Nobody accepts here: connecting goes on until its time is over.
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
    server = start("waiting.cfg", WORKERS=4, EXTRA='modparam("rest_client", "no_concurrent_connects", 1)\n'
                   'modparam("rest_client", "connection_timeout", 2)', ROUTE="""
        route { rest_get("http://127.0.0.1:%d/", $var(body)); append_to_reply("X-Result: $rc\\r\\n"); send_reply(200, "OK"); }
        """ % full.getsockname()[1])
    agents = [agent(server) for _ in range(24)]
    for one in agents:
        one.request("OPTIONS", "sip:x@127.0.0.1")
    codes = [one.expect(200, timeout=10).get("x-result") for one in agents]
    for filler in fillers:
        filler.close()
    full.close()
    assert set(codes) == {"-2", "-4"}, codes


@pytest.mark.parametrize("limit", [10, 1])
def test_connecting_takes_too_long_beside_a_busy_connection(start, agent, limit):
    """-2, also where a transfer to the same host is under way, and where both times end at once."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    listener.settimeout(15)
    server = start("waiting.cfg", EXTRA='modparam("rest_client", "curl_timeout", %d)\nmodparam("rest_client", "connection_timeout", 1)'
                   % limit, ROUTE="""
        route { rest_get("http://127.0.0.1:%d/", $var(body)); append_to_reply("X-Result: $rc\\r\\n"); send_reply(200, "OK"); }
        """ % listener.getsockname()[1])
    busy, late = agent(server), agent(server)
    busy.request("OPTIONS", "sip:x@127.0.0.1")
    accepted, _ = listener.accept()
    assert accepted.recv(1) == b"G"
    # Nobody accepts any more: once there is no room left, connecting goes on until its time is over.
    fillers = []
    while not fillers or select.select([], fillers[-1:], [], 0.5)[1]:
        fillers.append(socket.socket())
        fillers[-1].setblocking(False)
        fillers[-1].connect_ex(listener.getsockname())
    assert result(late) == "-2", server.tail()
    accepted.close()
    assert busy.expect(200, timeout=15).get("x-result") == ("-10" if limit == 10 else "-3")
    for one in fillers + [listener]:
        one.close()


@pytest.mark.parametrize("extra, phrase", [
    ('modparam("rest_client", "curl_http_version", 9)', "curl_http_version"),
    ('modparam("rest_client", "connection_timeout", 30)', "longer than curl_timeout"),
    ('modparam("rest_client", "max_transfer_size", -1)', "can't be `-1`"),
    ('modparam("rest_client", "ssl_capath", "/nowhere/at/all.pem")', "it has no certificates to trust"),
])
def test_impossible_parameters_refuse_the_start(start, extra, phrase):
    server = start("waiting.cfg", wait=False, EXTRA=extra, ROUTE="route { exit; }")
    assert server.process.wait(10) == 1
    assert phrase in server.tail()
    server.process.returncode = 0
