"""Forking by q, crossing and late events, loops, blacklists and broken requests, on the wire."""
import time

import pytest

from conftest import free_port, wait_for
from peer import Peer


@pytest.fixture
def forking(start):
    def make(**values):
        ports = dict(OTHER_PORT=free_port(), BARRED_PORT=free_port())
        server = start("forking.cfg", **{**ports, **values})
        server.ports = ports
        return server

    return make


@pytest.fixture
def peers():
    made = []

    def make(server):
        made.append(Peer(server))
        return made[-1]

    yield make
    for one in made:
        one.close()


def target(server):
    return "%s:%d" % (server.address, server.port)


def no_transactions_left(server, timeout=45):
    wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "every transaction to end", timeout)


# MARK: with sipp

def test_contacts_of_different_q_are_tried_one_after_another(forking, sipp, peers):
    server = forking()
    busy = sipp("uas_busy", calls=3)
    answers = sipp("uas_call", calls=3)
    peers(server).register("serial", [(answers.port, "0.5"), (busy.port, "1.0")])
    sipp("uac_call", target(server), calls=3, rate=5, arguments=["-s", "serial"]).finish()
    busy.finish()
    answers.finish()
    no_transactions_left(server)


def test_contacts_of_one_q_ring_at_once_and_the_slower_is_cancelled(forking, sipp, peers):
    server = forking()
    rings = sipp("uas_ring", calls=3)
    answers = sipp("uas_ring_then_call", calls=3)
    peers(server).register("both", [(rings.port, "0.7"), (answers.port, "0.7")])
    sipp("uac_call", target(server), calls=3, rate=2, arguments=["-s", "both"]).finish()
    answers.finish()
    rings.finish()
    no_transactions_left(server)


def test_equal_q_forks_in_parallel_inside_a_serial_row(forking, sipp, peers):
    """1.0 twice (both busy), then 0.3 answers."""
    server = forking()
    busy = [sipp("uas_busy", calls=2) for _ in range(2)]
    answers = sipp("uas_call", calls=2)
    peers(server).register("serial2", [(answers.port, "0.3"), (busy[0].port, "1.0"), (busy[1].port, "1.0")])
    sipp("uac_call", target(server), calls=2, rate=5, arguments=["-s", "serial2"]).finish()
    for one in busy:
        one.finish()
    answers.finish()


def test_a_dead_first_contact_is_passed_over(forking, sipp, peers):
    server = forking()
    answers = sipp("uas_call", calls=1)
    peers(server).register("serial3", [(answers.port, "0.5"), (free_port(), "1.0")])
    sipp("uac_call", target(server), calls=1, arguments=["-s", "serial3"]).finish()
    answers.finish()


# MARK: crossing and late, four processes among which the peers of a call are spread

def test_an_answer_that_crosses_the_cancel_wins(forking, peers):
    server = forking(WORKERS=4)
    caller, callee = peers(server), peers(server)
    caller.register("one", [(callee.port, "1.0")])
    caller.request("INVITE", "one")
    invite = callee.expect("INVITE")
    callee.reply(invite, 180)
    caller.expect(180)
    caller.request("CANCEL", "one")
    assert "INVITE" not in caller.expect(200).get("CSeq")
    callee.reply(callee.expect("CANCEL"), 200)
    callee.reply(invite, 200)
    answer = caller.expect(200)
    assert "INVITE" in answer.get("CSeq")
    # A repetition is passed on, too, now and after the transaction has ended.
    callee.reply(invite, 200)
    assert "INVITE" in caller.expect(200).get("CSeq")
    assert server.statistic("tm:4xx_transactions") == 0
    no_transactions_left(server)
    callee.reply(invite, 200)
    assert "INVITE" in caller.expect(200).get("CSeq")


def test_two_answers_reach_the_caller(forking, peers):
    server = forking(WORKERS=4)
    caller, first, second = peers(server), peers(server), peers(server)
    caller.register("two", [(first.port, "0.5"), (second.port, "0.5")])
    caller.request("INVITE", "two")
    invites = [first.expect("INVITE"), second.expect("INVITE")]
    first.reply(invites[0], 180)
    second.reply(invites[1], 180)
    caller.expect(180)
    caller.expect(180)
    first.reply(invites[0], 200)
    tags = {caller.expect(200).get("To")}
    second.reply(second.expect("CANCEL"), 200)
    second.reply(invites[1], 200)
    tags.add(caller.expect(200).get("To"))
    assert len(tags) == 2, "two dialogs"
    no_transactions_left(server)


def test_a_six_hundred_cancels_the_sibling(forking, peers):
    server = forking(WORKERS=4)
    caller, first, second = peers(server), peers(server), peers(server)
    caller.register("six", [(first.port, "0.5"), (second.port, "0.5")])
    caller.request("INVITE", "six")
    invites = [first.expect("INVITE"), second.expect("INVITE")]
    second.reply(invites[1], 180)
    caller.expect(180)
    first.reply(invites[0], 603)
    first.expect("ACK")
    cancel = second.expect("CANCEL")
    caller.expect_silence()
    second.reply(cancel, 200)
    second.reply(invites[1], 487)
    second.expect("ACK")
    caller.expect(603)
    caller.request("ACK", "six", to_tag="t%d" % first.port)
    no_transactions_left(server)


def acknowledged(caller):
    """What the caller's ACK stops stays away. A process takes what one peer sends in order: who has the answer to a request
    behind the ACK has all that came before the ACK was seen."""
    caller.request("OPTIONS", "nobody", branch="behind", cseq=2)
    while caller.receive().status != 404:
        pass
    caller.expect_silence(1.2)


def test_refusals_are_repeated_and_absorbed(forking, peers):
    server = forking(WORKERS=4, T1=500)
    caller, callee = peers(server), peers(server)
    caller.register("refused", [(callee.port, "1.0")])
    caller.request("INVITE", "refused")
    invite = callee.expect("INVITE")
    callee.reply(invite, 503)
    callee.expect("ACK", skipping="INVITE")
    caller.expect(500)  # RFC 3261 §16.7 item 6
    callee.reply(invite, 503)
    callee.expect("ACK", skipping="INVITE")
    caller.expect(500)  # timer G: nobody acknowledged
    caller.request("ACK", "refused", to_tag="x")
    acknowledged(caller)
    assert server.statistic("tm:5xx_transactions") == 1
    no_transactions_left(server)


def test_a_request_of_the_old_kind_is_matched_without_the_cookie(forking, peers):
    """RFC 3261 §17.2.3: branches without z9hG4bK; the CANCEL must find the INVITE."""
    server = forking(WORKERS=4, T1=1000)
    caller, callee = peers(server), peers(server)
    caller.register("old", [(callee.port, "1.0")])

    def request(method, tag=""):
        caller.send(
            "%s sip:old@%s SIP/2.0\nVia: SIP/2.0/UDP %s:%d\nMax-Forwards: 70\nFrom: <sip:p@x>;tag=f\n"
            "To: <sip:old@x>%s\nCall-ID: %s\nCSeq: 1 %s\nContact: <sip:p@%s:%d>\nContent-Length: 0\n\n" % (
                method, target(server), caller.address, caller.port, tag, caller.call, method, caller.address,
                caller.port))

    request("INVITE")
    invite = callee.expect("INVITE")
    request("INVITE")
    assert [caller.receive().status for _ in range(2)] == [100, 100], "the second is a repetition"
    callee.reply(invite, 180)
    caller.expect(180)
    request("CANCEL")
    assert "CANCEL" in caller.expect(200).get("CSeq")
    # Nor has the callee got it as another one; the server's own repetitions are the same byte for byte.
    while (cancel := callee.receive()).method == "INVITE":
        assert cancel.raw == invite.raw
    assert cancel.method == "CANCEL"
    callee.reply(cancel, 200)
    callee.reply(invite, 487)
    callee.expect("ACK")
    caller.expect(487)
    request("ACK", ";tag=t%d" % callee.port)
    acknowledged(caller)
    no_transactions_left(server)


# MARK: loops, blacklists, broken requests

def test_a_forked_request_that_comes_back_is_refused(forking, peers):
    server = forking()
    caller = peers(server)
    caller.request("INVITE", "loop")
    started = time.monotonic()
    final = caller.expect(482)
    assert "Loop Detected" in final.first
    assert time.monotonic() - started < 10
    assert server.statistic("tm:UAS_transactions") == 2, "the request and its first return"


def test_the_default_blacklist_filters(forking, peers):
    server = forking()
    caller = peers(server)
    caller.request("OPTIONS", "barred")
    assert "-5" in caller.expect(503).first


def test_the_error_route_answers_what_cannot_be_read(forking, peers):
    server = forking()
    caller = peers(server)
    caller.send("OPTIONS sip:x@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bKbad\nFrom: <sip:p@x>;tag=f\n"
                "To: <sip:x@x>\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n" % (caller.address, caller.port))
    assert "seen by the script" in caller.expect(400).first
    assert "class 1" in server.tail()
    caller.request("OPTIONS", "nobody")
    caller.expect(404)
