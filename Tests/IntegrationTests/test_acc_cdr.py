"""Records of whole calls: `do_accounting(…, "cdr")`, however a call ends."""
import re
import time

import pytest

from conftest import wait_for
from dialog_calls import Call, answer_bye, dialogs, peers, serve  # noqa: F401 (fixture)

ACC = 'loadmodule "acc.so"\nmodparam("acc", "extra_fields", "log: who->who; gone")\n' \
      'modparam("acc", "extra_fields", "evi: who->who; gone")\n'
LEGS = 'modparam("acc", "leg_fields", "log: to")\nmodparam("acc", "leg_fields", "evi: to")\n'
BOTH = 'do_accounting("log|evi", "cdr"); $acc_extra(who) = $fU;'


def records(server, kind):
    """The fields of each line of that kind, in order."""
    lines = re.findall(r"ACC: %s: (.*)" % kind, server.tail(100_000))
    return [dict(field.split("=", 1) for field in line.split(";")) for line in lines]


def one(server, kind="call ended"):
    found = wait_for(lambda: records(server, kind), kind)
    assert len(found) == 1, found
    return found[0]


def accounted(start, peers, call=BOTH, legs="", **options):
    return serve(start, peers, extra=ACC + legs, call=call, **options)


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_a_call_has_one_record_when_its_bye_is_answered(start, peers, events, side):
    server = accounted(start, peers, inside='if (is_method("BYE")) $acc_extra(gone) = $DLG_dir;')
    for name in ("E_ACC_CDR", "E_ACC_EVENT"):
        server.subscribe(events, name)
    before = int(time.time())
    call = Call(server, *peers)
    call.answer(180, "Ringing")
    call.answer()
    call.within("BYE", 2 if side == "caller" else 1, side=side)
    asked, told = peers if side == "caller" else peers[::-1]
    bye = told.expect("BYE")
    assert dialogs(server) == [] and records(server, "call ended") == []
    told.reply(bye, 200, "OK")
    asked.expect(200)
    found = one(server)
    assert list(found) == ["created", "call_start_time", "duration", "ms_duration", "setuptime", "method", "from_tag",
                           "to_tag", "call_id", "code", "reason", "who", "gone"]
    assert found["from_tag"] == call.sent["from_tag"] and found["to_tag"] == call.tag
    assert found["call_id"] == call.sent["call_id"] and found["who"] == "caller"
    assert (found["method"], found["code"], found["reason"]) == ("INVITE", "200", "OK")
    assert found["gone"] == ("downstream" if side == "caller" else "upstream")
    # The server's seconds are the kernel's coarse ones: up to a tick behind.
    assert before - 1 <= int(found["created"]) <= int(found["call_start_time"]) <= time.time()
    assert int(found["duration"]) == -(-int(found["ms_duration"]) // 1000)
    event = wait_for(lambda: events.all("E_ACC_CDR"), "the event")[0]
    assert list(event) == ["method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time", "who", "gone",
                           "duration", "ms_duration", "setuptime", "created"]
    assert {name: str(event[name]) for name in ("duration", "ms_duration", "setuptime", "created")} == \
        {name: found[name] for name in ("duration", "ms_duration", "setuptime", "created")}
    assert str(event["time"]) == found["call_start_time"] and event["sip_code"] == "200"
    # Neither INVITE nor BYE has one of its own.
    assert events.all("E_ACC_EVENT") == [] and records(server, "transaction answered") == []


def test_durations_are_counted_from_the_answer(start, peers):
    server = accounted(start, peers)
    call = Call(server, *peers)
    call.answer(180, "Ringing")
    began = time.monotonic()
    peers[0].nothing(1.1)
    answering = time.monotonic()
    call.answer()
    peers[0].nothing(0.3)
    call.bye()
    ended = time.monotonic()
    found = one(server)
    assert int(found["setuptime"]) >= 1
    assert 300 <= int(found["ms_duration"]) <= (ended - answering) * 1000 + 300
    assert 1 <= int(found["setuptime"]) <= ended - began + 5


@pytest.mark.parametrize("end", ["lifetime", "lifetime with BYEs", "management", "management, no route", "nobody answers"])
def test_other_ends_have_one_too(start, peers, end):
    flags = "B" if "BYEs" in end else ""
    route = "" if "no route" in end else 'dlg_on_hangup("gone");'
    lifetime = "$DLG_timeout = 2;" if "lifetime" in end else ""
    server = accounted(start, peers, BOTH + route + lifetime, flags=flags, FR=2,
                       routes='route[gone] { $acc_extra(gone) = $acc_extra(who) + ": " + $DLG_end_reason; }\n')
    call = Call(server, *peers)
    call.answer()
    reason = "Lifetime Timeout"
    if "management" in end:
        assert server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"]) == "OK"
        answer_bye(*peers)
        reason = "MI Termination"
    elif "BYEs" in end:
        answer_bye(*peers)
    elif "nobody" in end:
        call.within("BYE", 2)
        reason = "Downstream BYE"
    found = one(server)
    assert found["gone"] == ("" if "no route" in end else "caller: " + reason)
    assert found["code"] == "200" and int(found["duration"]) <= 20


@pytest.mark.parametrize("status, flags, expected", [
    (486, "cdr", []), (486, "cdr|failed", ["transaction answered"]), (486, "cdr|missed", ["call missed"]),
    (487, "cdr|missed|failed", ["transaction answered", "call missed"]),
])
def test_a_call_that_fails_has_none(start, peers, events, status, flags, expected):
    server = accounted(start, peers, 'do_accounting("log|evi", "%s");' % flags)
    server.subscribe(events, "E_ACC_MISSED_EVENT")
    call = Call(server, *peers)
    call.answer(180, "Ringing")
    if status == 487:
        peers[0].cancel(call.sent)
        peers[0].expect(200)
        peers[1].reply(peers[1].expect("CANCEL"), 200, "OK")
    call.answer(status, "No")
    # The next call's record comes behind all of this one's.
    second = Call(server, *peers)
    second.answer()
    second.bye()
    assert one(server)["call_id"] == second.sent["call_id"]

    def kinds():
        return re.findall(r"ACC: (.*?): .*call_id=%s;code=%d" % (call.sent["call_id"], status), server.tail(100_000))

    wait_for(lambda: len(kinds()) >= len(expected), "its records")
    assert sorted(kinds()) == sorted(expected)
    if "call missed" in expected:
        missed = records(server, "call missed")[0]
        assert list(missed)[-4:] == ["setuptime", "created", "who", "gone"]
        event = wait_for(lambda: events.all("E_ACC_MISSED_EVENT"), "the event")[-1]
        assert list(event)[-2:] == ["created", "setuptime"] and str(event["created"]) == missed["created"]


@pytest.mark.parametrize("when", ["at once", "in the BYE", "one backend"])
def test_a_dropped_record_is_not_written(start, peers, events, when):
    now = {"at once": "drop_accounting();", "one backend": 'drop_accounting("log", "cdr");'}.get(when, "")
    server = accounted(start, peers, BOTH + now,
                       inside='if (is_method("BYE")) drop_accounting();' if when == "in the BYE" else "")
    server.subscribe(events, "E_ACC_CDR")
    call = Call(server, *peers)
    call.answer()
    call.bye()
    # Requests are handled in turn: behind the answer of another call everything of this one is written.
    Call(server, *peers).answer(486, "Busy")
    assert records(server, "call ended") == []
    if when == "one backend":
        wait_for(lambda: events.all("E_ACC_CDR"), "the event")
        # The log keeps the transaction's record.
        assert [r["method"] for r in records(server, "transaction answered")] == ["INVITE"]
    else:
        assert events.all("E_ACC_CDR") == []


def test_every_leg_is_told(start, peers, events):
    server = accounted(start, peers, 'do_accounting("log|evi", "cdr"); $acc_leg(to) = "desk"; acc_new_leg();'
                       ' $acc_leg(to) = "mobile";', LEGS,
                       inside='if (is_method("BYE")) { acc_new_leg(); $acc_leg(to) = $acc_current_leg; }')
    server.subscribe(events, "E_ACC_CDR")
    call = Call(server, *peers)
    call.answer()
    call.bye()
    assert [one(server)["to(leg%d)" % n] for n in (1, 2, 3)] == ["desk", "mobile", "2"]
    told = wait_for(lambda: len(events.all("E_ACC_CDR")) == 3 and events.all("E_ACC_CDR"), "an event for each leg")
    assert [event.pop("to") for event in told] == ["desk", "mobile", "2"] and told[0] == told[2]


def test_accounting_of_another_call_is_loaded_and_put_away(start, peers):
    look = """
	$acc_extra(who) = "own";
	if (load_dialog_ctx($hdr(X-Other))) {
		acc_load_ctx_from_dlg();
		$var(again) = acc_load_ctx_from_dlg();
		$var(seen) = $acc_extra(who);
		$acc_extra(gone) = "changed";
		$var(left) = acc_unload_ctx_from_dlg();
		$var(twice) = acc_unload_ctx_from_dlg();
		unload_dialog_ctx();
		append_hf("X-Seen: $var(seen) $acc_extra(who) $acc_extra(gone) $var(again) $var(left) $var(twice)\\r\\n");
	}
"""
    server = accounted(start, peers, 'if ($hdr(X-Other) == NULL) { %s } else { %s }' % (BOTH, look))
    first = Call(server, *peers)
    first.answer()
    second = Call(server, *peers, headers=["X-Other: " + first.sent["call_id"]])
    assert second.invite.get("x-seen") == "caller own <null> -1 1 -1"
    second.answer(486, "Busy")
    first.bye()
    assert one(server)["gone"] == "changed"


def test_accounting_makes_the_dialog_that_the_script_has_not(start, peers):
    """`create_dialog()` may come behind it, with flags of its own."""
    caller, callee = peers
    script = "route[call] { " + BOTH + ' create_dialog("B"); $DLG_timeout = 1; record_route(); }\n' \
        "route[inside] { loose_route(); }\n"
    server = start("dialog.cfg", CALLEE=str(callee.port), EXTRA=ACC, ROUTE=script)
    caller.server = (server.address, server.port)
    Call(server, *peers).answer()
    answer_bye(*peers)
    assert one(server)["who"] == "caller"


def test_a_call_that_the_script_answers_is_told_of_at_once(start, peers):
    server = accounted(start, peers, BOTH + ' t_reply(200, "Taken"); exit;')
    caller = peers[0]
    caller.request("INVITE", "sip:bob@127.0.0.1:%d" % server.port)
    caller.expect(200)
    assert one(server, "transaction answered")["reason"] == "Taken" and records(server, "call ended") == []


@pytest.mark.parametrize("inside", ['if (is_method("BYE")) { sl_send_reply(200, "OK"); exit; }',
                                    'if (is_method("BYE")) exit;'])
def test_a_bye_without_a_transaction_ends_it_too(start, peers, inside):
    server = accounted(start, peers, inside=inside)
    call = Call(server, *peers)
    call.answer()
    call.within("BYE", 2)
    assert one(server)["reason"] == "OK"


def test_requests_within_the_call_may_be_accounted_by_themselves(start, peers):
    server = accounted(start, peers, inside='if (is_method("INFO|BYE")) do_accounting("log", "cdr");')
    call = Call(server, *peers)
    call.answer()
    call.exchange("INFO", 2)
    call.bye(cseq=3)
    assert one(server)["who"] == "caller"
    wait_for(lambda: len(records(server, "transaction answered")) == 2, "their records")
    assert [(r["method"], r["who"]) for r in records(server, "transaction answered")] == \
        [("INFO", "caller"), ("BYE", "caller")]
