"""The numbers that docs/dialogs.md names: up to each all goes well, one more is refused or left alone, and nothing breaks."""
import pytest

from dialog_calls import Call, dialogs, peers, serve, stat, states  # noqa: F401 (fixture)

LEGS, VALUES, PROFILES, FLAGS, BODY = 12, 256, 64, 32, 8192
SDP = "Content-Type: application/sdp"


def said(server, words):
    return server.log_path.read_text().count(words)


def repeat(count, statement):
    return "$var(i) = 0; while ($var(i) < %d) { %s $var(i) = $var(i) + 1; } " % (count, statement)


@pytest.mark.parametrize("answers", [LEGS - 1, LEGS], ids=["the last that is followed", "one beyond"])
def test_legs_of_a_forked_invite(start, peers, answers):
    """The thirteenth fork is heard of by the caller only, until it answers first: then the call is its."""
    server = serve(start, peers)
    call = Call(server, *peers)
    for number in range(LEGS + 2):
        call.reply(180, tag="fork%d" % number)
    listed, = dialogs(server)
    assert [leg["callee_tag"] for leg in listed["CALLEES"]] == ["fork%d" % number for number in range(LEGS)]
    call.tag = "fork%d" % answers
    call.answer()
    assert [leg["callee_tag"] for leg in dialogs(server)[0]["CALLEES"]] == [call.tag]
    # A fork that is not followed answers too: what it and the caller have to say is theirs alone.
    stranger = "fork%d" % (LEGS + 1)
    call.reply(200, tag=stranger)
    call.ack(tag=stranger)
    call.exchange("BYE", 2, tag=stranger)
    assert states(server) == [4]
    for number in (2, 3):
        request, _ = call.exchange("INFO", number)
        assert request.get("x-dialog").startswith("4 downstream")
    call.bye(cseq=4)
    assert states(server) == [] and stat(server, "active_dialogs") == 0


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("how", ["$dlg_val($var(i)) = $var(i);", 'store_dlg_value("$var(i)", $var(i));'])
def test_values_of_a_dialog(start, peers, more, how):
    server = serve(start, peers, call=repeat(VALUES + more, how) + '$dlg_val(0) = "changed";')
    call = Call(server, *peers)
    values = {}
    for one in server.mi("dialog:list_ctx")["Dialogs"][0]["context"]["values"]:
        values.update(one)
    assert len(values) == VALUES and values["0"] == "changed" and str(VALUES) not in values
    assert said(server, "there are %d values already" % VALUES) == more
    call.answer()
    call.bye()


@pytest.mark.parametrize("more", [0, 1])
def test_profiles_of_a_dialog(start, peers, more):
    server = serve(start, peers, call=repeat(PROFILES + more, 'set_dlg_profile("kind", "$var(i)");')
                   + 'if (!set_dlg_profile("kind", "0")) xlog("NOT THERE\\n");')
    call = Call(server, *peers)
    values = server.mi("dialog:profile_get_values", profile="kind")["Profile"]
    assert len(values) == PROFILES and str(PROFILES) not in {value["value"] for value in values}
    assert said(server, "it is in %d profiles already" % PROFILES) == more and said(server, "NOT THERE") == 0
    call.answer()
    call.bye()
    assert server.mi("dialog:profile_get_size", profile="kind")["Profile"]["count"] == 0


@pytest.mark.parametrize("more", [0, 1])
def test_names_of_flags(start, peers, more):
    server = serve(start, peers, call="".join('set_dlg_flag("f%d"); ' % i for i in range(FLAGS + more)))
    call = Call(server, *peers)
    assert len(dialogs(server)[0]["user_flags"].replace("|", " ").split()) == FLAGS
    assert said(server, "there are %d dialog flags already" % FLAGS) == more
    call.answer()
    call.bye()


@pytest.mark.parametrize("size", [BODY, BODY + 1])
def test_bodies_that_are_kept(start, peers, size):
    """A body of 8 KiB is kept and shown; behind a larger one nothing is: what was said before holds no longer. Both go through whole."""
    server = serve(start, peers)
    small, large = "v=0\r\no=small\r\n", "v=0\r\n" + "a" * (size - 5)
    call = Call(server, *peers, headers=[SDP], body=small)
    call.answer(headers=[SDP], body=small)
    call.within("INVITE", 2, headers=[SDP], body=large)
    again = call.callee.expect("INVITE")
    assert again.body == large
    call.callee.reply(again, 200, "OK", headers=["Contact: <%s>" % call.callee.uri("bob"), SDP], body=large)
    assert call.caller.expect(200).body == large
    call.ack(cseq=2)
    listed, = dialogs(server)
    kept = [listed["caller_sdp"], listed["CALLEES"][0]["callee_sdp"]]
    assert kept == ([large, large] if size == BODY else ["", ""])
    call.bye(cseq=3)
    assert stat(server, "active_dialogs") == 0
