"""Parameters, variables, profiles and management commands of dialog, as the manual lists them."""
import json

import pytest

from conftest import wait_for
from dialog_calls import CALL, Call, answer_bye, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)


def parameter(name, value):
    return 'modparam("dialog", "%s", %s)\n' % (name, json.dumps(value))


def test_names_and_times_of_parameters(start, peers):
    server = serve(start, peers, flags="bye-on-timeout", call='append_hf("X-Time: $DLG_timeout\\r\\n");',
                   inside='append_hf("X-Left: $DLG_timeout $DLG_lifetime $DLG_count\\r\\n");',
                   extra=parameter("rr_param", "call") + parameter("default_timeout", 77)
                   + parameter("dlg_extra_hdrs", "X-Hint: one\r\nX-More: two\r\n") + parameter("hash_size", 16)
                   + parameter("log_profile_hash_size", 5))
    call = Call(server, *peers)
    assert call.invite.get("x-time") == "77"
    call.answer()
    identifier = dialogs(server)[0]["ID"]
    assert ";call=" + identifier in call.invite.get("record-route") and int(identifier.split(".")[0], 16) < 16
    info, _ = call.exchange("INFO", 2)
    left, lifetime, count = map(int, info.get("x-left").split())
    assert left + lifetime in (76, 77, 78) and count == 1 and info.get("x-dialog").startswith("4 downstream")
    server.mi("dialog:end_dlg", dialog_id=identifier)
    for bye in answer_bye(*peers):
        assert bye.get("x-hint") == "one" and bye.get("x-more") == "two"


@pytest.mark.parametrize("mode, identified, by_tags", [(0, True, False), (1, True, True), (2, False, True)])
def test_match_modes(start, peers, mode, identified, by_tags):
    caller, callee = peers
    server = serve(start, peers, extra=parameter("dlg_match_mode", mode))
    call = Call(server, *peers)
    call.answer()
    recorded = call.routes[0]
    assert (";did=" in recorded) == identified
    assert call.exchange("INFO", 2)[0].get("x-dialog").startswith("4 downstream")
    # The id is lost on the way: by the tags, where the mode says so.
    call.routes = [recorded.partition(";did=")[0] + ">"] if identified else call.routes
    assert (call.exchange("INFO", 3)[0].get("x-dialog") or "").startswith("4 downstream") == by_tags
    # Somebody else's id, or one that is none, leads nowhere.
    for bad in ("1.1", "zzz", "ffffffff.ffffffff"):
        call.routes = [recorded.partition(";did=")[0].rstrip(">") + ";did=%s>" % bad]
        request, _ = call.exchange("INFO", 4)
        found = (request.get("x-dialog") or "").startswith("4 downstream")
        assert found == (mode == 2), bad
    call.routes = [recorded]
    call.bye(cseq=9)


def test_statistics_are_switched_off_but_not_the_gauges(start, peers):
    server = serve(start, peers, extra=parameter("enable_stats", 0))
    call = Call(server, *peers)
    assert stat(server, "active_dialogs") == 1
    call.answer(486, "Busy")
    assert stat(server, "active_dialogs") == stat(server, "processed_dialogs") == stat(server, "failed_dialogs") == 0
    for name in ("create_sent", "update_sent", "delete_sent", "create_recv", "update_recv", "delete_recv"):
        assert stat(server, name) == 0



def test_each_fault_has_its_code(start, peers):
    caller, callee = peers
    server = serve(start, peers, inside='validate_dialog(); append_hf("X-Code: $rc\\r\\n");')
    call = Call(server, *peers)
    call.answer()

    def code(cseq, target=None, headers=()):
        call.within("INFO", cseq, target=target, headers=headers)
        request = callee.expect("INFO")
        callee.reply(request, 200, "OK")
        caller.expect(200)
        return request.get("x-code")

    assert code(5) == "1" and code(4) == "-1" and code(6, target="sip:eve@" + callee.name) == "-2"
    assert code(7, headers=["Route: <sip:%s;lr>" % callee.name]) == "-3"
    assert code(8) == "1"
    # Without a dialog.
    server.mi("dialog:end_dlg", dialog_id=call.sent["call_id"])
    for agent in peers:
        message = agent.expect("BYE")
        agent.reply(message, 200, "OK")
    wait_for(lambda: stat(server, "stored_dialogs") == 0, "it to be forgotten")
    assert code(9) == "-4"


def test_profiles_flags_and_values_in_the_script(start, peers):
    server = serve(start, peers, call="""
        set_dlg_profile("all"); set_dlg_profile("kind", "a"); set_dlg_profile("kind", "b"); set_dlg_profile("from", "x");
        $var(n) = is_in_profile("kind") + is_in_profile("kind", "b") + is_in_profile("all", "ignored");
        append_hf("X-In: $var(n)\\r\\n");
        if (is_in_profile("kind", "c") || is_in_profile("nothing")) append_hf("X-Wrong: 1\\r\\n");
        unset_dlg_profile("kind", "a");
        get_profile_size("kind", , $var(size)); get_profile_size("kind", "a", $avp(gone));
        append_hf("X-Size: $var(size) $avp(gone)\\r\\n");
        set_dlg_profile("kind", "c"); unset_dlg_profile("kind"); unset_dlg_profile("all");
        if (unset_dlg_profile("all")) append_hf("X-Wrong: 2\\r\\n");
        get_profile_size("kind", , $var(size)); get_profile_size("all", , $var(none));
        append_hf("X-Empty: $var(size) $var(none)\\r\\n");
        set_dlg_profile("kind", "d", true);
        set_dlg_flag("one"); set_dlg_flag("two"); reset_dlg_flag("one");
        if (test_and_set_dlg_flag("three", 0) && !test_and_set_dlg_flag("three", 0)) append_hf("X-Flags: $DLG_flags\\r\\n");
        store_dlg_value("name", $ci); fetch_dlg_value("name", $var(back));
        if (!fetch_dlg_value("nobody", $var(back))) append_hf("X-Fetched: $var(back)\\r\\n");
        $dlg_val(name) = NULL; $var(key) = "dynamic"; $dlg_val($var(key)) = 5;
        append_hf("X-Values: [$dlg_val(name)] $dlg_val(dynamic)\\r\\n");""")
    call = Call(server, *peers)
    assert call.invite.get("x-in") == "3" and call.invite.get("x-wrong") is None
    assert call.invite.get("x-size") == "1 0" and call.invite.get("x-empty") == "0 0"
    assert call.invite.get("x-flags") == "two three" and call.invite.get("x-fetched") == call.sent["call_id"]
    assert call.invite.get("x-values").split()[-1] == "5"
    context = server.mi("dialog:list_ctx")["Dialogs"][0]["context"]
    assert context["profiles"] == [{"from": "x"}, {"kind": "d"}] and context["values"] == [{"dynamic": 5}]
    call.answer(486, "Busy")
    assert server.mi("dialog:profile_get_values", profile="kind")["Profile"] == []


def test_management_of_profiles_and_lists(start, peers):
    server = serve(start, peers, call='set_dlg_profile("from", $fU);')
    calls = [Call(server, *peers) for _ in range(5)]
    names = {call.sent["call_id"] for call in calls}
    assert {one["callid"] for one in dialogs(server)} == names
    pages = [dialogs(server, index=index, counter=2) for index in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert {one["callid"] for page in pages for one in page} == names
    one = calls[0].sent
    assert len(dialogs(server, callid=one["call_id"], from_tag=one["from_tag"])) == 1
    for arguments, code in ((dict(callid=one["call_id"], from_tag="other"), 404), (dict(callid="nobody"), 404),
                            (dict(index=0), -32602), (dict(index=-1, counter=1), -32602)):
        assert server.mi_call("dialog:list", arguments)["error"]["code"] == code, arguments
    size = lambda **a: server.mi("dialog:profile_get_size", **a)["Profile"]["count"]
    listed = lambda **a: [d["callid"] for d in server.mi("dialog:profile_list_dlgs", **a)["Dialogs"]]
    assert server.mi("dialog:set_profile", dlg_id=one["call_id"], profile="kind", value="x") == "OK"
    assert server.mi("set_dlg_profile", dlg_id=dialogs(server, callid=one["call_id"])[0]["ID"], profile="kind", value="y") == "OK"
    assert size(profile="kind") == 2 and listed(profile="kind", value="y") == [one["call_id"]]
    assert server.mi("dialog:set_profile", dlg_id=one["call_id"], profile="kind", value="z", clear_values=1) == "OK"
    assert size(profile="kind") == 1 and listed(profile="kind", value="y") == []
    assert server.mi("dialog:unset_profile", dlg_id=one["call_id"], profile="kind", value="z") == "OK"
    assert server.mi_call("dialog:unset_profile", dict(dlg_id=one["call_id"], profile="kind"))["error"]["code"] == 404
    assert server.mi_call("dialog:set_profile", dict(dlg_id="nobody", profile="kind"))["error"]["code"] == 404
    assert server.mi_call("dialog:set_profile", dict(dlg_id=one["call_id"], profile="none"))["error"]["code"] == 404
    for command in ("dialog:db_sync", "dialog:restore_db", "dialog:cluster_sync", "dlg_db_sync"):
        assert server.mi_call(command)["error"]["code"] == 501
    for call in calls:
        call.answer(603, "No")
    assert dialogs(server) == []


def test_old_names_of_commands(start, peers):
    """Each answers as the one of its new name does, with and without what selects."""
    server = serve(start, peers, call='set_dlg_profile("kind", "a"); set_dlg_profile("all"); $dlg_val(who) = "me";')
    call = Call(server, *peers)
    call.answer()
    chosen = {"callid": call.sent["call_id"]}
    whole = {**chosen, "from_tag": call.sent["from_tag"]}
    profile = {"profile": "kind", "value": "a"}
    for old, new, parameters in [
            ("dlg_list", "dialog:list", {}), ("dlg_list", "dialog:list", whole),
            ("dlg_list", "dialog:list", {"index": 0, "counter": 1}), ("dlg_list_ctx", "dialog:list_ctx", {}),
            ("dlg_list_ctx", "dialog:list_ctx", chosen), ("dlg_list_ctx", "dialog:list_ctx", whole),
            ("dlg_list_ctx", "dialog:list_ctx", {"index": 0, "counter": 1}),
            ("profile_get_size", "dialog:profile_get_size", profile),
            ("profile_list_dlgs", "dialog:profile_list_dlgs", profile),
            ("profile_get_values", "dialog:profile_get_values", {"profile": "kind"}),
            ("list_all_profiles", "dialog:list_all_profiles", {})]:
        # Seconds pass between the two.
        wait_for(lambda: server.mi(old, **parameters) == server.mi(new, **parameters), "%s to be %s" % (old, new))
    dialog, = server.mi("dlg_list_ctx", **whole)["Dialogs"]
    assert dialog["context"] == {"values": [{"who": "me"}], "profiles": [{"kind": "a"}, {"all": ""}]}
    assert server.mi_call("dlg_list_ctx", {"callid": "nobody"})["error"]["code"] == 404
    assert server.mi("profile_end_dlgs", **profile) == "OK"
    answer_bye(*peers)
    assert states(server) == []
    second = Call(server, *peers)
    second.answer()
    assert server.mi("dlg_end_dlg", dialog_id=dialogs(server)[0]["ID"], extra_hdrs="X-Why: old\r\n") == "OK"
    assert [bye.get("x-why") for bye in answer_bye(*peers)] == ["old", "old"]


def test_how_long_a_call_is_there(start, peers):
    """Also while it rings; `timestart` and what comes of it begin with the answer."""
    server = serve(start, peers, extra=parameter("delete_delay", 5))
    call = Call(server, *peers)
    call.reply(180)
    assert 0 <= dialogs(server)[0]["age"] < 30
    ringing, = wait_for(lambda: [one for one in dialogs(server) if one["age"] >= 2], "two seconds")
    assert [ringing["state"], ringing["timestart"], ringing["datestart"]] == [2, 0, "0"]
    call.answer()
    talking, = dialogs(server)
    assert talking["timestart"] > 0 and talking["age"] >= 2
    call.bye()
    over, = dialogs(server)
    assert over["state"] == 5 and over["age"] >= 2


KINDS = """
branch_route[b] { set_dlg_profile("kind", "branch"); set_dlg_flag("branch"); store_dlg_value("branch", $ci); }
onreply_route[r] {
	set_dlg_profile("kind", "reply"); set_dlg_flag("reply"); $dlg_val(reply) = $rs;
	if (is_in_profile("kind", "branch") && is_dlg_flag_set("branch")) $dlg_val(seen) = "branch";
}
failure_route[f] {
	set_dlg_profile("kind", "failure"); test_and_set_dlg_flag("failure", 0); unset_dlg_profile("kind", "reply");
	reset_dlg_flag("reply"); fetch_dlg_value("branch", $avp(back)); get_profile_size("kind", , $avp(size));
	$dlg_val(size) = $avp(size); $dlg_val(back) = $avp(back); $dlg_val(flags) = $DLG_flags;
	$du = "sip:127.0.0.1:%d";
	t_relay();
}
"""


def test_values_flags_and_profiles_in_each_kind_of_route(start, peers):
    server = serve(start, peers, call='t_on_branch("b"); t_on_reply("r"); t_on_failure("f");',
                   routes=KINDS % peers[1].port)
    call = Call(server, *peers)
    call.callee.reply(call.invite, 486, "Busy", tag="busy")
    call.callee.expect("ACK")
    call.invite = call.callee.expect("INVITE")
    call.answer()
    dialog, = server.mi("dialog:list_ctx")["Dialogs"]
    # What the failure route took away the 200 brought back.
    assert sorted(dialog["user_flags"].split()) == ["branch", "failure", "reply"]
    values = {name: value for one in dialog["context"]["values"] for name, value in one.items()}
    assert values == {"branch": call.sent["call_id"], "reply": values["reply"], "seen": "branch",
                      "size": 2, "back": call.sent["call_id"], "flags": "branch failure"}
    kinds = [value for one in dialog["context"]["profiles"] for value in one.values()]
    assert sorted(kinds) == ["branch", "failure", "reply"]
    call.bye()


def test_routes_that_were_asked_for_are_taken_back(start, peers):
    """Each of the three functions without an argument."""
    server = serve(start, peers, flags="bye-on-timeout", routes='route[heard] { xlog("HEARD $DLG_end_reason\\n"); }\n',
                   call='dlg_on_answer("heard"); dlg_on_timeout("heard"); dlg_on_hangup("heard"); $DLG_timeout = 1;'
                   ' if ($hdr(X-Not)) { dlg_on_answer(); dlg_on_timeout(); dlg_on_hangup(); }')
    for headers, heard in (["X-Not: 1"], 0), ([], 3):
        call = Call(server, *peers, headers=headers)
        call.answer()
        answer_bye(*peers)
        wait_for(lambda: server.tail().count("HEARD") == heard, "%d routes" % heard)


def test_a_dialog_that_is_over_is_loaded_unless_it_must_be_active(start, peers):
    server = serve(start, peers, extra=parameter("delete_delay", 20), call="""
        if (load_dialog_ctx($hdr(X-Other))) { append_hf("X-Any: $DLG_status\\r\\n"); unload_dialog_ctx(); }
        if (load_dialog_ctx($hdr(X-Other), "callid", 0)) { append_hf("X-Zero: $DLG_status\\r\\n"); unload_dialog_ctx(); }
        if (load_dialog_ctx($hdr(X-Other), "callid", 1)) { append_hf("X-Active: $DLG_status\\r\\n"); unload_dialog_ctx(); }""")
    first = Call(server, *peers)
    first.answer()
    for other, shown in (("talking", ["4", "4", "4"]), ("over", ["5", "5", None])):
        if other == "over":
            first.bye()
        call = Call(server, *peers, headers=["X-Other: " + first.sent["call_id"]])
        assert [call.invite.get("x-" + name) for name in ("any", "zero", "active")] == shown
        call.answer(486)


def test_requests_of_the_script_to_both_sides(start, peers):
    server = serve(start, peers, inside="""
        if (is_method("MESSAGE")) {
            dlg_send_sequential("INFO", "caller", "Signal=1", "application/dtmf-relay", "X-One: 1\\r\\nX-Two: 2\\r\\n");
            dlg_send_sequential("INFO", "callee");
            if (!dlg_send_sequential("BAD METHOD", "callee")) append_hf("X-Refused: 1\\r\\n");
            $var(side) = "nobody";
            if (!dlg_send_sequential("INFO", $var(side))) append_hf("X-Refused: 2\\r\\n");
        }""")
    caller, callee = peers
    call = Call(server, *peers)
    call.answer()
    call.within("MESSAGE", 2)
    got = {callee.receive().method, caller.expect("INFO").body} | {callee.receive().get("cseq")}
    assert "Signal=1" in got and ("3 MESSAGE" in got or "2 INFO" in got), got


@pytest.mark.parametrize("line, word", [
    (parameter("hash_size", 100), "hash_size"), (parameter("dlg_match_mode", 7), "dlg_match_mode"),
    (parameter("db_mode", 1), "db_mode"), (parameter("default_timeout", 0), "default_timeout"),
    (parameter("profiles_no_value", "twice; twice"), "twice"), (parameter("profiles_with_value", "shared/s"), "shared"),
    (parameter("auto_prack_fr_timeout", -1), "auto_prack_fr_timeout")])
def test_what_cannot_be_done_is_refused_before_traffic(tmp_path, line, word):
    from conftest import Server
    server = Server(tmp_path, "dialog.cfg", wait=False, CALLEE=1, EXTRA=line, ROUTE=CALL % ("", "") + "route[inside] { exit; }\n")
    assert server.process.wait(20) != 0 and word in server.tail()
