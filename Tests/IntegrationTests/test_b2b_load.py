"""Back-to-back calls by sipp: over UDP, TCP and both, by the built-in scenario and by a script; 500 at once."""
import time

import pytest

from b2bcalls import b2b, no_state, scripted
from conftest import free_port, wait_for
from lossy import PatientCallee

SIPP = {"udp": ["-t", "u1"], "tcp": ["-t", "t1"]}


@pytest.mark.parametrize("caller, callee", [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")])
@pytest.mark.parametrize("scenario", ["top hiding", "mine"])
def test_calls_over_each_transport(b2b, sipp, caller, callee, scenario):
    port = free_port()
    target = ";transport=tcp" if callee == "tcp" else ""
    more = {}
    if scenario == "mine":
        more = dict(ROUTE="""b2b_server_new("a"); b2b_client_new("b", "sip:callee@127.0.0.1:%d%s");
	b2b_init_request("mine", "", "b2b_request", "b2b_reply"); exit;""" % (port, target),
                    ROUTES="route[b2b_request] { b2b_pass_request(); }\nroute[b2b_reply] { b2b_handle_reply(); }")
    server = b2b(tcp=True, WORKERS=3, UAS_PORT=port, TARGET=target, FR=15, **more)
    sipp("uas_call", port=port, calls=None, arguments=SIPP[callee])
    sipp("uac_call", "%s:%d" % (server.address, server.port), calls=100, rate=100, arguments=SIPP[caller]).finish()
    no_state(server)


def test_user_agent_sessions_that_a_script_answers(b2b, sipp):
    server = b2b(WORKERS=3, ROUTE="""ua_session_server_init($var(key));
	ua_session_reply($var(key), "INVITE", 180);
	ua_session_reply($var(key), "INVITE", 200, "OK", "v=0");
	exit;""")
    sipp("uac_call", "%s:%d" % (server.address, server.port), calls=200, rate=100).finish()
    wait_for(lambda: server.mi("ua_session_list") == [], "every session to end")
    assert server.mi("b2be_list") == [] and server.statistic("b2b_entities:ua_sessions") == 0


@pytest.mark.parametrize("transport, rounds", [("udp", 1), ("tcp", 2)])
def test_500_calls_at_once_leave_nothing(b2b, sipp, closing, transport, rounds):
    # Timers that nobody waits for any more hold a transaction's memory until they run out: short ones. Our INVITEs stay for
    # 64 T1, for late answers. A T1 that is so short repeats them over UDP to who is slow: that is a fault to sipp, and none
    # to a callee that knows it. Our 200s are repeated too, by any transport, which a caller of sipp's passes over.
    timers = "".join('modparam("tm", "%s", %d)\n' % timer for timer in [("fr_inv_timeout", 5), ("wt_timer", 1)])
    if transport == "tcp":
        answering = sipp("uas_call", calls=None, arguments=SIPP[transport])
    else:
        answering = closing(PatientCallee(wait=4))
    server = b2b(tcp=True, TARGET=";transport=tcp" if transport == "tcp" else "", UAS_PORT=answering.port, WORKERS=4,
                 T1=150, EXTRA=timers)

    def allocated():
        return server.statistic("memory:allocated_bytes")

    idle, most, peak, after = allocated(), 0, 0, []
    for _ in range(rounds):
        caller = sipp("uac_hold", "%s:%d" % (server.address, server.port), calls=500, rate=400,
                      arguments=[*SIPP[transport], "-default_behaviors", "all,-abortunexp"])
        while caller.process.poll() is None:
            most = max(most, server.statistic("b2b_logic:sessions"))
            peak = max(peak, allocated() - idle)
            time.sleep(0.02)
        caller.finish()
        no_state(server)
        assert server.statistic("b2b_entities:server_entities") == server.statistic("b2b_entities:client_entities") == 0
        wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "every transaction to end", 45)
        after.append(allocated() - idle)
    assert most == 500 and peak > 3000 << 10
    # Tables and pools are left, as large as the calls made them: less than a fifth of what the calls had.
    wait_for(lambda: allocated() - idle < 1000 << 10, "the memory to come back: %s of %d" % (after, peak), timeout=60)
    print("allocated: %d idle, %d more at most, %s more after each round, %d more at the end" % (
        idle, peak, after, allocated() - idle))
