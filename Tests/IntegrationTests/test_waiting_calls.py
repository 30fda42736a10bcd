"""Calls of sipp whose script waits for a slow HTTP service: as `async()`, as a plain call, and launched; over UDP and TCP."""
import pytest

from conftest import free_port, sessions, wait_for
from http_service import Service
from test_calls import no_transactions_left, target
from test_level_changes import well_nested

CALLS, RATE = 60, 60
WAITS = {
    "async": 'async(rest_get("@URL@/slow/0.3", $var(body), , $var(code)), answered);',
    "plain": 'rest_get("@URL@/slow/0.3", $var(body), , $var(code)); route(answered);',
    "launch": 'launch(rest_get("@URL@/slow/0.3", $var(body), , $var(code)), report, "$ci"); route(relay);',
}
ROUTE = """
route {
    if (has_totag()) {
        if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
        loose_route();
        t_relay();
        exit;
    }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    t_check_trans();
    record_route();
    t_newtran();
    $avp(call) = $ci;
    $avp(process) = $pp;
    @WAIT@
}
route[answered] {
    if ($rc < 0 || $var(code) != 200 || $var(body) != "slow" || $avp(call) != $ci || $avp(process) != $pp) {
        xlog("L_ERR", "wrong: $rc $var(code) $var(body) $avp(call) $avp(process)\\n");
        t_reply(500, "Wrong");
        exit;
    }
    route(relay);
}
route[report] { xlog("L_NOTICE", "reported $rc $var(code) $param(1)\\n"); }
route[relay] {
    $du = "sip:127.0.0.1:@CALLEE@@TRANSPORT@";
    t_relay();
}
"""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("form", WAITS)
def test_calls_whose_script_waits(start, sipp, events, form, transport):
    http = Service()
    port, callee_port = free_port(), free_port()
    text = ROUTE.replace("@WAIT@", WAITS[form]).replace("@URL@", http.url).replace("@CALLEE@", str(callee_port))
    server = start("waiting.cfg", port=port, WORKERS=3, EXTRA="""
        tcp_workers=3
        socket=tcp:127.0.0.1:%d
        loadmodule "proto_tcp.so"
        modparam("tm", "wt_timer", 1)
        """ % port, ROUTE=text.replace("@TRANSPORT@", ";transport=tcp" if transport == "tcp" else ""))
    server.subscribe(events, "E_PROFILING_PROC", "E_PROFILING_SCRIPT", fields="link,parent")
    server.mi("core:profiling_proc", level=1)
    mode = ["-t", "t1"] if transport == "tcp" else []
    callee = sipp("uas_call", port=callee_port, calls=CALLS, arguments=mode)
    caller = sipp("uac_call", target(server), calls=CALLS, rate=RATE, port=free_port(),
                  arguments=mode)
    # They do wait, many at once.
    wait_for(lambda: http.waiting_max >= 5, "requests that wait")
    caller.finish()
    callee.finish()
    if form == "launch":
        wait_for(lambda: server.log_path.read_text().count("reported 1 200 ") == CALLS, "what was launched")
    wait_for(lambda: server.statistic("core:waiting_scripts") == http.waiting == 0, "nobody to wait")
    assert len(http.requests) >= CALLS and "wrong:" not in server.log_path.read_text()
    server.mi("core:profiling_proc", level=0)
    wait_for(lambda: len([r for r in events.all("E_PROFILING_SCRIPT") if goes_on(r, form)]) >= CALLS, "the scripts that go on")
    events.settle()
    paired(events, form)
    http.close()
    no_transactions_left(server)


def goes_on(start, form):
    """Whether this record begins a script that was resumed."""
    name = {"async": "answered", "plain": "<root>", "launch": "report"}[form]
    return start["verb"] == "start" and start["name"] == name and "link" in start


def paired(events, form):
    """Every session is whole and well nested; every script that was resumed names the one that it goes on with."""
    by_process = sessions(events.all("E_PROFILING_PROC"))
    by_script = sessions(events.all("E_PROFILING_SCRIPT"))
    well_nested(by_process.values())
    well_nested(by_script.values())
    assert not any(r.get("truncated") for r in events.all())
    resumed = [g for g in by_script.values() if goes_on(g[0], form) and g[0]["link"] in by_script]
    assert len(resumed) == CALLS, len(resumed)
    # Each in a job of a process, by the name that scripts know.
    job = {"async": "rest_get -> answered", "plain": "resume rest_get", "launch": "rest_get -> report"}[form]
    jobs = {number for number, g in by_process.items() if any(r["verb"] == "enter" and r["name"] == job for r in g)}
    assert len(jobs) == CALLS and {g[0]["parent"] for g in resumed} == jobs
