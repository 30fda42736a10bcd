import Bytes
import Events
import JSONRPC
import Management
import ManagementHTTP
import Modules
import Reactor
import RouteLanguage
import RouteRuntime

/// All management commands of a server.
enum ServerCommands {
    static func registry(_ server: ServerInstance) -> CommandRegistry {
        var registry = CommandRegistry()
        CoreCommands.register(
            in: &registry,
            ManagementContext(
                processes: server.processes, profiler: server.profiler, statistics: server.statistics,
                logLevels: server.logSettings.levels, serverName: ServerInstance.name,
                arguments: server.options.commandLine, startedAt: server.startedAt,
                terminate: { ServerProgram.requestStop() }))
        EventCommands.register(in: &registry, server.events)
        registerOutputs(in: &registry, server.logSettings)
        StateCommands.register(in: &registry, server.script)
        if let root = server.managementPlan.http?.root {
            registry.add("httpd:list_root_path", aliases: ["httpd_list_root_path"], "Lists what is served over HTTP.") {
                _ in
                [["http_root": .string(root), "module": "mi_http"]]
            }
        }
        ConnectionCommands.register(in: &registry, server.connections)
        if server.script.isLoaded("usrloc") {
            LocationCommands.register(in: &registry, server.location, now: server.environment.now)
        }
        if server.script.isLoaded("tm") {
            TransactionCommands.register(in: &registry, TMManagement(host: server.host))
        }
        if let cache = server.environment.localCache {
            CacheCommands.register(in: &registry, cache)
        } else {
            MissingCommands.registerCache(in: &registry)
        }
        if let dialogs = server.environment.dialogs { DialogCommands.register(in: &registry, dialogs) }
        if let b2b = server.environment.b2b { B2BCommands.register(in: &registry, b2b) }
        if let module = server.environment.cfgutils {
            ConfigurationUtilityCommands.register(
                in: &registry, module, hashedFile: server.parameters.text("cfgutils", "hash_file")?.string,
                logger: server.logger)
        }
        if server.script.isLoaded("tls_mgm") {
            TLSCommands.register(in: &registry, server.environment.tlsClientDomains)
        }
        if let parts = server.openTelemetry { OpenTelemetryCommands.register(in: &registry, parts) }
        return registry
    }

    /// `log_level_filter` and `log_mute_state`: where log lines go.
    private static func registerOutputs(in registry: inout CommandRegistry, _ settings: LogSettings) {
        registry.add(
            "core:log_level_filter", "Tells or sets an extra filter on one output of the log.",
            [["consumer"], ["consumer", "log_level_filter"]]
        ) { call throws(RPCError) in
            let output = try output(call)
            guard let level = try call.optionalInteger("log_level_filter", allowed: "-3 to 4, 0 for none") else {
                return ["Log level filter": .integer(settings.filter(output)?.rawValue ?? 0)]
            }
            guard (-3...4).contains(level) else {
                throw CommandCall.badType("log_level_filter", allowed: "-3 to 4, 0 for none")
            }
            settings.setFilter(level == 0 ? nil : ScriptLogLevel(clamping: level), output)
            return "OK"
        }
        registry.add(
            "core:log_mute_state", "Tells or sets whether one output of the log is silent.",
            [["consumer"], ["consumer", "mute_state"]]
        ) { call throws(RPCError) in
            let output = try output(call)
            guard let state = try call.optionalInteger("mute_state", allowed: "0 or 1") else {
                return ["mute state": .integer(settings.isMuted(output) ? 1 : 0)]
            }
            guard state == 0 || state == 1 else { throw CommandCall.badType("mute_state", allowed: "0 or 1") }
            settings.setMuted(state == 1, output)
            return "OK"
        }
    }

    private static func output(_ call: CommandCall) throws(RPCError) -> LogSettings.Output {
        guard let output = LogSettings.Output(rawValue: try call.string("consumer")) else {
            throw CommandCall.badType("consumer", allowed: "stderror, syslog, event")
        }
        return output
    }
}
