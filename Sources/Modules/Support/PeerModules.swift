import RouteLanguage

/// Modules of the peer that scripts load often and SIPRay does not have. `loadmodule` refuses them in one phrase, and
/// what they would bring is told from a typing error.
enum PeerModules {
    static let declarations: [ModuleDeclaration] = modules.map { module in
        ModuleDeclaration(
            module.name, functions: words(module.functions).map { FunctionDeclaration($0) },
            variables: words(module.variables).map { VariableDeclaration($0, inner: .optional, isWritable: true) },
            availability: .missing(module.reason))
    }

    private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

    private struct Module {
        var name: String
        var reason: String
        var functions: String
        var variables: String

        init(_ name: String, _ reason: String, _ functions: String = "", variables: String = "") {
            (self.name, self.reason, self.functions, self.variables) = (name, reason, functions, variables)
        }
    }

    private static let dialogs = "it has dialogs and back-to-back calls; what this module adds to them is not there"
    private static let database = "it has no database; contacts live in memory, accounting goes to the log"
    private static let nat =
        "use force_rport(), `received_avp` of registrar and `$du`; media is not relayed"
    private static let streams = "it speaks UDP and TCP only; leave out the module and its sockets"
    private static let authentication =
        "it cannot ask for credentials; trust addresses with `$si` or leave it to another server"
    private static let destinations =
        "put destinations into AVPs or `$msg.branch` and use t_on_failure() for the next one"
    private static let http = "manage it through mi_fifo, mi_datagram or mi_http"
    private static let presence = "answer SUBSCRIBE and PUBLISH with send_reply(503, …)"
    private static let tracing = "raise the profiling level instead (`sipray watch`)"
    private static let caches = "keep values in `cachedb_local`, or in `$shv(name)` of cfgutils"
    private static let cluster = "it runs as one server"

    private static let modules: [Module] = signalling + data + transports

    private static let signalling: [Module] = [
        Module(
            "nathelper", nat,
            "nat_uac_test fix_nated_contact fix_nated_register fix_nated_sdp add_rcv_param fix_contact"),
        Module("nat_traversal", nat, "nat_keepalive client_nat_test"),
        Module(
            "rtpproxy", nat,
            "rtpproxy_engage rtpproxy_offer rtpproxy_answer rtpproxy_unforce start_recording engage_rtp_proxy "
                + "rtpproxy_stream2uac rtpproxy_stream2uas unforce_rtp_proxy"),
        Module(
            "rtpengine", nat,
            "rtpengine_offer rtpengine_answer rtpengine_delete rtpengine_manage rtpengine_use_set "
                + "rtpengine_start_recording"),
        Module("rtp_relay", nat, "rtp_relay_engage", variables: "rtp_relay rtp_relay_peer"),
        Module("mediaproxy", nat, "engage_media_proxy use_media_proxy end_media_session"),
        Module(
            "auth", authentication,
            "www_challenge proxy_challenge pv_www_authorize pv_proxy_authorize consume_credentials is_rpid_user_e164 "
                + "append_rpid_hf"),
        Module(
            "auth_db", authentication,
            "www_authorize proxy_authorize db_does_uri_exist db_is_to_authorized "
                + "db_is_from_authorized db_get_auth_id"),
        Module("auth_aaa", authentication, "aaa_www_authorize aaa_proxy_authorize"),
        Module(
            "permissions", "compare `$si` with addresses and nets: `if ($si == 10.0.0.0/8)`",
            "check_address check_source_address get_source_group allow_routing allow_register allow_uri"),
        Module("uac_registrant", "it does not register with other servers"),
        Module(
            "dispatcher", destinations,
            "ds_select_dst ds_select_domain ds_next_dst ds_next_domain ds_mark_dst ds_is_in_list ds_count "
                + "ds_get_script_attrs ds_push_script_attrs"),
        Module(
            "load_balancer", destinations,
            "lb_start lb_start_or_next lb_next lb_reset lb_is_started lb_disable_dst lb_is_destination "
                + "lb_count_call load_balance"),
        Module(
            "drouting", destinations,
            "do_routing route_to_gw route_to_carrier use_next_gw goes_to_gw is_from_gw dr_is_gw dr_match dr_disable"),
        Module(
            "domain", "name your domains with `alias = …` and ask is_myself()",
            "is_domain_local is_from_local is_uri_host_local"),
        Module("group", "decide by `$fU` in the script", "db_is_user_in db_get_user_group"),
        Module("alias_db", "rewrite `$ru` in the script", "alias_db_lookup alias_db_find"),
        Module("dialplan", "rewrite `$rU` with subst_user() of textops", "dp_translate dp_apply_policy"),
        Module("speeddial", "rewrite `$ru` in the script", "sd_lookup"),
        Module(
            "path", "it stores and follows Path (save() with path-lazy), but does not add one",
            "add_path add_path_received"),
        Module("b2b_sca", dialogs), Module("sst", dialogs, "sstCheckMin"), Module("qos", dialogs),
        Module("call_center", dialogs), Module("callops", dialogs), Module("fraud_detection", dialogs, "check_fraud"),
        Module("mid_registrar", "register here with save() of registrar", "mid_registrar_save mid_registrar_lookup"),
        Module("presence", presence, "handle_publish handle_subscribe"), Module("presence_xml", presence),
        Module("presence_dialoginfo", presence), Module("presence_mwi", presence), Module("pua", presence),
        Module("pua_dialoginfo", presence), Module("rls", presence), Module("xcap", presence),
        Module("msilo", "it does not store messages", "m_store m_dump"),
        Module("stir_shaken", authentication, "stir_shaken_auth stir_shaken_verify", variables: "identity"),
    ]

    private static let data: [Module] = [
        Module("db_mysql", database), Module("db_postgres", database), Module("db_sqlite", database),
        Module("db_text", database), Module("db_unixodbc", database), Module("db_http", database),
        Module("db_cachedb", database), Module("db_virtual", database), Module("db_berkeley", database),
        Module(
            "sqlops", database,
            "sql_query sql_query_one sql_select sql_insert sql_update sql_delete sql_replace "
                + "sql_avp_load sql_avp_store sql_avp_delete", variables: "sql_cached_value"),
        Module("avpops", database, "avp_db_query avp_db_load avp_db_store avp_db_delete avp_insert avp_subst avp_op"),
        Module("sql_cacher", database, variables: "sql_cached_value"),
        Module("cachedb_redis", caches), Module("cachedb_mongodb", caches),
        Module(
            "json", "pick values out with transformations", "json_link json_merge",
            variables: "json json_pretty json_compact"),
        Module("xml", "pick values out with transformations", variables: "xml"),
        Module("perl", "write it in the route script", "perl_exec"),
        Module("python", "write it in the route script", "python_exec"),
        Module("lua", "write it in the route script", "lua_exec"),
        Module("mathops", "integers only", "math_eval math_compare math_round math_trunc"),
        Module("regex", "use `=~`", "pcre_match pcre_match_group"),
        Module("uuid", "use `$ci` or `$RANDOM`", "uuid", variables: "uuid"),
        Module("statistics", "count in `$shv(name)`", "update_stat reset_stat", variables: "stat"),
        Module("pike", "count requests by `$si` in `$shv(name)`", "pike_check_req"),
        Module("ratelimit", "use rand_event() of cfgutils", "rl_check rl_dec_count rl_reset_count"),
        Module("userblacklist", database, "check_user_blacklist check_blacklist"),
        Module("gflags", "use `$shv(name)`", "set_gflag reset_gflag is_gflag"),
        Module("benchmark", tracing, "bm_start_timer bm_log_timer"),
        Module("enum", "it asks no ENUM", "enum_query"),
        Module("sngtc", nat), Module("clusterer", cluster), Module("tracer", tracing, "trace"),
        Module("siptrace", tracing, "sip_trace trace_dialog"), Module("proto_hep", tracing),
        Module("janus", "it speaks SIP only"), Module("freeswitch", "it speaks SIP only"),
        Module("config", "use `$shv(name)`", variables: "config"),
    ]

    private static let transports: [Module] = [
        Module("proto_tls", streams), Module("proto_ws", streams),
        Module("proto_wss", streams), Module("proto_sctp", streams), Module("proto_bin", cluster),
        Module("proto_bins", cluster), Module("proto_ipsec", streams), Module("proto_smpp", streams),
        Module("proto_msrp", streams), Module("tls_openssl", streams),
        Module("tls_wolfssl", streams), Module("tcp_mgm", streams),
        Module("mi_html", http), Module("mi_xmlrpc_ng", http),
        Module("pi_http", http), Module("prometheus", http), Module("mi_script", http, "mi"),
        Module("event_flatstore", "subscribe with event_datagram"),
        Module("event_rabbitmq", "subscribe with event_datagram"),
        Module("event_xmlrpc", "subscribe with event_datagram"),
        Module("event_virtual", "subscribe with event_datagram"),
        Module("event_kafka", "subscribe with event_datagram"),
        Module("event_routing", "use event_route and raise_event()", "notify_on_event wait_for_event"),
    ]
}
