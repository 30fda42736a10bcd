"""A script that takes long for every message: what is done leaves, and nobody else waits for the rest."""
import time

import pytest

from conftest import best_of
from script_server import MANAGEMENT
from sip import Agent, StreamAgent

SCRIPT = """
log_level=2
max_while_loops=1000000
udp_workers=1
socket=udp:@ADDRESS@:@PORT@
socket=tcp:@ADDRESS@:@PORT@
loadmodule "proto_udp.so"
loadmodule "proto_tcp.so"
loadmodule "sl.so"

route {
	$var(left) = @ROUNDS@;
	while ($var(left) > 0) $var(left) = $var(left) - 1;
	sl_send_reply(200, "OK");
}
"""
COUNT = 30


@pytest.mark.parametrize("kind", [Agent, StreamAgent], ids=["udp", "tcp"])
def test_replies_leave_while_others_are_worked_on(start, kind):
    server = start(SCRIPT + MANAGEMENT, ROUNDS=30000)
    with kind((server.address, server.port)) as agent:
        def answers():
            begin = time.monotonic()
            for number in range(COUNT):
                agent.request("OPTIONS", "sip:x@" + agent.name, call_id="same")
            arrived = []
            for number in range(COUNT):
                agent.expect(200, timeout=30)
                arrived.append(time.monotonic() - begin)
            return arrived

        # Half of the replies take half of the whole. All at once at the end of a pass would not, even where the first
        # message, which wakes the server, is a pass of its own. To a tester that sleeps meanwhile they are at once, too.
        arrived = best_of(answers, lambda arrived: arrived[COUNT // 2] < 0.8 * arrived[-1])
    assert arrived[COUNT // 2] < 0.8 * arrived[-1], arrived
