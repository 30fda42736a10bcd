"""What the manuals of dialog and topology_hiding list is there, or `sipray check` says that it is missing and why."""
import subprocess

import pytest

from conftest import SIPRAY, free_port

HEAD = """socket=udp:127.0.0.1:%d
loadmodule "proto_udp.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "dialog.so"
loadmodule "topology_hiding.so"
%s
route { %s }
route[other] { exit; }
"""

WORKING = {
    "dialog": dict(
        enable_stats=1, hash_size=64, log_profile_hash_size=5, rr_param="id", default_timeout=9, dlg_extra_hdrs="A: b",
        dlg_match_mode=2, delete_delay=3, db_mode=0, options_ping_interval=5, reinvite_ping_interval=5,
        profiles_with_value="a; b", profiles_no_value="c", race_condition_timeout=1, auto_prack_hangup_on_failure=1,
        auto_prack_fr_timeout=2),
    "topology_hiding": dict(
        th_callid_passwd="x", th_callid_prefix="P_", th_passed_contact_uri_params="a;b", th_passed_contact_params="c",
        force_dialog=1, th_contact_encode_param_password="p:word:C", th_use_param="p", th_contact_encode_scheme="base32",
        th_contact_caller_username_var="u", th_contact_callee_username_var="v", th_callid_loop_protection=1)}

DATABASE = """db_url db_update_period table_name call_id_column from_uri_column from_tag_column to_uri_column to_tag_column
    from_cseq_column to_cseq_column from_route_column to_route_column from_contact_column to_contact_column from_sock_column
    to_sock_column dlg_id_column state_column start_time_column timeout_column profiles_column vars_column sflags_column
    mflags_column flags_column db_flush_vals_profiles timer_bulk_del_no cachedb_url profile_value_prefix
    profile_no_value_prefix profile_size_prefix profile_timeout""".split()
CLUSTER = """dialog_replication_cluster profile_replication_cluster replicate_profiles_buffer replicate_profiles_check
    replicate_profiles_timer replicate_profiles_expire cluster_auto_sync""".split()
MISSING = {"dialog": DATABASE + CLUSTER,
           "topology_hiding": ["th_internal_trusted_tag", "th_external_socket_tag", "th_auto_route_on_trusted_socket"]}

CALLS = ["create_dialog()", 'create_dialog("bye-on-timeout,auto-prack")', "match_dialog()", 'match_dialog("DID_NONE")',
         "validate_dialog()", "fix_route_dialog()", 'get_dialog_info("a", $avp(x), "k", $fu, $var(n))',
         "get_dialog_vals($avp(n), $avp(v), $ci)", 'get_dialogs_by_val("a", $fU, $avp(o), $avp(n))',
         'get_dialogs_by_profile("a", $fU, $avp(o), $avp(n))', 'load_dialog_ctx($ci)', 'load_dialog_ctx($ci, "did", 1)',
         "unload_dialog_ctx()", 'set_dlg_profile("a", $fu, true)', 'unset_dlg_profile("a", $fu)', 'is_in_profile("a", "x")',
         'get_profile_size("a", , $var(s))', 'set_dlg_flag("F")', 'test_and_set_dlg_flag("F", 0)', 'reset_dlg_flag("F")',
         'is_dlg_flag_set("F")', 'store_dlg_value("n", $si)', 'fetch_dlg_value("n", $avp(2))', 'dlg_on_answer("other")',
         'dlg_on_timeout("other")', 'dlg_on_hangup("other")', "dlg_on_answer()", 'dlg_send_sequential("INFO", "callee")',
         'dlg_send_sequential("INFO", "caller", "b", "text/plain", "X: y")', "dlg_inc_cseq()", "dlg_inc_cseq($tt, -1)",
         "topology_hiding()", 'topology_hiding("UDCaA", "/a/b")', "topology_hiding_match()",
         'topology_hiding_match("DID_ONLY")']
VARIABLES = ["DLG_count", "DLG_status", "DLG_lifetime", "DLG_flags", "DLG_dir", "DLG_did", "DLG_end_reason", "DLG_timeout",
             "DLG_del_delay", "DLG_json", "DLG_ctx_json", "dlg_val(x)", "TH_callee_callid"]


def check(tmp_path, top="", body="exit;"):
    path = tmp_path / "script.cfg"
    path.write_text(HEAD % (free_port(), top, body))
    done = subprocess.run([SIPRAY, "check", str(path)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def line(module, name, value):
    return 'modparam("%s", "%s", %s)' % (module, name, value if isinstance(value, int) else '"%s"' % value)


def test_what_works_is_taken_without_a_word(tmp_path):
    status, text = check(
        tmp_path, "\n".join(line(module, *one) for module, all in WORKING.items() for one in all.items()),
        " ".join(call + ";" for call in CALLS) + ' xlog("%s"); $DLG_timeout = 5; $DLG_del_delay = 1; $dlg_val(x) = 2;'
        % " ".join("$" + name for name in VARIABLES))
    assert status == 0 and "error" not in text and "warning" not in text, text


def test_what_is_missing_is_named_with_its_reason(tmp_path):
    status, text = check(tmp_path, "\n".join(line(module, name, 1) for module, all in MISSING.items() for name in all))
    assert status == 0
    for module, names in MISSING.items():
        for name in names:
            wanted = "warning: SIPRay does not have parameter `%s` of module `%s`: " % (name, module)
            assert wanted in text, name
    assert "unknown" not in text


@pytest.mark.parametrize("body, words", [
    ('set_dlg_sharing_tag("vip");', "does not have `set_dlg_sharing_tag`: dialogs are not shared"),
    ('create_dialog("nonsense");', "nonsense"), ('match_dialog("DID_SOMETIMES");', "DID_SOMETIMES"),
    ('dlg_send_sequential("INFO", "both");', "both"), ('load_dialog_ctx($ci, "number");', "number"),
    ('dlg_on_answer("nowhere");', "nowhere"), ("$DLG_status = 4;", "DLG_status"), ('set_dlg_flag($fU);', "set_dlg_flag")])
def test_mistakes_are_refused(tmp_path, body, words):
    status, text = check(tmp_path, body=body)
    assert status != 0 and words in text, text
