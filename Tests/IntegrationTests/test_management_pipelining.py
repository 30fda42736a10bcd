"""Several HTTP requests in a row without waiting for answers: each has its own, in order, and those that are refused too."""
import json
import socket

import pytest

from conftest import wait_for
from test_management_http import HTTP, web  # noqa: F401

CALL = HTTP.request(b'{"jsonrpc":"2.0","method":"pwd","id":1}')
LAST = CALL.replace(b"Host: x", b"Host: x\r\nConnection: close")
TOO_LONG = HTTP.request(b"{", length=99_999_999)
CHUNKED = (b"POST /mi HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
           + (b"20000\r\n" + b" " * 0x20000 + b"\r\n") * 20)


@pytest.fixture
def server(web):  # noqa: F811
    return web()


def slow_call(http):
    """Sends a call whose answer waits; gives what answers it, which is a peer's 200."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    silent.settimeout(10)
    http.send(HTTP.request(json.dumps({
        "jsonrpc": "2.0", "id": 7, "method": "t_uac_dlg",
        "params": {"method": "OPTIONS", "ruri": "sip:x@127.0.0.1:%d" % silent.getsockname()[1],
                   "headers": "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"}}).encode()))

    def answer():
        request, sender = silent.recvfrom(65536)
        fields = [line for line in request.split(b"\r\n")
                  if line.split(b":")[0].lower() in (b"via", b"from", b"to", b"call-id", b"cseq")]
        silent.sendto(b"SIP/2.0 200 OK\r\n" + b"\r\n".join(fields) + b"\r\nContent-Length: 0\r\n\r\n", sender)
        silent.close()

    return answer


def test_each_has_its_answer_in_order(server):
    """What is refused is refused behind the answers in front of it, and the connection is closed then, not before."""
    for refused in (TOO_LONG, CHUNKED):
        for calls in (0, 1, 3):
            http = server.http()
            http.send(CALL * calls + refused)
            answers = [http.receive() for _ in range(calls + 1)]
            assert [a[0] for a in answers] == [200] * calls + [413], (refused[:80], calls)
            assert ["connection" in a[1] for a in answers] == [False] * calls + [True]
            assert http.receive() is None


def test_a_refusal_waits_for_an_answer_that_takes_its_time(server):
    http = server.http()
    answer = slow_call(http)
    http.send(TOO_LONG + CALL)
    wait_for(lambda: server.statistic("httpd:refused_requests") == 1, "the refusal")
    http.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        http.socket.recv(1)
    http.socket.settimeout(10)
    answer()
    status, headers, body = http.receive()
    assert status == 200 and json.loads(body)["id"] == 7 and "connection" not in headers
    status, headers, _ = http.receive()
    assert status == 413 and headers["connection"] == "close"
    assert http.receive() is None, "what follows a refused request is not carried out"


def test_the_last_says_so_and_no_other(server):
    http = server.http()
    http.send(CALL * 2 + LAST + CALL * 2)
    answers = [http.receive() for _ in range(3)]
    assert [a[0] for a in answers] == [200] * 3
    assert [a[1].get("connection") for a in answers] == [None, None, "close"]
    assert http.receive() is None, "what follows the last is not carried out (RFC 9112 §9.6)"


def test_going_on_is_said_behind_the_answers_in_front(server):
    http = server.http()
    answer = slow_call(http)
    body = b'{"jsonrpc":"2.0","method":"pwd","id":2}'
    head = HTTP.request(length=len(body), headers={"Content-Type": "application/json", "Expect": "100-continue"})
    http.send(head)
    wait_for(lambda: server.statistic("httpd:requests") == 2, "the second request")
    answer()
    assert http.receive()[0] == 200
    assert http.receive()[0] == 100
    http.send(body)
    status, _, body = http.receive()
    assert status == 200 and json.loads(body)["id"] == 2


def test_a_request_that_is_not_whole_in_time_is_one_that_was_refused(server):
    http = server.http(timeout=20)
    http.send(CALL + CALL[:-5])
    assert [http.receive()[0] for _ in range(2)] == [200, 408] and http.receive() is None
    assert server.statistic("httpd:refused_requests") == 1 and server.statistic("httpd:timeouts") == 1


def test_a_body_may_have_what_the_parameter_says(web):  # noqa: F811
    """1 MiB is JSON-RPC's usual limit; `post_buf_size` raises it with that of HTTP."""
    server = web(parameters='modparam("httpd", "post_buf_size", 2097152)')

    def call(size):
        text = b'{"jsonrpc":"2.0","id":1,"method":"pwd"'
        return text + b" " * (size - len(text) - 1) + b"}"

    http = server.http()
    for size in (1 << 20, (1 << 20) + 1, 2 << 20):
        status, _, body = http.ask(call(size))
        assert status == 200 and "result" in json.loads(body), size
    assert server.http().ask(call((2 << 20) + 1))[0] == 413


def test_an_answer_gives_back_what_its_own_request_holds(server):
    """Of requests in a row, each body counts against the limit of all connections until its own answer leaves."""
    http = server.http()
    answer = slow_call(http)
    wait_for(lambda: server.statistic("httpd:requests") == 1, "the first request")
    body = b'{"jsonrpc":"2.0","method":"pwd","id":2}' + b" " * 1000
    text = HTTP.request(body)
    http.send(text[:-10])
    held = wait_for(lambda: (n := server.statistic("httpd:body_bytes")) > 1000 and n, "the body")
    answer()
    assert json.loads(http.receive()[2])["id"] == 7
    assert 1000 < server.statistic("httpd:body_bytes") < held, "the body of the second is still held"
    http.send(text[-10:])
    assert json.loads(http.receive()[2])["id"] == 2
    assert server.statistic("httpd:body_bytes") == 0
