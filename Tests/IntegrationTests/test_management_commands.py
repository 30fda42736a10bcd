"""Commands about the server itself: names, log, statistics."""
import re

from conftest import wait_for
from management import COUNT, NO_METHOD, error, managed, result, transport  # noqa: F401 (fixtures)
from test_start import Waiting, ask


def test_commands_about_the_server(managed):
    client = managed.client()
    assert re.fullmatch(r"SIPRay \(\d+\.\d+\.\d+ \(\w+/linux\)\)", result(client, "version")["Server"])
    up = result(client, "uptime")
    assert list(up) == ["Now", "Up since", "Up time"] and re.fullmatch(r"\d+ \[sec\]", up["Up time"])
    assert all(re.fullmatch(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", up[k]) for k in ("Now", "Up since"))
    assert result(client, "pwd") == {"WD": str(managed.directory)}
    assert result(client, "arg")[-2:] == ["serve", str(managed.cfg)]
    names = result(client, "which")
    assert len(names) == len(set(names)) and all(re.fullmatch(r"\w+:\w+", n) for n in names)
    assert {"core:ps", "core:profiling_proc", "statistics:get", "evi:subscribe", "usrloc:dump", "tm:uac_dlg"} <= set(names)
    for name in names:
        text = result(client, "help", {"mi_cmd": name})
        assert list(text) == ["Help", "Exported by"] and text["Exported by"] == name.split(":")[0]
        assert name in text["Help"], "how it is called"
        assert result(client, "which", {"command": name}) == [name]
    assert isinstance(result(client, "help"), str)
    assert error(client, "help", {"mi_cmd": "nosuch"}) == NO_METHOD
    assert result(client, "which", {"command": "nosuch"}) == []
    answer = error(client, "reload_routes")
    assert answer["code"] == 501 and "restart" in answer["data"]


ALIASES = {
    "get_statistics": "statistics:get", "list_statistics": "statistics:list", "reset_statistics": "statistics:reset",
    "event_subscribe": "evi:subscribe", "events_list": "evi:list", "subscribers_list": "evi:subscribers",
    "raise_event": "evi:raise", "list_tcp_conns": "tcp:list", "sr_get_status": "status_report:get",
    "ul_dump": "usrloc:dump", "ul_rm": "usrloc:rm", "ul_rm_contact": "usrloc:rm_contact", "ul_add": "usrloc:add",
    "ul_show_contact": "usrloc:show_contact", "ul_flush": "usrloc:flush", "ul_sync": "usrloc:sync",
    "t_uac_dlg": "tm:uac_dlg", "t_uac_cancel": "tm:uac_cancel", "t_reply": "tm:reply", "t_hash": "tm:hash",
    "rand_get_prob": "cfgutils:rand_get_prob", "shv_get": "cfgutils:shv_get", "log_level": "core:log_level",
    "profiling_proc": "core:profiling_proc", "ps": "core:ps",
}


def test_old_names(start):
    server = start("options.cfg")
    names = server.mi("which")
    for alias, name in ALIASES.items():
        assert name in names
        assert server.mi("which", command=alias) == [name], alias
        assert server.mi_call("help", {"mi_cmd": alias})["result"]["Exported by"] == name.split(":")[0]


DOCUMENTED = """
    core:arg core:help core:kill core:log_level core:log_level_filter core:log_mute_state core:profiling_proc core:ps
    core:pwd core:reload_routes core:uptime core:version core:which core:xlog_level blacklists:list blacklists:check_all
    blacklists:check blacklists:add_rule blacklists:del_rule tcp:list tcp:close status_report:get status_report:status
    status_report:reports status_report:identifiers statistics:get statistics:list statistics:reset statistics:reset_all
    cache:store cache:fetch cache:remove evi:subscribe evi:list evi:raise evi:subscribers mem:pkg_dump mem:rpm_dump
    mem:shm_dump mem:shm_check usrloc:rm usrloc:rm_contact usrloc:dump usrloc:flush usrloc:add usrloc:show_contact
    usrloc:sync usrloc:cluster_sync cfgutils:rand_set_prob cfgutils:rand_reset_prob cfgutils:rand_get_prob
    cfgutils:check_config_hash cfgutils:get_config_hash cfgutils:shv_set cfgutils:shv_get
    """.split()


def test_commands_of_the_manual(start):
    """Each command that the peer's manual lists is there, or answers what to use instead."""
    server = start("options.cfg", EXTRA='dst_blacklist = gw:{ ( udp , 10.2.2.2 , 5080 , "" ) }\n'
                                        'dst_blacklist = net:{ ( any , 10.2.0.0/16 , 0 , "" ) }')
    assert set(DOCUMENTED) <= set(server.mi("which"))
    for name, params in (("cache:fetch", ["local", "a"]), ("mem:shm_check", []), ("usrloc:cluster_sync", []),
                         ("blacklists:add_rule", ["gw", "any,10.0.0.1"])):
        answer = server.mi_call(name, params)["error"]
        assert answer["code"] == 501 and answer["data"], name
    assert server.mi_call("tcp:close", ["127.0.0.1:9"])["error"]["code"] == 404
    assert server.mi("status_report:identifiers") == [{"Group": "core", "Identifiers": ["main"]}]
    assert server.mi("status_report:identifiers", group="core") == {"Group": "core", "Identifiers": ["main"]}
    assert server.mi("status_report:reports", group="core")[0]["Identifiers"] == [{"Name": "main", "Reports": []}]
    assert server.mi_call("blacklists:check_all", ["10.2.2.2"])["result"] == ["net"]
    assert server.mi_call("blacklists:check_all", ["udp", "10.2.2.2", 5080])["result"] == ["gw", "net"]
    assert server.mi_call("blacklists:check_all", ["any", "10.2.2.2", 5080])["result"] == ["net"]
    assert server.mi_call("blacklists:check", ["gw", "udp", "10.2.2.2", 5080])["result"]["Port"] == 5080
    assert server.mi_call("blacklists:check", ["gw", "10.2.2.2"])["error"]["code"] == 404
    assert server.mi_call("blacklists:check", ["nope", "10.2.2.2"])["error"]["code"] == 404


def test_a_name_of_several_modules_is_ambiguous(start):
    server = start("options.cfg")
    names = server.mi("which")
    local = [n.split(":")[1] for n in names]
    shared = {n for n in local if local.count(n) > 1}
    assert shared, "list is one of evi, blacklists, tcp and statistics"
    for name in shared:
        answer = server.mi_call(name)["error"]
        assert answer["code"] == -32001 and answer["message"] == "Method ambiguous"
        for full in (n for n in names if n.endswith(":" + name)):
            assert full in answer["data"]
    for name in set(local) - shared:
        assert server.mi("which", command=name) == ["%s:%s" % (names[local.index(name)].split(":")[0], name)]


def test_log_levels(start):
    server = start("options.cfg", ROUTE='log(4, "a debug line of the script\\n"); xlog("L_DBG", "an xlog for $rU\\n");')
    processes = server.mi("log_level")["Processes"]
    assert all(list(p) == ["PID", "Log level", "Type"] and p["Log level"] == 3 for p in processes)
    ask(server.port)
    assert "debug line" not in server.tail() and "an xlog" not in server.tail()
    # xlog has a level of its own.
    assert server.mi("xlog_level") == {"xLog Level": 2}
    assert server.mi("xlog_level", level=4) == {"New xLog level": 4}
    ask(server.port, user="first")
    wait_for(lambda: "an xlog for first" in server.tail(), "the line")
    assert "debug line" not in server.tail()
    server.mi("xlog_level", level=2)
    # One process speaks more than the others.
    receivers = [p["PID"] for p in server.processes("SIP receiver")]
    assert server.mi("log_level", level=4, pid=receivers[0]) == {"Log level": 4}
    shown = {p["PID"]: p["Log level"] for p in server.mi("log_level")["Processes"]}
    assert shown.pop(receivers[0]) == 4 and set(shown.values()) == {3}
    wait_for(lambda: ask(server.port) and "a debug line" in server.tail(), "the line")
    assert re.search(r"\[%d\] (DBG:\w+: )?a debug line" % receivers[0], server.tail())
    assert not re.search(r"\[%d\] (DBG:\w+: )?a debug line" % receivers[1], server.tail())
    # All again.
    assert server.mi("log_level", level=1) == {"New global log level": 1}
    assert {p["Log level"] for p in server.mi("log_level")["Processes"]} == {1}
    for params in ({"level": 5}, {"level": "x"}, {"level": 2, "pid": 1}, {"pid": receivers[0]}):
        assert server.mi_call("log_level", params)["error"]["code"] == -32602, params


def test_outputs_of_the_log(start):
    server = start("options.cfg")
    assert server.mi("log_mute_state", consumer="stderror") == {"mute state": 0}
    assert server.mi("log_mute_state", consumer="stderror", mute_state=1) == "OK"
    size = len(server.tail())
    server.mi("xlog_level", level=1)
    server.mi_raw(b"x")
    assert len(server.tail()) == size
    assert server.mi("log_level_filter", consumer="syslog") == {"Log level filter": 0}
    assert server.mi("log_level_filter", consumer="syslog", log_level_filter=1) == "OK"
    assert server.mi("log_level_filter", consumer="syslog") == {"Log level filter": 1}
    for params in ({"consumer": "paper"}, {"consumer": "syslog", "log_level_filter": 9}):
        assert server.mi_call("log_level_filter", params)["error"]["code"] == -32602


def test_statistics(start):
    server = start("options.cfg")
    kinds = server.mi("statistics:list")
    everything = server.mi("statistics:get", statistics=["all"])
    assert set(kinds) == set(everything) and set(kinds.values()) == {"incremental", "non-incremental"}
    assert all(isinstance(v, int) and ":" in k for k, v in everything.items())
    expected = {"core": "rcv_requests rcv_replies fwd_requests fwd_replies drop_requests drop_replies err_requests "
                        "err_replies bad_URIs_rcvd unsupported_methods bad_msg_hdr slow_messages timestamp",
                "load": "load load1m load10m load-all load1m-all load10m-all load-proc-1 processes_number",
                "net": "waiting_udp",
                "tm": "received_replies relayed_replies local_replies UAS_transactions UAC_transactions "
                      "2xx_transactions 3xx_transactions 4xx_transactions 5xx_transactions 6xx_transactions "
                      "inuse_transactions retransmission_req_T1_1",
                "registrar": "accepted_regs rejected_regs max_expires max_contacts default_expire",
                "usrloc": "registered_users", "sl": "2xx_replies 4xx_replies sent_replies failures received_ACKs"}
    missing = {"%s:%s" % (g, n) for g, names in expected.items() for n in names.split()} - set(everything)
    assert not missing
    for group in expected:
        part = server.mi("statistics:get", statistics=[group + ":"])
        assert set(part) == {n for n in everything if n.startswith(group + ":")}
    for _ in range(3):
        ask(server.port)
    assert server.mi("get_statistics", statistics=["rcv_requests"]) == {"core:rcv_requests": 3}
    assert server.mi_call("statistics:get", [["core:rcv_requests", "rcv_requests", "nosuch"]])["result"] == {
        "core:rcv_requests": 3}
    assert server.mi("statistics:get", statistics=["nosuch"]) == server.mi("statistics:get", statistics=[]) == {}
    assert server.mi("statistics:reset", statistics=["rcv_requests", "registered_users", "nosuch"]) == "OK"
    assert server.statistic("core:rcv_requests") == 0
    ask(server.port)
    assert server.statistic("core:rcv_requests") == 1 and server.statistic("sl:2xx_replies") == 4
    assert server.mi("statistics:reset_all") == "OK"
    left = server.mi("statistics:get", statistics=["all"])
    assert all(v == 0 for k, v in left.items() if kinds[k] == "incremental"), left
    assert left["load:processes_number"] == len(server.mi("ps")["Processes"])
    assert server.mi_call("statistics:get")["error"] == COUNT
    assert server.mi_call("statistics:get", {"statistics": [{}]})["error"]["code"] == -32602


def test_load_is_seen(start):
    server = start("options.cfg", WORKERS=1,
                   ROUTE="$var(i) = 0; while ($var(i) < 3000) { $var(i) = $var(i) + 1; }")
    receiver = server.processes("SIP receiver")[0]["ID"]
    load = Waiting(server.port)
    wait_for(lambda: server.statistic("load:load-proc-%d" % receiver) > 20, "the receiver to be busy")
    assert server.statistic("load:load") > 0 and server.statistic("load:load-proc-0") < 20
    load.stop()
