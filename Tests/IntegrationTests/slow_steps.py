"""A plugin that makes each step of the tests' own end points late, by SLOW_STEPS seconds: `pytest -p slow_steps`
(docs/testing.md). What has a time of a second or less runs into it then, as it may on a machine that is busy."""
import os
import time

import pytest

SECONDS = float(os.environ.get("SLOW_STEPS", "0.3"))
# Of one test: those that send hundreds of messages would take for ever.
STEPS_MAX = 25
steps = 0


def slow(kind):
    real = kind.send

    def send(self, *arguments, **options):
        global steps
        steps += 1
        if steps <= STEPS_MAX:
            time.sleep(SECONDS)
        return real(self, *arguments, **options)

    kind.send = send


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    from peer import Peer
    from sip import Agent, StreamAgent
    from stream import Stream
    for kind in (Agent, StreamAgent, Stream, Peer):
        slow(kind)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    global steps
    steps = 0
