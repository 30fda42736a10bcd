"""The points at which the process producer speaks, as one table."""

# scenario | level | process, type | name, place at enter | name and line at exit where they differ from that
POINTS = """
udp      | 1 | SIP receiver 1   | udp proto reading handle_io:317               | reading done:324
udp      | 1 | SIP receiver 1   | receive_msg receive_msg:120                   | :316
udp      | 1 | SIP receiver 1   | request_script receive_msg:235                | :237
udp      | 1 | SIP receiver 1   | reply_forward receive_msg:291                 | :293
udp      | 1 | SIP receiver 1   | TM_reply_received reply_received:1663         | :1822
udp      | 1 | SIP receiver 1   | udp send failure handle_io:345                | :347
tcp      | 1 | TCP receiver 2   | tcp proto reading handle_io:317               | reading done:324
tcp      | 1 | TCP receiver 2   | receive_msg receive_msg:120                   | :316
tcp      | 1 | TCP receiver 2   | request_script receive_msg:235                | :237
tcp      | 1 | TCP receiver 2   | reply_forward receive_msg:291                 | :293
tcp      | 1 | TCP receiver 2   | TM_reply_received reply_received:1663         | :1822
tcp      | 1 | TCP receiver 2   | tcp send failure handle_io:345                | :347
dns      | 3 | SIP receiver 1   | dns reading handle_io:361                     | :363
dns      | 3 | SIP receiver 1   | dns-timeout handle_timer_job:1012             | :1041
b2b      | 1 | SIP receiver 1   | request_pre_script receive_msg:223            | :225
b2b      | 1 | SIP receiver 1   | B2BE_request_prescript b2b_prescript_f:893    | :1652 :1655
b2b      | 1 | SIP receiver 1   | B2BE_reply_received b2b_tm_cback:3271         | :4207
b2b      | 1 | SIP receiver 1   | B2BL server received a request b2b_logic_notify:2432 | B2BL_notify_received:2661
b2b      | 1 | SIP receiver 1   | B2BL client received a request b2b_logic_notify:2432 | B2BL_notify_received:2661
b2b      | 1 | SIP receiver 1   | B2BL server received a reply b2b_logic_notify:2432   | B2BL_notify_received:2661
b2b      | 1 | SIP receiver 1   | B2BL client received a reply b2b_logic_notify:2432   | B2BL_notify_received:2661
b2b      | 1 | SIP receiver 1   | client_new create_top_hiding_entities:2861    |
b2b      | 1 | SIP receiver 1   | t_request_within _client_new:237              |
b2b      | 1 | SIP receiver 1   | t_request_within b2b_send_indlg_req:2553      |
b2b      | 1 | SIP receiver 1   | send_request _b2b_pass_request:1692           |
b2b      | 1 | SIP receiver 1   | send_reply _b2b_handle_reply:1425             |
b2b      | 1 | SIP receiver 1   | send_reply _b2b_handle_reply:1352             |
b2b      | 1 | SIP receiver 1   | send_reply _b2b_handle_reply:1234             |
b2b      | 1 | SIP receiver 1   | t_reply_with_body _b2b_send_reply:2187        |
dialog   | 1 | SIP receiver 1   | create_dialog dlg_handlers:1                  |
dialog   | 1 | SIP receiver 1   | match_dialog dlg_handlers:2                   |
dialog   | 1 | SIP receiver 1   | validate_dialog dlg_handlers:3                |
dialog   | 1 | SIP receiver 1   | fix_route_dialog dlg_handlers:4               |
dialog   | 1 | Timer handler 3  | dlg_end_dlg dlg_req_within:5                  |
dialog   | 1 | SIP receiver 1   | DLGCB_CREATED dlg_cb:10                       |
dialog   | 1 | SIP receiver 1   | DLGCB_EARLY dlg_cb:11                         |
dialog   | 1 | SIP receiver 1   | DLGCB_CONFIRMED dlg_cb:12                     |
dialog   | 1 | SIP receiver 1   | DLGCB_RESPONSE_FWDED dlg_cb:13                |
dialog   | 1 | SIP receiver 1   | DLGCB_REQ_WITHIN dlg_cb:14                    |
dialog   | 1 | SIP receiver 1   | DLGCB_RESPONSE_WITHIN dlg_cb:15               |
dialog   | 1 | SIP receiver 1   | DLGCB_TERMINATED dlg_cb:16                    |
dialog   | 1 | SIP receiver 1   | DLGCB_FAILED dlg_cb:18                        |
dialog   | 1 | Timer handler 3  | DLGCB_EXPIRED dlg_cb:17                       |
dialog   | 1 | SIP receiver 1   | DLGCB_DESTROY dlg_cb:19                       |
dialog   | 1 | SIP receiver 1   | dlg_send_sequential dlg_req_within:6          |
dialog   | 1 | Timer handler 3  | dlg-timer job dlg_timer:20                    |
hiding   | 1 | SIP receiver 1   | topology_hiding topo_hiding_logic:1           |
hiding   | 1 | SIP receiver 1   | topology_hiding_match topo_hiding_logic:2     |
dialog   | 1 | Timer handler 3  | dialog management mi_dlg:21                   |
async    | 1 | SIP receiver 1   | async_script handle_io:338                    | :341
async    | 1 | SIP receiver 1   | async_fd handle_io:0                          |
async    | 1 | SIP receiver 1   | async_launch handle_io:0                      |
async    | 1 | SIP receiver 1   | usleep -> resume t_resume_async:412           | async-cfg resume handler:424
async    | 1 | SIP receiver 1   | exec -> resume t_resume_async:412             | async-cfg resume handler:424
async    | 1 | SIP receiver 1   | usleep -> report t_resume_async:412           | async-cfg resume handler:424
async    | 1 | SIP receiver 1   | resume usleep resume:0                        |
ipc      | 1 | Timer handler 3  | ipc_job handle_io:327                         | :329
ipc      | 1 | Timer handler 3  | event_route E_CORE_THRESHOLD ipc_handle_job:0 |
fifo     | 2 | MI FIFO 4        | MI_FIFO reading mi_fifo_callback:675          | MI_FIFO:817
fifo     | 3 | MI FIFO 4        | mi_fifo rest handle_timer_job:1012            | :1041
fifo     | 2 | MI FIFO 4        | MI_FIFO ps mi_fifo_callback:779               | :782
http     | 2 | HTTPD 4          | HTTPD_CB ps answer_to_connection:592          | :599
http     | 2 | HTTPD 4          | HTTPD_CB answer_to_connection:592             | :599
http     | 2 | MI Datagram 4    | MI_DATAGRAM handling mi_datagram_callback:503 | MI_DATAGRAM:596
http     | 2 | MI Datagram 4    | MI_DATAGRAM ps mi_datagram_callback:529       | :532
http     | 1 | Timer handler 3  | tm management mi_tm:1                         |
http     | 2 | HTTPD 4          | MI late reply ipc_handle_job:0                |
timers   | 3 | Timer handler 3  | timer_job handle_io:333                       | :335
timers   | 3 | Timer handler 3  | load-sample handle_timer_job:1012             | :1041
timers   | 3 | Timer handler 3  | usrloc expiry handle_timer_job:1012           | :1041
timers   | 3 | Timer handler 3  | timer_route tick handle_timer_job:1012        | :1041
timers   | 3 | Timer handler 3  | dlg-timer handle_timer_job:1012               | :1041
timers   | 3 | SIP receiver 1   | tm-timer timer_routine:1                      |
timers   | 3 | SIP receiver 1   | sleep ScriptSleep:0                           |
"""

# Points that no test brings about yet, and what would.
ELSEWHERE = {
    "dns-lookup": "a name server that is silent for seconds", "udp send queue": "a socket that the kernel finds full",
    "mi_fifo check": "every 30 s", "mi_fifo reply": "a client that opens its reply FIFO late",
    "mi_datagram reply": "a client whose queue is full", "startup_route": "a startup_route that takes too long",
    "exec time_to_kill": "a program that runs too long", "async timeout": "a script that waits for too long",
    "transaction answered": "a call that ends while its script waits", "script lock granted": "two scripts and one lock",
    "ua_session": "a session of the server's own that another process works on", "ua-session-timeout": "one that is over",
    "b2b_logic": "work of a session that another process begins", "b2bl-clean": "every 100 s",
    "dlg-options-pinger": "calls that are pinged", "dlg-reinvite-pinger": "calls that are pinged",
}


def table():
    rows = []
    for line in POINTS.strip().splitlines():
        scenario, level, process, point, leave = (part.strip() for part in line.split("|"))
        process, kind = process.rsplit(" ", 1)
        name, place = point.rsplit(" ", 1)
        file, number = place.split(":")
        exits = set()
        for one in leave.split(" :") if leave.startswith(":") else [leave]:
            other, _, at = one.rpartition(":")
            exits.add((other or name, int(at or number)))
        rows.append((scenario, int(level), process, int(kind), name, file, int(number), exits))
    return rows
