/// One global parameter of the peer's 4.x grammar.
package struct GlobalParameterDeclaration: Sendable {
    package enum ValueType: Hashable, Sendable {
        case integer
        /// yes/no and its like: 1 or 0.
        case boolean
        case string
        /// A word or a string: `LOG_LOCAL0`, `epoll`, `/usr/wd`, `1.2.3.4`.
        case word
        /// A number or a word: `tos`.
        case integerOrWord
        /// Strings separated by colons.
        case stringList
    }

    package var name: String
    package var type: ValueType
    /// nil: none or decided by the system.
    package var defaultValue: ConstantValue?
}

/// All global parameters with their documented defaults.
package enum GlobalParameterTable {
    package static let byName: [String: GlobalParameterDeclaration] = {
        var table: [String: GlobalParameterDeclaration] = [:]
        for (name, value) in booleans {
            table[name] = GlobalParameterDeclaration(name: name, type: .boolean, defaultValue: .integer(value ? 1 : 0))
        }
        for (name, value) in integers {
            table[name] = GlobalParameterDeclaration(
                name: name, type: .integer, defaultValue: value.map { .integer($0) })
        }
        for (name, value) in strings {
            table[name] = GlobalParameterDeclaration(
                name: name, type: .string, defaultValue: value.map { .string(Array($0.utf8)) })
        }
        for (name, value) in words {
            table[name] = GlobalParameterDeclaration(
                name: name, type: .word, defaultValue: value.map { .string(Array($0.utf8)) })
        }
        table["tos"] = GlobalParameterDeclaration(
            name: "tos", type: .integerOrWord, defaultValue: .string(Array("IPTOS_LOWDELAY".utf8)))
        table["mpath"] = GlobalParameterDeclaration(name: "mpath", type: .stringList, defaultValue: nil)
        table["mem-group"] = GlobalParameterDeclaration(name: "mem-group", type: .stringList, defaultValue: nil)
        return table
    }()

    private static let booleans: [(String, Bool)] = [
        ("stderror_enabled", true), ("syslog_enabled", false), ("log_event_enabled", false), ("log_stdout", false),
        ("debug_mode", false), ("check_via", false), ("mhomed", false), ("dns", false), ("rev_dns", false),
        ("dns_try_naptr", true), ("dns_try_ipv6", false), ("dns_use_search_list", true),
        ("disable_dns_failover", false), ("disable_dns_blacklist", true), ("disable_503_translation", false),
        ("disable_stateless_fwd", true), ("disable_core_dump", false), ("server_signature", true),
        ("sip_warning", false), ("tcp_accept_aliases", false), ("tcp_keepalive", true), ("enable_asserts", false),
        ("abort_on_assert", false), ("auto_aliases", false), ("xlog_force_color", false), ("mem_warming", false),
        ("mcast_loopback", false),
    ]

    private static let integers: [(String, Int?)] = [
        ("log_level", 2), ("xlog_level", 2), ("xlog_print_level", 2), ("stderror_level_filter", 0),
        ("syslog_level_filter", 0), ("log_event_level_filter", 0), ("log_json_buf_size", 6144),
        ("log_msg_buf_size", 4096), ("udp_workers", 8), ("tcp_workers", 8), ("tcp_threads", 0), ("timer_workers", 1),
        ("max_while_loops", 10000), ("maxbuffer", 262144), ("advertised_port", nil), ("tcp_connect_timeout", 100),
        ("tcp_connection_lifetime", 120), ("tcp_max_connections", 2048), ("tcp_max_msg_time", 4),
        ("tcp_socket_backlog", 10), ("tcp_keepcount", nil), ("tcp_keepidle", nil), ("tcp_keepinterval", nil),
        ("tcp_threshold", 0), ("exec_msg_threshold", 0), ("exec_dns_threshold", 0), ("event_shm_threshold", 0),
        ("event_pkg_threshold", 0), ("db_max_async_connections", 10), ("query_buffer_size", 0),
        ("query_flush_time", 0), ("pv_print_buf_size", 20000), ("xlog_buf_size", 4096),
        ("worker_reactor_timeout", nil), ("auto_scaling_cycle", 1), ("open_files_limit", -1), ("mcast_ttl", nil),
        ("dns_retr_time", nil), ("dns_retr_no", nil), ("dns_servers_no", nil), ("restart_persistency_size", nil),
        ("mem_warming_percentage", 75), ("memlog", 15), ("mem_log", 15), ("memdump", 14), ("mem_dump", 14),
        ("shm_hash_split_percentage", 1), ("shm_memlog_size", 0), ("shm_secondary_hash_size", 8),
    ]

    private static let strings: [(String, String?)] = [
        ("log_prefix", ""), ("server_header", nil), ("user_agent_header", nil), ("db_default_url", nil),
        ("db_version_table", "version"), ("pi_framework", nil), ("mem_warming_pattern_file", nil),
        ("restart_persistency_cache_file", ".restart_persistency.cache"),
    ]

    private static let words: [(String, String?)] = [
        ("syslog_facility", "LOG_DAEMON"), ("syslog_name", nil), ("stderror_log_format", "plain_text"),
        ("syslog_log_format", "plain_text"), ("advertised_address", nil), ("wdir", nil), ("chroot", nil),
        ("poll_method", nil), ("tcp_no_new_conn_bflag", nil), ("tcp_no_new_conn_rplflag", nil),
    ]
}
