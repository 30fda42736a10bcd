"""503: what a callee says, and what a failure of the server's own is (RFC 3261 §16.7, §16.9)."""
import pytest

from conftest import free_port
from sip import Agent

ROUTE = """
route {
	if ($rm == "ACK") exit;
	if ($rU == "dead") $du = "sip:127.0.0.1:%d;transport=tcp";
	else $du = "sip:%s";
	t_on_failure("over");
	t_relay();
}
failure_route[over] { xlog("FAILED $T_reply_code\\n"); }
"""


@pytest.mark.parametrize("switch, received", [("no", 500), ("yes", 503)])
def test_what_goes_up(start, agent, switch, received):
    own, nobody = free_port(), free_port()
    with Agent(None) as callee:
        server = start("waiting.cfg", ROUTE=ROUTE % (nobody, callee.name), EXTRA="disable_503_translation=%s\n"
                       'socket=tcp:127.0.0.1:%d\nloadmodule "proto_tcp.so"\n' % (switch, own))
        one = agent(server)
        for method in ("INVITE", "MESSAGE"):
            sent = one.request(method, "sip:bob@127.0.0.1")
            callee.reply(callee.expect(method), 503, "Too Busy", tag="x", headers=["Retry-After: 60"])
            reply = one.expect(received)
            assert reply.get("retry-after") == "60"
            if method == "INVITE":
                callee.expect("ACK")
                one.ack(sent, reply)
            # Nobody listens there: that counts as 503, and is no overload of this server.
            sent = one.request(method, "sip:dead@127.0.0.1")
            reply = one.expect(500)
            if method == "INVITE":
                one.ack(sent, reply)
        assert server.tail().count("FAILED 503") == 4, "scripts see what it counts as"
