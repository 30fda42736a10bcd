"""The points at which the process producer speaks, as one table; and what looks at them."""
from conftest import Events, sessions, wait_for

# scenario | level | process, type | name, place at enter | name and line at exit where they differ from that | statuses
POINTS = """
udp      | 1 | SIP receiver 1   | udp proto reading handle_io:317               | reading done:324
udp      | 1 | SIP receiver 1   | receive_msg receive_msg:120                   | :316
udp      | 1 | SIP receiver 1   | request_script receive_msg:235                | :237                      | 1
udp      | 1 | SIP receiver 1   | reply_forward receive_msg:291                 | :293
udp      | 1 | SIP receiver 1   | TM_reply_received reply_received:1663         | :1822                     | 0
udp      | 1 | SIP receiver 1   | udp send failure handle_io:345                | :347                      | 111
tcp      | 1 | TCP receiver 2   | tcp proto reading handle_io:317               | reading done:324
tcp      | 1 | TCP receiver 2   | receive_msg receive_msg:120                   | :316
tcp      | 1 | TCP receiver 2   | request_script receive_msg:235                | :237                      | 1
tcp      | 1 | TCP receiver 2   | reply_forward receive_msg:291                 | :293
tcp      | 1 | TCP receiver 2   | TM_reply_received reply_received:1663         | :1822                     | 0
tcp      | 1 | TCP receiver 2   | tcp send failure handle_io:345                | :347
dns      | 1 | SIP receiver 1   | receive_msg receive_msg:120                   | :316
dns      | 1 | SIP receiver 1   | dns reading handle_io:361                     | :363
dns      | 3 | SIP receiver 1   | dns-timeout handle_timer_job:1012             | :1041
dns      | 3 | SIP receiver 1   | dns-lookup handle_timer_job:1012              | :1041
b2b      | 1 | SIP receiver 1   | request_pre_script receive_msg:223            | :225
b2b      | 1 | SIP receiver 1   | B2BE_request_prescript b2b_prescript_f:893    | :1652 :1655               | -1 1
b2b      | 1 | SIP receiver 1   | B2BE_reply_received b2b_tm_cback:3271         | :4207                     | 0
b2b      | 1 | SIP receiver 1   | B2BL server received a request b2b_logic_notify:2432 | B2BL_notify_received:2661 | 0
b2b      | 1 | SIP receiver 1   | B2BL client received a request b2b_logic_notify:2432 | B2BL_notify_received:2661 | 0
b2b      | 1 | SIP receiver 1   | B2BL server received a reply b2b_logic_notify:2432   | B2BL_notify_received:2661 | 0
b2b      | 1 | SIP receiver 1   | B2BL client received a reply b2b_logic_notify:2432   | B2BL_notify_received:2661 | 0
b2b      | 1 | SIP receiver 1   | client_new create_top_hiding_entities:2861    |                           | 1
b2b      | 1 | SIP receiver 1   | t_request_within _client_new:237              |                           | 1
b2b      | 1 | SIP receiver 1   | t_request_within b2b_send_indlg_req:2553      |                           | 1
b2b      | 1 | SIP receiver 1   | send_request _b2b_pass_request:1692           |                           | 0
b2b      | 1 | SIP receiver 1   | send_reply _b2b_handle_reply:1425             |                           | 0
b2b      | 1 | SIP receiver 1   | send_reply _b2b_handle_reply:1352             |                           | 0
b2b      | 1 | SIP receiver 1   | send_reply _b2b_handle_reply:1234             |                           | 0
b2b      | 1 | SIP receiver 1   | t_reply_with_body _b2b_send_reply:2187        |                           | 1
lives    | 1 | Timer handler 3  | b2b_logic b2bl_clean:1                        |
lives    | 1 | Timer handler 3  | ua_session b2b_entities:1                     |
lives    | 3 | Timer handler 3  | b2bl-clean handle_timer_job:1012              | :1041
lives    | 3 | Timer handler 3  | ua-session-timeout handle_timer_job:1012      | :1041
dialog   | 1 | SIP receiver 1   | create_dialog dlg_handlers:1                  |                           | 1
dialog   | 1 | SIP receiver 1   | match_dialog dlg_handlers:2                   |                           | -1 1
dialog   | 1 | SIP receiver 1   | validate_dialog dlg_handlers:3                |                           | -4 1
dialog   | 1 | SIP receiver 1   | fix_route_dialog dlg_handlers:4               |                           | -1 1
dialog   | 1 | Timer handler 3  | dlg_end_dlg dlg_req_within:5                  |                           | 1
dialog   | 1 | SIP receiver 1   | DLGCB_CREATED dlg_cb:10                       |
dialog   | 1 | SIP receiver 1   | DLGCB_EARLY dlg_cb:11                         |
dialog   | 1 | SIP receiver 1   | DLGCB_CONFIRMED dlg_cb:12                     |
dialog   | 1 | SIP receiver 1   | DLGCB_RESPONSE_FWDED dlg_cb:13                |                           | 180 200
dialog   | 1 | SIP receiver 1   | DLGCB_REQ_WITHIN dlg_cb:14                    |
dialog   | 1 | SIP receiver 1   | DLGCB_RESPONSE_WITHIN dlg_cb:15               |                           | 200
dialog   | 1 | SIP receiver 1   | DLGCB_TERMINATED dlg_cb:16                    |
dialog   | 1 | SIP receiver 1   | DLGCB_FAILED dlg_cb:18                        |
dialog   | 1 | Timer handler 3  | DLGCB_EXPIRED dlg_cb:17                       |
dialog   | 1 | Timer handler 3  | DLGCB_DESTROY dlg_cb:19                       |
dialog   | 1 | SIP receiver 1   | dlg_send_sequential dlg_req_within:6          |                           | 1
dialog   | 1 | Timer handler 3  | dlg-timer job dlg_timer:20                    |
dialog   | 1 | Timer handler 3  | dialog dropped dlg_handlers:22                |
dialog   | 1 | SIP receiver 1   | dialog ending dlg_handlers:23                 |
hiding   | 1 | SIP receiver 1   | topology_hiding topo_hiding_logic:1           |                           | 1
hiding   | 1 | SIP receiver 1   | topology_hiding_match topo_hiding_logic:2     |                           | -1 1
dialog   | 1 | Timer handler 3  | dialog management mi_dlg:21                   |
async    | 1 | SIP receiver 1   | async_script handle_io:338                    | :341
async    | 1 | SIP receiver 1   | async_fd handle_io:0                          |
async    | 1 | SIP receiver 1   | async_launch handle_io:0                      |
async    | 1 | SIP receiver 1   | usleep -> resume t_resume_async:412           | async-cfg resume handler:424
async    | 1 | SIP receiver 1   | exec -> resume t_resume_async:412             | async-cfg resume handler:424| 1
async    | 1 | SIP receiver 1   | usleep -> report t_resume_async:412           | async-cfg resume handler:424
async    | 1 | SIP receiver 1   | resume usleep resume:0                        |
async    | 1 | SIP receiver 1   | transaction answered ipc_handle_job:0         |
async    | 1 | SIP receiver 1   | launched scripts ipc_handle_job:0             |
async    | 1 | SIP receiver 1   | script lock granted ScriptLocks:0             |
async    | 3 | SIP receiver 1   | exec time_to_kill ChildProgram:0              |
async    | 3 | SIP receiver 1   | exec status ChildProgram:0                    |
async    | 3 | SIP receiver 1   | async timeout ScriptRun:0                     |
async    | 3 | SIP receiver 1   | sleep ScriptSleep:0                           |
ipc      | 1 | Timer handler 3  | ipc_job handle_io:327                         | :329
ipc      | 1 | Timer handler 3  | event_route E_CORE_THRESHOLD ipc_handle_job:0 |
fifo     | 1 | SIP receiver 1   | receive_msg receive_msg:120                   | :316
fifo     | 2 | MI FIFO 4        | MI_FIFO reading mi_fifo_callback:675          | MI_FIFO:817
fifo     | 3 | MI FIFO 4        | mi_fifo rest handle_timer_job:1012            | :1041
fifo     | 3 | MI FIFO 4        | mi_fifo check handle_timer_job:1012           | :1041
fifo     | 3 | MI FIFO 4        | mi_fifo reply handle_timer_job:1012           | :1041
fifo     | 2 | MI FIFO 4        | MI_FIFO ps mi_fifo_callback:779               | :782
http     | 2 | HTTPD 4          | HTTPD_CB ps answer_to_connection:592          | :599                      | 200
http     | 2 | HTTPD 4          | HTTPD_CB answer_to_connection:592             | :599                      | 400
http     | 2 | MI Datagram 4    | MI_DATAGRAM handling mi_datagram_callback:503 | MI_DATAGRAM:596
http     | 2 | MI Datagram 4    | MI_DATAGRAM ps mi_datagram_callback:529       | :532
http     | 1 | Timer handler 3  | tm management mi_tm:1                         |
http     | 2 | HTTPD 4          | MI late reply ipc_handle_job:0                |
full     | 1 | SIP receiver 1   | receive_msg receive_msg:120                   | :316
full     | 2 | MI Datagram 4    | MI_DATAGRAM ps mi_datagram_callback:529       | :532
full     | 3 | MI Datagram 4    | mi_datagram reply handle_timer_job:1012       | :1041
startup  | 1 | attendant 4      | resume usleep resume:0                        |
startup  | 3 | attendant 4      | startup_route handle_timer_job:1012           | :1041
timers   | 1 | SIP receiver 1   | receive_msg receive_msg:120                   | :316
timers   | 3 | Timer handler 3  | timer_job handle_io:333                       | :335
timers   | 3 | Timer handler 3  | load-sample handle_timer_job:1012             | :1041
timers   | 3 | Timer handler 3  | usrloc expiry handle_timer_job:1012           | :1041
timers   | 3 | Timer handler 3  | timer_route tick handle_timer_job:1012        | :1041
timers   | 3 | Timer handler 3  | dlg-timer handle_timer_job:1012               | :1041
timers   | 3 | Timer handler 3  | dlg-options-pinger handle_timer_job:1012      | :1041
timers   | 3 | Timer handler 3  | dlg-reinvite-pinger handle_timer_job:1012     | :1041
timers   | 3 | SIP receiver 1   | tm-timer timer_routine:1                      |
"""

# Points that no server on loopback comes to; the unit test that looks at the record instead.
ELSEWHERE = {
    # The kernel gives a datagram on loopback to its reader at once: a socket is never full.
    "udp send queue": "SIPTransportTests/UDPQueueRecordTests.swift",
}


def table():
    rows = []
    for line in POINTS.strip().splitlines():
        scenario, level, process, point, leave, *rest = (part.strip() for part in line.split("|"))
        process, kind = process.rsplit(" ", 1)
        name, place = point.rsplit(" ", 1)
        file, number = place.split(":")
        exits = set()
        for one in leave.split(" :") if leave.startswith(":") else [leave]:
            other, _, at = one.rpartition(":")
            exits.add((other or name, int(at or number)))
        statuses = {int(one) for one in rest[0].split()} if rest else None
        rows.append((scenario, int(level), process, int(kind), name, file, int(number), exits, statuses))
    return rows


def rows_of(scenario):
    rows = [row for row in table() if row[0] == scenario]
    assert rows, scenario
    return rows


def seen(groups):
    """{(process, type, name, file, line): {(name, line) of the exit}} of all jobs, paired as brackets."""
    return {key: {(name, line) for name, line, _ in exits} for key, exits in ends(groups).items()}


def ends(groups):
    """The same with the status behind each name and line."""
    found = {}
    for group in groups:
        inside = []
        for record in group[1:-1]:
            if record["verb"] == "enter":
                inside.append(record)
            else:
                enter = inside.pop()
                assert enter["file"] == record["file"]
                key = group[0]["name"], record["type"], enter["name"], enter["file"], enter.get("line")
                found.setdefault(key, set()).add((record["name"], record.get("line"), record["status"]))
    return found


def whole(events):
    """The sessions that have come in from start to end."""
    groups = {}
    for record in events.all("E_PROFILING_PROC"):
        groups.setdefault(record["session"], []).append(record)
    return [group for group in groups.values() if group[-1]["verb"] == "end"]


def present(row, found):
    return any(key[0].startswith(row[2]) and key[1:] == row[3:7] and exits <= row[7] for key, exits in found.items())


def statuses(row, told):
    """With what the row's point ended."""
    return {status for key, exits in told.items() if key[0].startswith(row[2]) and key[1:] == row[3:7]
            for _, _, status in exits}


def expect_points(events, rows, what):
    """Waits until all of the rows are there."""
    def missing():
        groups = whole(events)
        found, told = seen(groups), ends(groups)
        return [row for row in rows if not present(row, found) or row[8] and row[8] != statuses(row, told)]

    try:
        wait_for(lambda: not missing(), what, timeout=10)
    except BaseException:
        for row in missing():
            print("missing:", row, [end for end in ends(whole(events)).items() if end[0][2] == row[4]])
        raise


def check(server, scenario, traffic):
    """Runs traffic once at level 0, once just below each level of the scenario's rows, once at the highest.

    What is at or below the level must be there, what is above must not, and at level 0 there is nothing at all. Gives
    the records of the last run.
    """
    rows = rows_of(scenario)
    own = {row[1] for row in rows}
    for level in sorted({0, max(own)} | {one - 1 for one in own}):
        events = Events()
        try:
            server.subscribe(events, "E_PROFILING_PROC")
            server.mi("core:profiling_proc", level=level)
            traffic()
            expect_points(events, [row for row in rows if row[1] <= level], "all points of level %d" % level)
            if level == max(own):
                server.mi("core:profiling_proc", level=0)
            events.settle(0.2)
            records = events.all("E_PROFILING_PROC")
            above = [key for key in seen(whole(events)) for row in rows if row[1] > level and key[2:] == row[4:7]]
            assert not above, (level, above)
            assert level > 0 or not records, records
            server.mi("evi:unsubscribe", event="E_PROFILING_PROC", socket=events.name)
        finally:
            events.close()
    # Those of the last run, now that everything has ended.
    sessions(records)
    return records
