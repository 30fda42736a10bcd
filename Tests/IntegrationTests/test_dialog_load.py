"""Many calls with dialogs: sipp over UDP, TCP and mixed, plain and hidden; a thousand at once leave nothing."""
import time

from conftest import free_port, wait_for
from dialog_calls import dialogs, peers, serve, stat  # noqa: F401 (fixture)

CALLS, RATE = 25, 25
TRANSPORTS = ("u1", "t1")


# What the callee's name begins with says whether the call is hidden, what it ends with where the callee is.
ROUTES = """
route[call] {
	create_dialog();
	if ($rU =~ "^hidden") topology_hiding("UC"); else record_route();
	if ($rU =~ "t1$") $du = "sip:127.0.0.1:%d;transport=tcp"; else $du = "sip:127.0.0.1:%d";
	t_relay();
	exit;
}
route[inside] {
	t_check_trans();
	if (topology_hiding_match()) return;
	loose_route();
	if ($DLG_status == NULL) { send_reply(481, "No Dialog"); exit; }
}
"""


def test_sipp_calls_each_with_a_dialog(start, sipp):
    """Callers and callees over UDP and TCP in each combination at once, half of them hidden, half with recorded routes."""
    port, tcp_callee, udp_callee = free_port(), free_port(), free_port()
    server = start("dialog.cfg", CALLEE=udp_callee, port=port, ROUTE=ROUTES % (tcp_callee, udp_callee),
                   FR=15, EXTRA='modparam("tm", "wt_timer", 2)\nloadmodule "topology_hiding.so"\nloadmodule "proto_tcp.so"\nsocket=tcp:127.0.0.1:%d\n' % port)
    # Callees that stay: one that is gone refuses what is repeated, and with it what waits to be read.
    for number, transport in ((udp_callee, "u1"), (tcp_callee, "t1")):
        sipp("uas_call", port=number, calls=None, arguments=["-t", transport])
    callers = [sipp("uac_call", "127.0.0.1:%d" % port, calls=CALLS, rate=RATE, port=free_port(),
                    arguments=["-t", transport, "-s", way + callee])
               for transport in TRANSPORTS for way in ("plain", "hidden") for callee in TRANSPORTS]
    for one in callers:
        one.finish()
    assert stat(server, "processed_dialogs") == 8 * CALLS and stat(server, "failed_dialogs") == 0
    assert stat(server, "active_dialogs") == 0 and stat(server, "expired_dialogs") == 0
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "no dialog in memory", timeout=10)


# Everything that a dialog and its transactions may hold.
KEEPING = """
	t_on_reply("seen");
	t_on_failure("failed");
	$dlg_val(call) = $ci;
	set_dlg_profile("from", $ci);
	dlg_on_answer("over");
	dlg_on_hangup("over");
"""
ROUTES_KEPT = """
onreply_route[seen] { $avp(seen) = $rs; }
failure_route[failed] { exit; }
route[over] { $var(over) = $dlg_val(call); }
"""


def test_a_thousand_dialogs_leave_nothing(start, peers):
    """1,000 calls at once: all are there, all end. The second thousand leaves less than 256 bytes each."""
    server = serve(start, peers, extra='modparam("tm", "fr_inv_timeout", 3)\n', call=KEEPING, routes=ROUTES_KEPT)
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
        for _ in range(40):
            sent = {}
            for _ in range(25):
                one = caller.request("INVITE", "sip:bob@127.0.0.1:%d" % server.port)
                sent[one["call_id"]] = one
            gather(callee, "INVITE", sent, lambda invite: callee.reply(
                invite, 200, "OK", tag="t", headers=["Contact: <sip:bob@%s>" % callee.name]))
            for name, reply in gather(caller, 200, sent).items():
                calls[name] = sent[name], reply.all("record-route")
        assert stat(server, "active_dialogs") == stat(server, "stored_dialogs") == 1000
        held = allocated()
        names = list(calls)
        for batch in [names[at:at + 25] for at in range(0, 1000, 25)]:
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

    # What tables and buffers grow to once; a thousand dialogs are several times that.
    room = 1 << 20
    before = allocated()

    def settled():
        """What is allocated when timers that nobody waits for any more have run out as well."""
        seen, deadline = [], time.monotonic() + 60
        while len(seen) < 4 or max(seen) - min(seen) > 4096 or seen[-1] - before > room:
            seen = [*seen[-3:], allocated()]
            assert time.monotonic() < deadline, seen
            time.sleep(0.25)
        return seen[-1]

    held = run() - before
    base = settled()
    held_again = run() - before
    wait_for(lambda: allocated() - base < 256 << 10, "memory to go back to its base", timeout=40)
    print("allocated: %d idle; %+d with 1,000 dialogs, %+d after them; %+d with 1,000 more, %+d after them" % (
        before, held, base - before, held_again, allocated() - before))
    assert min(held, held_again) > 2 * room, "the figure sees dialogs"
