package import RouteLanguage
package import RouteRuntime

/// The global parameters of a script as the server uses them.
package struct GlobalSettings: Sendable {
    package var udpWorkers: Int
    package var timerWorkers: Int
    package var logLevel: Int
    package var outputs: Set<LogSettings.Output>
    package var outputFilters: [LogSettings.Output: ScriptLogLevel] = [:]
    package var logFixed = LogSettings.Fixed()
    package var xlogLevel: Int
    package var xlogPrintLevel: Int
    package var receiveBufferBytes: Int
    package var typeOfService: Int
    package var advertisedAddress: String?
    package var advertisedPort: Int?
    package var openFilesLimit: Int?
    package var workingDirectory: String?
    package var rootDirectory: String?
    package var disablesCoreDump: Bool
    /// What the operator should know about parameters that are taken and do nothing here.
    package var notes: [String] = []

    /// The most receivers per socket that are started.
    package static let workersMax = 128

    /// - Parameter problems: gets what stands against a start; the settings are of no use then.
    package init(script: Script, options: StartOptions, problems: inout [ConfigurationError]) {
        let parameters = script.parameters
        let isDebugging = parameters.boolean("debug_mode")
        udpWorkers = Self.count("udp_workers", 1...Self.workersMax, script, &problems)
        if isDebugging { udpWorkers = min(udpWorkers, 2) }
        timerWorkers = Self.count("timer_workers", 1...Self.workersMax, script, &problems)
        logLevel = options.logLevel ?? (isDebugging ? 4 : parameters.integer("log_level") ?? 2)
        xlogLevel = parameters.integer("xlog_level") ?? 2
        xlogPrintLevel = parameters.integer("xlog_print_level") ?? 2
        outputs = []
        if parameters.boolean("stderror_enabled") || isDebugging { outputs.insert(.stderror) }
        if parameters.boolean("syslog_enabled") { outputs.insert(.syslog) }
        if parameters.boolean("log_event_enabled") { outputs.insert(.event) }
        for (name, output) in [
            ("stderror_level_filter", LogSettings.Output.stderror), ("syslog_level_filter", .syslog),
            ("log_event_level_filter", .event),
        ] {
            if let number = parameters.integer(name), number != 0 {
                outputFilters[output] = ScriptLogLevel(clamping: number)
            }
        }
        logFixed.prefix = parameters.string("log_prefix") ?? ""
        logFixed.stderrorFormat = Self.format("stderror_log_format", script, &problems)
        logFixed.syslogFormat = Self.format("syslog_log_format", script, &problems)
        logFixed.syslogFacility = Self.facility(script, &problems)
        logFixed.syslogName = parameters.string("syslog_name") ?? "sipray"
        receiveBufferBytes = parameters.integer("maxbuffer") ?? 262_144
        typeOfService = Self.typeOfService(script, &problems)
        advertisedAddress = parameters.string("advertised_address")
        advertisedPort = parameters.integer("advertised_port")
        if advertisedPort != nil { _ = Self.count("advertised_port", 1...65_535, script, &problems) }
        openFilesLimit = parameters.integer("open_files_limit").flatMap { $0 > 0 ? $0 : nil }
        workingDirectory = options.workingDirectory ?? parameters.string("wdir")
        rootDirectory = parameters.string("chroot")
        disablesCoreDump = parameters.boolean("disable_core_dump")
        for (name, allowed) in Self.bounds where parameters.assignment(name) != nil {
            _ = Self.count(name, allowed, script, &problems)
        }
        for (name, reason) in Self.withoutEffect where parameters.assignment(name) != nil {
            notes.append("\(name) is taken and does nothing: \(reason)")
        }
    }

    /// What else can't be any number.
    private static let bounds: [(String, ClosedRange<Int>)] = [
        ("max_while_loops", 1...Int(Int32.max)), ("maxbuffer", 1...Int(Int32.max)),
        ("dns_retr_time", 1...3_600), ("dns_retr_no", 1...100), ("dns_servers_no", 1...16),
        ("exec_msg_threshold", 0...Int(Int32.max)),
    ]

    /// Parameters of the peer that a script may set and that mean nothing here, with the reason.
    private static let withoutEffect: [(String, String)] =
        [
            ("poll_method", "the reactor always uses epoll"),
            ("auto_scaling_cycle", "the number of processes is fixed at start"),
            ("dns", "names are resolved only for routing"), ("rev_dns", "addresses are never looked up"),
            ("auto_aliases", "write alias for each name that is ours"),
            ("check_via", "replies are matched by their transaction"),
            ("sip_warning", "replies carry no Warning header"),
            ("exec_dns_threshold", "queries do not block a process; watch exec_msg_threshold"),
            ("disable_dns_blacklist", "destinations that failed are not remembered; use dst_blacklist"),
            ("worker_reactor_timeout", "the reactor sleeps until there is something to do"),
            ("mcast_loopback", "there is no multicast"), ("mcast_ttl", "there is no multicast"),
            ("log_stdout", "standard output stays open"),
            ("xlog_force_color", "colors of $C are always written"),
        ]
        + reasons(
            "texts grow as they need to", "log_json_buf_size log_msg_buf_size pv_print_buf_size xlog_buf_size")
        + reasons(
            "SIPRay has no memory pool of its own",
            "memlog mem_log memdump mem_dump mem_warming mem_warming_percentage mem_warming_pattern_file mem-group"
                + " shm_memlog_size shm_hash_split_percentage shm_secondary_hash_size event_shm_threshold"
                + " event_pkg_threshold")
        + reasons(
            "nothing is kept over a restart yet", "restart_persistency_size restart_persistency_cache_file")
        + reasons(
            "there is no database yet",
            "db_version_table db_default_url db_max_async_connections query_buffer_size query_flush_time")
        + reasons("a process never waits for a connection", "tcp_threshold")

    private static func reasons(_ reason: String, _ names: String) -> [(String, String)] {
        names.split(separator: " ").map { (String($0), reason) }
    }

    private static func count(
        _ name: String, _ allowed: ClosedRange<Int>, _ script: Script, _ problems: inout [ConfigurationError]
    ) -> Int {
        let number = script.parameters.integer(name) ?? allowed.lowerBound
        if !allowed.contains(number) {
            problems.append(
                error(
                    name, script, "\(name) is \(number); \(allowed.lowerBound) to \(allowed.upperBound) are possible"))
        }
        return min(max(number, allowed.lowerBound), allowed.upperBound)
    }

    private static func format(
        _ name: String, _ script: Script, _ problems: inout [ConfigurationError]
    ) -> LogSettings.Format {
        let word = script.parameters.string(name) ?? "plain_text"
        if let format = LogSettings.Format(rawValue: word) { return format }
        problems.append(error(name, script, "\(name) is '\(word)'; plain_text, json and json_cee are possible"))
        return .plainText
    }

    private static func facility(_ script: Script, _ problems: inout [ConfigurationError]) -> Int32 {
        let word = script.parameters.string("syslog_facility") ?? "LOG_DAEMON"
        let names = [
            "LOG_KERN", "LOG_USER", "LOG_MAIL", "LOG_DAEMON", "LOG_AUTH", "LOG_SYSLOG", "LOG_LPR", "LOG_NEWS",
            "LOG_UUCP", "LOG_CRON", "LOG_AUTHPRIV", "LOG_FTP",
        ]
        if let index = names.firstIndex(of: word) { return Int32(index) << 3 }
        if word.hasPrefix("LOG_LOCAL"), let number = Int32(word.dropFirst(9)), (0...7).contains(number) {
            return (16 + number) << 3
        }
        problems.append(
            error(
                "syslog_facility", script, "syslog_facility is '\(word)', which syslog does not know",
                hint: "LOG_DAEMON and LOG_LOCAL0 to LOG_LOCAL7 are usual"))
        return 3 << 3
    }

    private static func typeOfService(_ script: Script, _ problems: inout [ConfigurationError]) -> Int {
        switch script.parameters.value("tos") {
        case .integer(let number) where (0...255).contains(number): return number
        case .string(let word):
            let names = [
                "IPTOS_LOWDELAY": 0x10, "IPTOS_THROUGHPUT": 0x08, "IPTOS_RELIABILITY": 0x04, "IPTOS_LOWCOST": 0x02,
                "IPTOS_MINCOST": 0x02,
            ]
            if let value = names[String(decoding: word, as: UTF8.self)] { return value }
        default: break
        }
        problems.append(
            error(
                "tos", script, "tos is not a number from 0 to 255",
                hint: "IPTOS_LOWDELAY, IPTOS_THROUGHPUT, IPTOS_RELIABILITY and IPTOS_MINCOST are possible too"))
        return 0
    }

    private static func error(
        _ name: String, _ script: Script, _ message: String, hint: String? = nil
    ) -> ConfigurationError {
        guard let assignment = script.parameters.assignment(name) else {
            return ConfigurationError(message, hint: hint)
        }
        return ConfigurationError(message, at: assignment.valueLocation, in: script, hint: hint)
    }
}
