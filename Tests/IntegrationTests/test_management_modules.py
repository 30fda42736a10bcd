"""Commands of modules: transactions, shared variables, contacts."""
import re
import socket

from conftest import free_port, wait_for
from management import COUNT, NO_METHOD
from test_calls import target
from test_start import ask


def test_transactions(start):
    server = start("options.cfg", ROUTE=(
        'if ($rm == "INVITE") { t_newtran(); xlog("L_NOTICE", "transaction $T_id of $ci\\n"); exit; }'))
    headers = "From: <sip:a@b>;tag=x\r\nTo: <sip:c@d>\r\nX-More: 1\r\n"
    uri = "sip:x@127.0.0.1:%d" % server.port
    answer = server.mi_call("t_uac_dlg", dict(method="OPTIONS", ruri=uri, headers=headers))["result"]
    assert answer["Status"] == "200 OK" and answer["Message"].startswith("SIP/2.0 200 OK\r\n")
    assert "CSeq: 10 OPTIONS" in answer["Message"]
    text = server.mi_call("t_uac_dlg", dict(method="MESSAGE", ruri="sip:elsewhere.invalid", next_hop=uri, socket=".",
                                            headers=headers + "Content-Type: text/plain", body="hello"))["result"]
    assert text["Status"] == "200 OK"
    for params, name in [(dict(headers="From: <sip:a@b>\r\n"), "headers"), (dict(method="A B"), "method"),
                         (dict(ruri="nonsense"), "ruri"), (dict(ruri=uri + "\r\nX: y"), "ruri")]:
        full = {**dict(method="OPTIONS", ruri=uri, headers=headers), **params}
        assert "'%s'" % name in server.mi_call("t_uac_dlg", full)["error"]["data"], params
    assert server.mi_call("t_uac_dlg", {"method": "OPTIONS"})["error"] == COUNT

    def invite(call):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        client.sendto((
            "INVITE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %s\r\nCSeq: 7 INVITE\r\n\r\n"
            % (client.getsockname()[1], call, call)).encode(), ("127.0.0.1", server.port))
        wait_for(lambda: "of " + call in server.tail(), "the transaction")
        return client, re.search(r"transaction (\w+) of %s" % call, server.tail())[1]

    client, identity = invite("one")
    entry = "%d:%d" % (int(identity[:8], 16), int(identity[8:], 16))
    reply = dict(code=486, reason="Busy by management", to_tag="mine", new_headers="X-Why: because\r\nContent-Length: 5")
    assert server.mi("t_reply", trans_id=entry, **{**reply, "code": 180, "reason": "Wait"}) == "OK"
    assert server.mi("t_reply", trans_id=identity, **reply) == "OK"
    texts = [client.recv(65536).decode() for _ in range(2)]
    while texts[0].startswith("SIP/2.0 100"):
        texts = [texts[1], client.recv(65536).decode()]
    assert texts[0].startswith("SIP/2.0 180 Wait\r\n")
    assert texts[1].startswith("SIP/2.0 486 Busy by management\r\n")
    assert "X-Why: because\r\n" in texts[1] and ";tag=mine\r\n" in texts[1] and texts[1].count("Content-Length") == 1
    assert server.mi_call("t_reply", {"trans_id": entry, **reply})["error"]["code"] == 404
    for change in (dict(trans_id="x"), dict(code=99), dict(reason="a\r\nb")):
        assert server.mi_call("t_reply", {**reply, "trans_id": entry, **change})["error"]["code"] == -32602
    load = server.mi("t_hash")["Entries"]
    assert sum(e["Total"] for e in load) >= 2 and all(list(e) == ["Index", "Current", "Total"] for e in load)
    client.close()
    assert server.mi_call("t_uac_cancel", {"callid": "none", "cseq": "1"})["error"]["code"] == 404
    assert server.mi_call("t_uac_cancel", {"callid": "none", "cseq": "x"})["error"]["code"] == -32602


def test_a_call_is_cancelled_by_management(start, sipp):
    port, dead = free_port(), free_port()
    server = start("spine.cfg", UAS_PORT=port, BUSY_PORT=dead, DEAD_PORT=dead)
    callee = sipp("uas_ring", port=port, calls=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind(("127.0.0.1", 0))
        caller.settimeout(5)
        own = caller.getsockname()[1]
        caller.sendto((
            "INVITE sip:callee@%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKmic\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: mic@x\r\nCSeq: 3 INVITE\r\nContact: <sip:a@127.0.0.1:%d>\r\n"
            "Content-Length: 0\r\n\r\n" % (target(server), own, own)).encode(), ("127.0.0.1", server.port))
        while not caller.recv(65536).startswith(b"SIP/2.0 180"):
            pass
        assert server.mi("t_uac_cancel", callid="mic@x", cseq="3") == "OK"
        callee.finish()
        while True:
            text = caller.recv(65536)
            if text.startswith(b"SIP/2.0 487"):
                break
        caller.sendto((
            "ACK sip:callee@%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKmic\r\nMax-Forwards: 70\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: %s\r\nCall-ID: mic@x\r\nCSeq: 3 ACK\r\nContent-Length: 0\r\n\r\n"
            % (target(server), own, re.search(rb"To: (.*)\r", text)[1].decode())).encode(), ("127.0.0.1", server.port))


def test_shared_variables_and_chance(start):
    server = start("options.cfg", EXTRA='modparam("cfgutils", "shvset", "mode=i:1")\n'
                   'modparam("cfgutils", "initial_probability", 30)',
                   ROUTE='if ($shv(mode) == 7) { send_reply(297, "$shv(text)"); exit; }')
    assert server.mi("shv_get") == {"VARs": [{"name": "mode", "type": "integer", "value": 1}]}
    assert ask(server.port).startswith("SIP/2.0 200")
    assert server.mi("shv_set", name="text", type="str", value="by hand") == "OK"
    assert server.mi("shv_set", name="mode", type="int", value="7") == "OK"
    assert ask(server.port).startswith("SIP/2.0 297 by hand")
    assert server.mi("shv_get", name="text")["VARs"] == [{"name": "text", "type": "string", "value": "by hand"}]
    assert server.mi_call("shv_get", {"name": "none"})["error"]["code"] == 404
    assert server.mi_call("shv_set", {"name": "m", "type": "int", "value": "x"})["error"]["code"] == -32602
    assert server.mi_call("shv_set", {"name": "m", "type": "float", "value": "1"})["error"]["code"] == -32602
    assert "30 percent" in server.mi("rand_get_prob")
    assert server.mi_call("rand_set_prob", [55])["result"] == "OK"
    assert "55 percent" in server.mi("rand_get_prob")
    assert server.mi_call("rand_set_prob", [101])["error"]["code"] == -32602
    assert server.mi("rand_reset_prob") == "OK" and "30 percent" in server.mi("rand_get_prob")


def test_the_hash_of_the_script(start, tmp_path):
    import hashlib
    hashed = tmp_path / "hashed"
    hashed.write_text("one\n")
    server = start("options.cfg", EXTRA='modparam("cfgutils", "hash_file", "%s")' % hashed)
    assert server.mi("get_config_hash") == hashlib.md5(b"one\n").hexdigest()
    assert "is identical" in server.mi("check_config_hash")
    hashed.write_text("two\n")
    assert server.mi_call("check_config_hash")["error"]["code"] == 400
    hashed.unlink()
    assert server.mi_call("check_config_hash")["error"]["code"] == 500
    other = start("options.cfg")
    assert other.mi_call("get_config_hash")["error"]["code"] == 404


def test_contacts_are_added_shown_and_removed(start):
    server = start("options.cfg")
    add = dict(table_name="location", aor="alice", contact="sip:alice@127.0.0.1:5062", expires=60, q="0.5", flags=1,
               cflags=2, methods=4)
    assert server.mi("ul_add", **add) == "OK"
    assert server.mi("ul_add", **{**add, "contact": "sip:alice@127.0.0.1:5064", "expires": 0}) == "OK"
    domain = server.mi("ul_dump")["Domains"][0]
    assert list(domain) == ["name", "hash_size", "AORs"] and domain["name"] == "location"
    first, second = server.mi("ul_show_contact", table_name="location", aor="alice")["Contacts"]
    assert first["Contact"] == add["contact"] and first["Q"] == "0.5" and 58 <= first["Expires"] <= 60
    assert (first["Flags"], first["Cflags"], first["Methods"]) == (1, 2, 4) and second["Expires"] == "permanent"
    brief = server.mi("ul_dump", brief="brief")["Domains"][0]["AORs"][0]["Contacts"]
    assert [list(c) for c in brief] == [["Contact"]] * 2
    assert server.mi("ul_rm_contact", table_name="location", aor="alice", contact=add["contact"]) == "OK"
    for params in (dict(aor="alice", contact=add["contact"]), dict(aor="bob", contact="x")):
        assert server.mi_call("ul_rm_contact", {"table_name": "location", **params})["error"]["code"] == 404
    assert server.mi("ul_rm", table_name="location", aor="alice") == "OK"
    assert server.mi_call("ul_rm", {"table_name": "location", "aor": "alice"})["error"]["code"] == 404
    assert server.mi_call("ul_rm", {"table_name": "nowhere", "aor": "alice"})["error"]["code"] == 404
    assert server.mi("ul_dump")["Domains"][0]["AORs"] == []
    for change in (dict(expires="x"), dict(q="2"), dict(flags="x")):
        assert server.mi_call("ul_add", {**add, **change})["error"]["code"] == -32602, change
    assert server.mi("ul_flush") == "OK"
    assert server.mi_call("ul_sync", {"table_name": "location"})["error"]["code"] == 500


def test_small_answers(start):
    server = start("options.cfg")
    assert server.mi("tcp:list") is None
    assert server.mi("blacklists:list") == {"Lists": []}
    running = {"Readiness": True, "Status": 1, "Details": "running"}
    assert server.mi("sr_get_status", group="core") == running
    assert server.mi("status_report:status") == [{"Name": "core", "Identifiers": [{"Name": "main", **running}]}]
    assert server.mi_call("sr_get_status", {"group": "nope"})["error"]["code"] == 404
    assert server.mi_call("mem:nothing")["error"] == NO_METHOD


def test_management_listens_on_loopback_only(start):
    """Without an address in socket_name no other address of the machine is bound."""
    port = free_port()
    server = start("options.cfg", wait=False, EXTRA='modparam("mi_datagram", "socket_name", "udp:%d")' % port)
    wait_for(lambda: "is up" in server.tail(), "the start")
    bound = [l.split()[1] for l in open("/proc/net/udp").readlines()[1:] if l.split()[1].endswith(":%04X" % port)]
    assert bound == ["0100007F:%04X" % port]
