"""Early dialogs: forks, PRACK and UPDATE before and after the answer, several 2xx; reliable replies that the server acknowledges."""
import pytest

from conftest import wait_for
from dialog_calls import Call, answer_bye, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)
from sip import Agent


def test_early_dialogs_of_a_fork_and_updates(start, peers):
    server = serve(start, peers)
    caller, callee = peers
    call = Call(server, *peers)
    call.answer(183, "Progress", tag="one")
    call.answer(183, "Progress", tag="two")
    assert [leg["callee_tag"] for leg in dialogs(server)[0]["CALLEES"]] == ["one", "two"]
    call.tag = "two"
    call.within("PRACK", 2, headers=["RAck: 1 1 INVITE"])
    prack = callee.expect("PRACK")
    callee.reply(prack, 200, "OK")
    caller.expect(200)
    call.within("UPDATE", 3)
    callee.reply(callee.expect("UPDATE"), 200, "OK", headers=["Contact: <sip:elsewhere@%s>" % callee.name])
    caller.expect(200)
    call.answer(tag="two")
    call.within("UPDATE", 4)
    callee.reply(callee.expect("UPDATE"), 200, "OK", headers=["Contact: <sip:elsewhere@%s>" % callee.name])
    caller.expect(200)
    legs = dialogs(server)[0]["CALLEES"]
    assert [leg["callee_contact"] for leg in legs] == ["sip:elsewhere@" + callee.name]
    call.bye(cseq=5)


def test_each_early_dialog_of_a_fork_has_its_own_target_and_numbers(start, peers):
    """Three callees behind one branch; two of them answer with a 2xx, and each is spoken to as itself."""
    server = serve(start, peers, inside='if (!is_method("ACK") && !validate_dialog()) append_hf("X-Bogus: $rc\\r\\n");'
                   ' fix_route_dialog();')
    caller, callee = peers
    call = Call(server, *peers)
    targets = {}
    for tag in ("one", "two", "three"):
        targets[tag] = "sip:%s@%s" % (tag, callee.name)
        call.reply(183, tag=tag, contact=targets[tag])
    assert [leg["callee_contact"] for leg in dialogs(server)[0]["CALLEES"]] == list(targets.values())

    def within(method, cseq, tag, **options):
        request, _ = call.exchange(method, cseq, tag=tag, target=targets[tag], **options)
        assert request.get("x-bogus") is None, str(request)
        return request

    # Each early dialog counts for itself, and is routed to its own Contact.
    for cseq, tag in ((2, "one"), (3, "one"), (2, "three"), (2, "two")):
        assert within("PRACK", cseq, tag, headers=["RAck: 1 1 INVITE"]).uri == targets[tag]
    moved = "sip:moved@" + callee.name
    within("UPDATE", 4, "one", answer=["Contact: <%s>" % moved])
    targets["one"] = moved
    assert [leg["callee_contact"] for leg in dialogs(server)[0]["CALLEES"]] == list(targets.values())
    assert within("UPDATE", 5, "one").uri == moved
    request, _ = call.exchange("UPDATE", 1, side="callee", tag="two")
    assert request.tag("from") == "two" and request.get("x-dialog").startswith("2 upstream")
    # The second one answers first; the server sends it something of its own; then comes the first one's 2xx.
    call.reply(200, tag="two", contact=targets["two"])
    assert states(server) == [3]
    call.ack(tag="two", target=targets["two"])
    assert server.mi("dialog:list")["Dialogs"][0]["CALLEES"][0]["callee_tag"] == "two"
    call.reply(200, tag="one", contact=targets["one"])
    call.ack(tag="one", target=targets["one"])
    # The caller keeps one of them (RFC 3261 §13.2.2.4): this BYE ends a leg, not the call.
    within("BYE", 6, "one")
    assert states(server) == [4]
    legs = dialogs(server)[0]["CALLEES"]
    assert [leg["callee_tag"] for leg in legs] == ["two"]
    within("INFO", 3, "two")
    within("BYE", 4, "two")
    assert dialogs(server) == [] and stat(server, "active_dialogs") == 0


def test_numbers_of_our_own_touch_the_leg_that_they_are_for(start, peers):
    server = serve(start, peers, flags="options-ping-callee", extra='modparam("dialog", "options_ping_interval", 1)\n')
    caller, callee = peers
    call = Call(server, *peers)
    for tag in ("one", "two"):
        call.reply(200, tag=tag)
        call.ack(tag=tag)
    ping = callee.expect("OPTIONS")
    assert ping.tag("to") == "one" and ping.get("cseq") == "2 OPTIONS"
    callee.reply(ping, 200, "OK")
    request, reply = call.exchange("BYE", 2, tag="two")
    assert request.get("cseq") == reply.get("cseq") == "2 BYE", "nothing went there between"
    request, reply = call.exchange("BYE", 2, tag="one")
    assert int(request.get("cseq").split()[0]) > 2 and reply.get("cseq") == "2 BYE"
    assert dialogs(server) == []


def test_two_branches_that_answer_both(start, peers):
    """Parallel forking by the script: both callees send a 2xx; each is a leg of its own at its own address."""
    caller, callee = peers
    with Agent(None) as second:
        server = serve(start, peers, call='append_branch("sip:eve@%s");' % second.name)
        call = Call(server, *peers)
        other = second.expect("INVITE")
        callee.reply(call.invite, 180, "Ringing", tag="one", headers=["Contact: <sip:bob@%s>" % callee.name])
        second.reply(other, 180, "Ringing", tag="two", headers=["Contact: <sip:eve@%s>" % second.name])
        assert sorted(caller.expect(180).tag("to") for _ in range(2)) == ["one", "two"]
        assert len(dialogs(server)[0]["CALLEES"]) == 2
        second.reply(other, 200, "OK", tag="two", headers=["Contact: <sip:eve@%s>" % second.name])
        call.routes = caller.expect(200).all("record-route")
        cancel = callee.expect("CANCEL")
        # It had picked up already.
        callee.reply(call.invite, 200, "OK", tag="one", headers=["Contact: <sip:bob@%s>" % callee.name])
        callee.reply(cancel, 481, "Too Late")
        assert caller.expect(200).tag("to") == "one"
        for tag, agent, user in (("one", callee, "bob"), ("two", second, "eve")):
            call.within("ACK", 1, tag=tag, target=agent.uri(user))
            assert agent.expect("ACK").uri == agent.uri(user)
        call.within("BYE", 2, tag="one", target=callee.uri("bob"))
        callee.reply(callee.expect("BYE"), 200, "OK")
        caller.expect(200)
        assert states(server) == [4]
        assert [leg["callee_contact"] for leg in dialogs(server)[0]["CALLEES"]] == [second.uri("eve")]
        server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"])
        byes = answer_bye(caller, second)
        assert [bye.tag("from" if agent is caller else "to") for agent, bye in zip((caller, second), byes)] == ["two"] * 2
        callee.nothing()


def reliable(rseq, options="100rel"):
    return ["Require: " + options, "RSeq: %d" % rseq]


def test_reliable_replies_are_acknowledged_for_the_caller(start, peers):
    server = serve(start, peers, flags="auto-prack")
    caller, callee = peers
    call = Call(server, *peers, headers=["Supported: 100rel"])

    def progress(tag, rseq, cseq, options="100rel"):
        heard = call.reply(183, tag=tag, headers=reliable(rseq, options), contact="sip:%s@%s" % (tag, callee.name))
        assert heard.get("rseq") is None
        prack = callee.expect("PRACK")
        assert prack.get("rack") == "%d 1 INVITE" % rseq and prack.tag("to") == tag
        assert prack.uri == "sip:%s@%s" % (tag, callee.name) and prack.get("cseq") == "%d PRACK" % cseq
        callee.reply(prack, 200, "OK")
        return heard

    # Two early dialogs, each with numbers of its own.
    assert progress("one", 41, 2).get("require") is None
    assert progress("two", 7, 2, "timer, 100rel").get("require") == "timer"
    assert progress("one", 42, 3).get("require") is None
    # Again, and one too early: not acknowledged.
    for rseq in (42, 44):
        assert call.reply(183, tag="one", headers=reliable(rseq)).get("rseq") is None
        callee.nothing(0.1)
    # Unreliable ones and those without a number concern nobody.
    call.reply(183, tag="one")
    call.reply(183, tag="one", headers=["RSeq: 43"])
    callee.nothing(0.1)
    call.tag, call.target = "one", "sip:one@" + callee.name
    call.answer(tag="one", contact=call.target, ack=False)
    assert call.ack().get("cseq") == "1 ACK"
    request, reply = call.exchange("INFO", 2)
    assert request.get("cseq") == "4 INFO" and reply.get("cseq") == "2 INFO"
    call.bye(cseq=3)


@pytest.mark.parametrize("answer", [481, None])
@pytest.mark.parametrize("hangs_up", [0, 1])
def test_a_prack_that_fails(start, peers, hangs_up, answer):
    server = serve(start, peers, flags="auto-prack", extra='modparam("dialog", "auto_prack_fr_timeout", 1)\n'
                   'modparam("dialog", "auto_prack_hangup_on_failure", %d)\n' % hangs_up)
    caller, callee = peers
    call = Call(server, *peers)
    call.reply(183, headers=reliable(1))
    prack = callee.expect("PRACK")
    if answer:
        callee.reply(prack, answer, "No")
    if hangs_up:
        refused = caller.expect(502)
        assert refused.first == "SIP/2.0 502 Bad Gateway"
        caller.ack(call.sent, refused)
        # Between repetitions of the PRACK, what rang is cancelled.
        while True:
            message = callee.receive()
            if message.method == "CANCEL":
                break
            assert message.method == "PRACK"
        callee.reply(message, 200, "OK")
        callee.reply(call.invite, 487, "Request Terminated", tag=call.tag)
        callee.expect("ACK")
        assert dialogs(server) == [] and stat(server, "failed_dialogs") == 1
        return
    wait_for(lambda: server.mi("statistics:get", statistics=["tm:inuse_transactions"])["tm:inuse_transactions"] == 1
             or answer, "the PRACK to be given up", timeout=8)
    while not answer:
        try:
            assert callee.receive(0.1).method == "PRACK"
        except TimeoutError:
            break
    assert states(server) == [2]
    call.answer()
    call.bye()
