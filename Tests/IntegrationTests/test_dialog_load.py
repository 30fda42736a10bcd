"""Many calls with dialogs: sipp over UDP, TCP and mixed, plain and hidden; a thousand at once leave nothing."""
import pytest

from conftest import free_port, wait_for
from dialog_calls import CALL, INSIDE, dialogs, peers, serve, stat  # noqa: F401 (fixture)

CALLS, RATE = 100, 100


@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "hidden"])
@pytest.mark.parametrize("callers, callees", [("u1", "u1"), ("t1", "t1"), ("u1", "t1"), ("t1", "u1")])
def test_sipp_calls_each_with_a_dialog(start, sipp, callers, callees, hidden):
    port, callee_port = free_port(), free_port()
    tcp = "t1" in (callers, callees)
    extra = 'loadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\n' % port if tcp else ""
    if hidden:
        extra += 'loadmodule "topology_hiding.so"\n'
        route = 'route[call] { create_dialog(); topology_hiding("UC"); }\n' \
                'route[inside] { if (!topology_hiding_match()) { send_reply(481, "No Such Call"); exit; } }\n'
    else:
        route = CALL % ("", "") + INSIDE % 'if ($DLG_status == NULL) { send_reply(481, "No Dialog"); exit; }'
    server = start("dialog.cfg", CALLEE="%d%s" % (callee_port, ";transport=tcp" if callees == "t1" else ""), port=port,
                   EXTRA=extra, ROUTE=route)
    callee = sipp("uas_call", port=callee_port, calls=CALLS, arguments=["-t", callees])
    sipp("uac_call", "127.0.0.1:%d" % port, calls=CALLS, rate=RATE, arguments=["-t", callers, "-s", "bob"]).finish()
    callee.finish()
    assert stat(server, "processed_dialogs") == CALLS and stat(server, "failed_dialogs") == 0
    assert stat(server, "active_dialogs") == 0 and stat(server, "expired_dialogs") == 0
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "no dialog in memory", timeout=10)


def test_a_thousand_dialogs_leave_nothing(start, peers):
    """1,000 calls at once: all are there, all end. What the second thousand leaves is nothing that counts."""
    server = serve(start, peers, extra='modparam("tm", "fr_timeout", 4)\n')
    caller, callee = peers

    def gather(agent, what, calls, each=lambda message: None):
        """One message of each call; on a slow machine some come again."""
        found = {}
        while len(found) < len(calls):
            message = agent.receive()
            if (message.status or message.method) != what or message.get("call-id") not in calls:
                continue
            each(message)
            found[message.get("call-id")] = message
        return found

    def run():
        calls = {}
        for _ in range(20):
            sent = {}
            for _ in range(50):
                one = caller.request("INVITE", "sip:bob@127.0.0.1:%d" % server.port)
                sent[one["call_id"]] = one
            gather(callee, "INVITE", sent, lambda invite: callee.reply(
                invite, 200, "OK", tag="t", headers=["Contact: <sip:bob@%s>" % callee.name]))
            for name, reply in gather(caller, 200, sent).items():
                calls[name] = sent[name], reply.all("record-route")
        assert stat(server, "active_dialogs") == stat(server, "stored_dialogs") == 1000
        held = allocated()
        names = list(calls)
        for batch in [names[at:at + 50] for at in range(0, 1000, 50)]:
            for name in batch:
                sent, routes = calls[name]
                caller.request("BYE", "sip:bob@%s" % callee.name, callee=sent["callee"], call_id=name, cseq=2,
                               from_tag=sent["from_tag"], to_tag="t", headers=["Route: " + r for r in routes])
            gather(callee, "BYE", batch, lambda bye: callee.reply(bye, 200, "OK"))
            gather(caller, 200, batch)
        assert dialogs(server) == [] and stat(server, "active_dialogs") == 0
        wait_for(lambda: stat(server, "stored_dialogs") == 0, "no dialog in memory", timeout=20)
        wait_for(lambda: server.statistic("tm:inuse_transactions") == 0, "no transaction", timeout=20)
        return held

    def allocated():
        return server.statistic("memory:allocated_bytes")

    # What tables and buffers grow to once. A thousand dialogs are three times that, so two rounds may leave 500 bytes a call at most.
    room = 1 << 20
    before = allocated()
    held = []
    left = []
    for _ in range(2):
        held.append(run() - before)
        # Timers that nobody waits for any more run out as well.
        wait_for(lambda: allocated() - before < room, "memory to go back to its base", timeout=40)
        left.append(allocated() - before)
    print("allocated: %d; with 1,000 dialogs %+d, after them %+d; once more %+d, %+d" % (
        before, held[0], left[0], held[1], left[1]))
    assert min(held) > 2 * room, "the figure sees dialogs"
