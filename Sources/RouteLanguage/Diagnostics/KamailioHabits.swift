/// Words of Kamailio and of older OpenSIPS versions that writers bring along, each with what to write here.
enum KamailioHabits {
    static let directives: Set<String> = [
        "define", "redefine", "trydef", "ifdef", "ifndef", "ifexp", "else", "endif", "subst", "substdef", "substdefs",
        "defexp", "defexps", "defenv", "trydefenv", "KAMAILIO", "SER", "OPENSER", "MAXCOMPAT", "ALL",
        "include_file", "import_file",
    ]

    /// Global parameters that the 4.x grammar no longer has.
    static let removedParameters: [String: String] = [
        "listen": "write `socket = udp:127.0.0.1:5060`",
        "children": "write `udp_workers = N` (processes per UDP socket)",
        "fork": "leave it out; SIPRay stays in the foreground",
        "port": "put the port into the socket: `socket = udp:127.0.0.1:5060`",
        "debug": "write `log_level = N`",
        "log_stderror": "write `stderror_enabled = yes`",
        "log_facility": "write `syslog_facility = LOG_LOCAL0`",
        "log_name": "write `syslog_name = \"…\"`",
        "disable_tcp": "leave it out; TCP is on when `loadmodule \"proto_tcp.so\"` and a tcp socket are there",
        "tcp_children": "write `tcp_workers = N`",
        "enable_tls": "load `proto_tls.so` and define a tls socket",
        "user": "start SIPRay as that user (systemd: `User=`)",
        "group": "start SIPRay as a user of that group (systemd: `Group=`)",
        "mcast_loopback": "SIPRay has no multicast",
        "loadpath": "write `mpath = \"…\"`",
        "loadmodulex": "write `loadmodule`",
        "server_id": "SIPRay has no server ids",
        "version_table": "write `db_version_table = \"…\"`",
        "avp_aliases": "leave it out; every AVP has a name",
        "exec_dns": "write `exec_dns_threshold = N`",
        "reply_to_via": "leave it out; replies follow RFC 3261 §18.2.2",
        "sip_warning_level": "write `sip_warning = yes`",
    ]

    static let functions: [String: String] = [
        "sl_send_reply": "write `send_reply(code, \"reason\")`",
        "t_on_branch_failure": "write `t_on_failure(\"name\")`",
        "append_branch": "write `append_msg_branch()` or assign to `$msg.branch`",
        "force_send_socket": "write `$socket_out = \"udp:127.0.0.1:5060\"`",
        "xinfo": "write `xlog(\"L_INFO\", \"…\")`",
        "xerr": "write `xlog(\"L_ERR\", \"…\")`",
        "xwarn": "write `xlog(\"L_WARN\", \"…\")`",
        "xnotice": "write `xlog(\"L_NOTICE\", \"…\")`",
        "isavpflagset": "AVP flags are gone since OpenSIPS 3",
        "t_set_fr": "assign to `$T_fr_inv_timeout` and `$T_fr_timeout`",
        "loose_route_mode": "write `loose_route()`",
        "rewriteuri": "write `$ru = \"sip:…\"` or `seturi(\"…\")`",
        "rewritehost": "write `$rd = \"…\"` or `sethost(\"…\")`",
        "rewritehostport": "write `sethostport(\"…\")`",
        "rewriteuser": "write `$rU = \"…\"` or `setuser(\"…\")`",
        "rewriteport": "write `$rp = …` or `setport(\"…\")`",
        "nat_uac_test": "load `nathelper.so`",
    ]
}
