"""What the records of back-to-back calls say, and how those of both legs hang together."""
import pytest

from b2bcalls import ANSWER, OFFER, SDP, Call, agents, b2b, scripted
from collector import collector, module, sent  # noqa: F401 (fixture)
from conftest import sessions, wait_for

def enter(name, file, line):
    return "enter", name, file, line


def leave(name, file, line):
    return "exit", name, file, line


def inside(records):
    return [enter("receive_msg", "receive_msg", 120), *records, leave("receive_msg", "receive_msg", 316)]


def in_prescript(records, line):
    return [enter("request_pre_script", "receive_msg", 223), enter("B2BE_request_prescript", "b2b_prescript_f", 893),
            *records, leave("B2BE_request_prescript", "b2b_prescript_f", line),
            leave("request_pre_script", "receive_msg", 225)]


def around(name, file, line, inner):
    return [enter(name, file, line), *inner, leave(name, file, line)]


def passed_reply(line):
    return inside([
        enter("reply_forward", "receive_msg", 291), enter("TM_reply_received", "reply_received", 1663),
        enter("B2BE_reply_received", "b2b_tm_cback", 3271),
        enter("B2BL client received a reply", "b2b_logic_notify", 2432),
        *around("send_reply", "_b2b_handle_reply", line, around("t_reply_with_body", "_b2b_send_reply", 2187, [])),
        leave("B2BL_notify_received", "b2b_logic_notify", 2661), leave("B2BE_reply_received", "b2b_tm_cback", 4207),
        leave("TM_reply_received", "reply_received", 1822), leave("reply_forward", "receive_msg", 293)])


PASSED_REQUEST = inside(in_prescript([
    enter("B2BL server received a request", "b2b_logic_notify", 2432),
    *around("send_request", "_b2b_pass_request", 1692,
            around("t_request_within", "b2b_send_indlg_req", 2553, [])),
    leave("B2BL_notify_received", "b2b_logic_notify", 2661)], 1652))

# What the peer sent for such a call (shared/reference/captures, L1_g_b2b_tophiding): one list a datagram.
CAPTURED = [
    inside([*in_prescript([], 1655),
            *around("request_script", "receive_msg", 235,
                    around("client_new", "create_top_hiding_entities", 2861,
                           around("t_request_within", "_client_new", 237, [])))]),
    passed_reply(1425), passed_reply(1352), PASSED_REQUEST, PASSED_REQUEST, passed_reply(1234)]
CAPTURED[0] = [("exit", "request_script", "receive_msg", 237) if r == leave("request_script", "receive_msg", 235) else r
               for r in CAPTURED[0]]


# By line, the status with which the jobs of the B2B modules end there. (That of client_new is an address in the peer.)
STATUSES = [(1655, -1), (1652, 1), (237, 1), (2861, 1), (2187, 1), (1425, 0), (1352, 0), (1234, 0), (2661, 0),
            (4207, 0), (2553, 1), (1692, 0)]


def test_records_of_a_call_are_the_captured_ones(b2b, agents, events):
    server = b2b(WORKERS=1)
    assert server.mi("core:profiling_proc", level=1) == "OK"
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT")
    Call(server, agents).pick_up().confirm().hang_up()
    wait_for(lambda: sum(r["verb"] == "start" and r["name"].startswith("SIP receiver") for r in events.all()) >= len(CAPTURED),
             "the sessions")
    events.settle()
    groups = [g for g in sessions(events.all("E_PROFILING_PROC")).values() if g[0]["name"].startswith("SIP receiver")]
    found = [[(r["verb"], r["name"], r.get("file"), r.get("line")) for r in g[2:-2]] for g in groups]
    assert found == CAPTURED
    statuses = {}
    for record in (r for g in groups for r in g if r["verb"] == "exit" and r.get("line") in dict(STATUSES)):
        statuses.setdefault((record["line"], record["name"]), set()).add(record["status"])
    assert {line: found for (line, name), found in statuses.items() if name != "request_script"} == \
        {line: {status} for line, status in STATUSES}
    local = [g for g in sessions(events.all("E_PROFILING_SCRIPT")).values() if g[0]["type"] == 32]
    assert len(local) == 3  # INVITE, ACK, BYE


class Story:
    """The script sessions of what happened, by kind and link."""

    def __init__(self, events):
        events.settle()
        self.processes = {r["session"] for r in events.all("E_PROFILING_PROC")}
        self.starts = sorted((r for r in events.all("E_PROFILING_SCRIPT") if r["verb"] == "start"),
                             key=lambda r: (r["sec"], r["usec"]))
        self.ids = {r["session"] for r in self.starts}

    def of(self, kind):
        """Those of a kind, in order: 1 request, 4 onreply, 32 local."""
        return [r for r in self.starts if r["type"] == kind]


def test_the_legs_of_hidden_topology_hang_together(b2b, agents, events):
    server = b2b(WORKERS=2)
    assert server.mi("core:profiling_proc", level=1) == "OK"
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT", fields="parent,link")
    Call(server, agents).pick_up().confirm().hang_up()
    story = Story(events)
    request, = story.of(1)
    assert "link" not in request and request["parent"] in story.processes
    # What the server sends to the callee, and why: INVITE, ACK and BYE, each for the call that the caller began.
    local = story.of(32)
    assert len(local) == 3
    assert {r["link"] for r in local} == {request["session"]}
    assert {r["parent"] for r in local} <= story.processes | story.ids


def test_the_legs_of_a_scripted_call_hang_together(scripted, agents, events):
    server = scripted(WORKERS=2)
    server.subscribe(events, "E_PROFILING_SCRIPT", fields="link")
    Call(server, agents).pick_up().confirm().hang_up(None, None)
    story = Story(events)
    began, ack, bye = story.of(1)
    assert "link" not in began and ack["link"] == began["session"] and bye["link"] == began["session"]
    invite, ack_sent, bye_sent = story.of(32)
    assert [r["link"] for r in (invite, ack_sent, bye_sent)] == [r["session"] for r in (began, ack, bye)]
    # 180 and 200 go on with the INVITE that was sent, the BYE's 200 with that BYE.
    assert [r["link"] for r in story.of(4)] == [invite["session"]] * 2 + [bye_sent["session"]]


def test_what_a_reply_causes_names_the_reply(scripted, agents, events):
    """A bridge: the re-INVITE that the new party's 200 brings about is linked to the route that saw the 200."""
    server = scripted("""b2b_end_dlg_leg();
		b2b_client_new("new", "$hdr(Refer-To)");
		b2b_bridge("peer", "new");""")
    call = Call(server, agents).pick_up().confirm()
    server.subscribe(events, "E_PROFILING_SCRIPT", fields="link")
    party = agents(server)
    call.a.request("REFER", headers=["Refer-To: <sip:new@%s>" % party.name])
    call.caller.expect(202)
    call.caller.reply(call.caller.expect("BYE"), 200, "OK")
    party.reply(party.expect("INVITE"), 200, "OK", tag="n", headers=["Contact: " + party.contact, SDP], body=OFFER)
    again = call.callee.expect("INVITE")
    story = Story(events)
    refer, = story.of(1)
    bye, invite, reinvite = story.of(32)
    assert bye["link"] == refer["session"] and invite["link"] == refer["session"]
    replies = story.of(4)
    new_ok = [r for r in replies if r["link"] == invite["session"]]
    assert len(new_ok) == 1 and reinvite["link"] == new_ok[0]["session"]
    call.callee.reply(again, 200, "OK", headers=["Contact: " + call.callee.contact, SDP], body=ANSWER)
    call.callee.expect("ACK")


def test_the_callees_leg_is_in_the_trace_of_the_callers(b2b, agents, collector):
    server = b2b(EXTRA=module(collector, "enable=1"))
    Call(server, agents).pick_up().confirm().hang_up()
    spans = sent(server, collector)
    request, = [s for s in spans if s.name == "INVITE request"]
    local = {s.name: s for s in spans if s.name.endswith(" local")}
    assert set(local) == {"INVITE local", "ACK local", "BYE local"}
    assert local["INVITE local"].trace == request.trace and local["INVITE local"].kind == "client"
    for name in ("ACK local", "BYE local"):
        assert local[name].links == [(request.trace, request.id)]
