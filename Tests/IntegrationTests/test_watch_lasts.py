"""`sipray watch` through what goes wrong: a server that refuses for a while, another operator, a reader that stands still."""
import fcntl
import os
import signal
import socket
import subprocess
import time

import pytest

from conftest import SIPRAY, wait_for
from test_watch import DatagramPeer, is_undone, watch


@pytest.fixture
def server(tmp_path):
    peer = DatagramPeer("L1_c_call.jsonl", tmp_path, socket.AF_INET).start()
    yield peer
    peer.stop()


def subscriptions(server):
    return sum(method == "event_subscribe" for method, _ in server.calls)


def is_up(server):
    return server.levels == {6: 1, 7: 1} and len(server.subscribed) == 2


def test_a_renewal_that_fails_is_told_and_tried_again(server):
    process = watch(server, "--expire", "9", "--quiet")
    wait_for(lambda: is_up(server), "watch to subscribe")
    server.refuses = True
    before = subscriptions(server)
    wait_for(lambda: subscriptions(server) > before, "a renewal")
    server.refuses = False
    told = process.stderr.readline()
    assert "sipray watch: could not renew the subscription (it ends in 9 s)" in told and "Busy" in told
    assert process.stderr.readline() == "sipray watch: the server answers again\n"
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=15)
    assert process.returncode == 0 and errors == "" and "p99" in text and "cfg/capture.cfg:70" in text
    is_undone(server, {6: 0, 7: 0})


def test_when_it_has_ended_what_was_seen_is_shown(server):
    process = watch(server, "--expire", "3")
    wait_for(lambda: is_up(server), "watch to subscribe")
    server.refuses = True
    text, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "the subscription has ended" in errors and "Busy" in errors
    assert "⎡request_script" in text and "p99" in text.rpartition("End ")[2]
    assert server.levels == {6: 0, 7: 0}


def test_a_level_that_another_operator_put_back_is_raised_again(server):
    process = watch(server, "--expire", "3", "--quiet")
    wait_for(lambda: is_up(server), "watch to raise the levels")
    server.levels.update({6: 0, 7: 0})
    wait_for(lambda: is_up(server), "the levels to be raised again")
    server.levels[7] = 0
    wait_for(lambda: is_up(server), "the level to be raised again")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 0
    assert errors == ("sipray watch: somebody lowered the profiling level of 2 processes: raised again to 1\n"
                      "sipray watch: somebody lowered the profiling level of process 7: raised again to 1\n")
    is_undone(server, {6: 0, 7: 0})


def bytes_in(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, 0x541B, b"\0" * 4), "little")  # FIONREAD


def is_full(pipe):
    """Whether what is in the pipe no longer grows: a write that does not fit whole leaves room behind."""
    before = bytes_in(pipe)
    time.sleep(0.2)
    return 0 < before == bytes_in(pipe)


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
@pytest.mark.parametrize("signals", [1, 3])
def test_a_reader_that_stands_still_does_not_hold_up_the_end(server, signals, blocking):
    ours, theirs = os.pipe()
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, blocking)
    process = subprocess.Popen([SIPRAY, "watch", "--mi", server.address], stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    wait_for(lambda: is_up(server), "watch to subscribe")
    wait_for(lambda: is_full(ours), "a full pipe")
    calls = len(server.calls)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0, process.stderr.read()
    assert len(server.calls) > calls
    is_undone(server, {6: 0, 7: 0})
    process.stderr.close()
    os.close(ours)


def test_a_slow_reader_of_a_pipe_that_does_not_block_gets_everything(server):
    """EAGAIN is no reader that has gone."""
    ours, theirs = os.pipe()
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, False)
    process = subprocess.Popen([SIPRAY, "watch", "--mi", server.address], stdout=theirs)
    os.close(theirs)
    wait_for(lambda: is_full(ours), "a full pipe")
    with open(ours) as pipe:
        for _ in range(2000):
            assert pipe.readline()
        process.send_signal(signal.SIGINT)
        rest = pipe.read()
    assert process.wait(15) == 0 and "p99" in rest
    is_undone(server, {6: 0, 7: 0})
