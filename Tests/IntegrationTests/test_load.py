"""200 calls a second for 20 s without a failed call, with four receivers and a callee that is strict about ACK before BYE:
off, at level 3 with a subscriber, with a dead subscriber."""
import pytest

from conftest import free_port, sessions
from test_calls import spine, target, no_transactions_left  # noqa: F401 (fixture)

RATE, SECONDS = 200, 20


@pytest.mark.parametrize("mode", ["off", "subscriber", "dead-subscriber"])
def test_two_hundred_calls_a_second(spine, sipp, events, mode):
    server = spine(WORKERS=4)
    if mode != "off":
        server.mi("core:profiling_proc", level=3)
    if mode == "subscriber":
        server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    if mode == "dead-subscriber":
        for name in ("E_PROFILING_PROC", "E_PROFILING_SCRIPT"):
            server.mi("evi:subscribe", event=name, socket="udp:127.0.0.1:%d" % free_port())
    calls = RATE * SECONDS
    callee = sipp("uas_call", port=server.ports["UAS_PORT"], calls=calls)
    sipp("uac_call", target(server), calls=calls, rate=RATE, arguments=["-s", "callee"]).finish(90)
    callee.finish()
    if mode == "subscriber":
        server.mi("core:profiling_proc", level=0)
        script = sessions(events.whole("E_PROFILING_SCRIPT", least=3 * calls))
        # One for each request that came: INVITE, ACK and BYE, and what sipp sent again when it stood still for long.
        requests = server.statistic("core:rcv_requests")
        assert len([g for g in script.values() if g[0]["name"] == "<root>"]) == requests >= 3 * calls
        sessions(events.whole("E_PROFILING_PROC"))
    no_transactions_left(server)
