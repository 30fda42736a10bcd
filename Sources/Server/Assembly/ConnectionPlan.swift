import Logging
import Modules
import Reactor
import RouteLanguage
import SIPConnections
import SIPTransport

/// What the script says about connections: the core's `tcp_*` parameters and those of `proto_tcp`.
///
/// A parameter that the script does not set keeps SIPRay's default where waiting costs nothing here (docs/connections.md).
struct ConnectionPlan {
    let options: ConnectionOptions
    /// The processes that take messages from connections.
    let workers: Int

    init(
        _ script: Script, _ settings: GlobalSettings, _ module: ModuleParameters
    ) throws(ConfigurationError) {
        let core = Numbers(script: script)
        workers = try core.number("tcp_workers", 1...GlobalSettings.workersMax) ?? 8
        var options = ConnectionOptions()
        options.loops = try core.number("tcp_threads", 0...GlobalSettings.workersMax) ?? 0
        if let limit = try core.number("tcp_max_connections", 1...1_000_000) { options.acceptedMax = limit }
        if let limit = try core.set("tcp_connect_timeout", 1...600_000) { options.connectMilliseconds = limit }
        if let limit = try core.number("tcp_connection_lifetime", 0...2_000_000) {
            options.lifetimeMilliseconds = limit * 1000
        }
        if let limit = try core.number("tcp_max_msg_time", 1...3_600) { options.messageMilliseconds = limit * 1000 }
        if let backlog = try core.set("tcp_socket_backlog", 1...65_535) { options.backlog = backlog }
        options.keepalive.idleSeconds = try core.set("tcp_keepidle", 1...32_767)
        options.keepalive.intervalSeconds = try core.set("tcp_keepinterval", 1...32_767)
        options.keepalive.count = try core.set("tcp_keepcount", 1...127)
        let keepalive = options.keepalive
        options.keepalive.isOn =
            script.parameters.boolean("tcp_keepalive") || keepalive.idleSeconds != nil
            || keepalive.intervalSeconds != nil || keepalive.count != nil
        options.typeOfService = settings.typeOfService
        options.answersPings = module.isOn("proto_tcp", "tcp_crlf_pingpong")
        options.handlesInParallel = module.isOn("proto_tcp", "tcp_parallel_handling")
        if let limit = module.integer("proto_tcp", "tcp_max_opened_connections"), limit > 0 {
            options.openedMax = limit
        }
        if let limit = module.integer("proto_tcp", "tcp_send_timeout"), limit > 0 { options.stallMilliseconds = limit }
        if let limit = module.integer("proto_tcp", "tcp_max_msg_chunks"), limit > 0 { options.messageChunksMax = limit }
        if let limit = module.integer("proto_tcp", "tcp_async_max_postponed_chunks"), limit > 0 {
            options.queueMessagesMax = limit
        }
        self.options = options
    }

    /// Starts the loops and binds every address. Nothing is accepted yet.
    func open(
        _ plan: ListenerPlan, statistics: Statistics, logger: Logger
    ) throws(ConfigurationError) -> ConnectionHub {
        let hub = ConnectionHub(options: options, statistics: statistics, logger: logger)
        hub.start()
        for entry in plan.entries where entry.request.transport == .tcp {
            do throws(ListenError) {
                let socket = try hub.listen(
                    id: entry.id, request: entry.request, address: entry.address,
                    typeOfService: entry.typeOfService)
                logger.notice("listening on \(socket), \(workers) receivers")
            } catch {
                hub.stop()
                throw ConfigurationError(error.description)
            }
        }
        return hub
    }

    /// Reads numbers of the core with their ranges.
    private struct Numbers {
        let script: Script

        /// What the script sets, else the declared default.
        func number(_ name: String, _ allowed: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
            guard let number = script.parameters.integer(name) else { return nil }
            guard allowed.contains(number) else {
                let message = "\(name) is \(number); \(allowed.lowerBound) to \(allowed.upperBound) are possible"
                guard let assignment = script.parameters.assignment(name) else { throw ConfigurationError(message) }
                throw ConfigurationError(message, at: assignment.valueLocation, in: script)
            }
            return number
        }

        /// Only what the script sets.
        func set(_ name: String, _ allowed: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
            script.parameters.assignment(name) == nil ? nil : try number(name, allowed)
        }
    }
}
