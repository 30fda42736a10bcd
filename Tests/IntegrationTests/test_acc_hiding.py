"""Records of calls whose sides are hidden, and what is said of what accounting has not."""
import pytest

from test_acc_cdr import ACC, one
from test_check import HEAD, check, write
from test_topology_hiding import Hidden, contact_uri, peers  # noqa: F401 (fixture)


@pytest.mark.parametrize("route", ['topology_hiding("C"); do_accounting("log", "cdr");',
                                   'do_accounting("log", "cdr"); topology_hiding("C");'])
def test_a_hidden_call_is_told_as_its_caller_knows_it(start, peers, route):
    caller, callee = peers
    server = start("hiding.cfg", CALLEE=str(callee.port), EXTRA='loadmodule "dialog.so"\n' + ACC, PARAMS="",
                   ROUTE='if (is_method("INVITE")) { %s $acc_extra(who) = $fU; }' % route)
    caller.server = (server.address, server.port)
    call = Hidden(server, caller, callee)
    answer = call.answer()
    call.to_callee("ACK", 1, contact_uri(answer))
    callee.expect("ACK")
    call.to_caller("BYE", 1, contact_uri(call.invite))
    caller.reply(caller.expect("BYE"), 200, "OK")
    callee.expect(200)
    found = one(server)
    assert found["call_id"] == call.sent["call_id"] != call.invite.get("call-id")
    assert (found["from_tag"], found["to_tag"], found["who"]) == (call.sent["from_tag"], call.tag, "caller")


@pytest.mark.parametrize("line, dialog, said", [
    ('do_accounting("log", "cdr|missed");', True, None),
    ('do_accounting("log", "cdr|missed");', False, ["error", "`cdr`", "needs the module `dialog`", 'loadmodule "dialog.so"']),
    ('do_accounting("db|log", "cdr");', True, ["warning", "`db`", "there is no database yet"]),
    ('do_accounting("aaa", "cdr");', True, ["warning", "`aaa`", "no AAA backend"]),
    ('acc_db_request("404 Gone", "acc");', True, ["error", "database backend"]),
    ('acc_aaa_request("404 Gone");', True, ["error", "AAA backend"]),
])
def test_check_says_what_accounting_has_not(tmp_path, line, dialog, said):
    head = HEAD.replace("\texit;\n", "\t%s\n" % line)
    if not dialog:
        head = "\n".join(one for one in head.split("\n") if "dialog.so" not in one and "hiding.so" not in one
                         and "uac.so" not in one)
    done = check(write(tmp_path, head=head))
    text = done.stdout + done.stderr
    if said is None:
        assert done.returncode == 0 and "do_accounting" not in text
        return
    assert (done.returncode != 0) == (said[0] == "error")
    for word in said:
        assert word in text


def test_old_parameters_are_answered(tmp_path):
    done = check(write(tmp_path, 'modparam("acc", "cdr_flag", "CDR")', 'modparam("acc", "acc_created_avp_name", "x")'))
    text = done.stdout + done.stderr
    assert 'do_accounting("log", "cdr")' in text and "leave it out" in text
