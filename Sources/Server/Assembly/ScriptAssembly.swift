import Bytes
import Events
import Glibc
import JSONRPC
import Logging
import Management
import Modules
import OpenTelemetry
import RESTClient
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

/// Binds a checked script: modules, core, engine, and the stack that runs it.
enum ScriptAssembly {
    struct Parts {
        let engine: ScriptEngine
        let stack: Stack
        let resolver: Resolver
    }

    static func make(
        script: Script, settings: GlobalSettings, options: StartOptions, plan: ListenerPlan, host: ScriptHost,
        environment: ModuleEnvironment, events: EventInterface, logger: Logger, statistics: Statistics,
        levels: LogLevels, logHandler: ServerLogHandler, tracing: TracingSettings?
    ) throws(ConfigurationError) -> Parts {
        let catalogue = ModuleLibrary.catalogue
        var (bindings, b2b) = try bindModules(script, environment)
        environment.b2b = b2b?.management
        bindings.append(
            CoreModule.binding(
                CoreBinding.host(script: script, environment: environment, host: host, events: events),
                flags: environment.flags))
        let engine: ScriptEngine
        do throws(ScriptBindingError) {
            var configuration = Self.configuration(
                script, settings, options, events, logger, levels, statistics, logHandler, host)
            configuration.presetVariables = environment.cfgutils?.presetVariables ?? []
            configuration.notesRawMessages = tracing?.notesRawMessages ?? false
            configuration.notesTraceParents = tracing?.propagates ?? false
            engine = try ScriptEngine(
                script: script, catalogue: catalogue, bindings: bindings, flags: environment.flags,
                configuration: configuration)
        } catch {
            throw ConfigurationError(error.description)
        }
        host.prepare(engine)
        host.connectionFlags = ScriptHost.ConnectionFlags(
            branchMask: flag("tcp_no_new_conn_bflag", of: .branch, script, environment.flags),
            replyMask: flag("tcp_no_new_conn_rplflag", of: .message, script, environment.flags))
        var stackConfiguration = Self.stackConfiguration(script, environment.parameters)
        stackConfiguration.transactionsMax = options.limits[.transactions]
        stackConfiguration.notesTraceParents = tracing?.propagates ?? false
        var hooks = host.makeHooks(
            hasReplyRoute: engine.route(.onreply) != nil, hasLocalRoute: engine.route(.local) != nil)
        if let entities = b2b?.entities { hooks.preScript.append { entities.prescript($0, $1) } }
        let stack = Stack(configuration: stackConfiguration, hooks: hooks, statistics: statistics)
        let resolver = Resolver(options: try resolverOptions(script, plan, options), statistics: statistics)
        return Parts(engine: engine, stack: stack, resolver: resolver)
    }

    /// Binds what the script loads. Opens nothing, and begins nothing before `environment.start()`.
    /// - Throws: the first value that a module cannot work with, at its place.
    static func bindModules(
        _ script: Script, _ environment: ModuleEnvironment
    ) throws(ConfigurationError) -> (bindings: [ModuleBinding], b2b: B2BModules.Bound?) {
        let names = script.modules.map(\.name)
        do throws(ModuleError) {
            var bindings = try ModuleLibrary.bind(names, environment)
            if names.contains("rest_client") { bindings.append(try RESTClientModule.bind(environment)) }
            let b2b = try B2BModules.bind(names, environment)
            return (bindings + (b2b?.bindings ?? []), b2b)
        } catch {
            throw ConfigurationError(error, in: script)
        }
    }

    /// The mask of the flag that a parameter names, 0 when it is not set.
    private static func flag(
        _ parameter: String, of family: FlagNames.Family, _ script: Script, _ flags: FlagNames
    ) -> UInt32 {
        script.parameters.string(parameter).map { flags.mask(ByteString($0), of: family) } ?? 0
    }

    private static func configuration(
        _ script: Script, _ settings: GlobalSettings, _ options: StartOptions, _ events: EventInterface,
        _ logger: Logger, _ levels: LogLevels, _ statistics: Statistics,
        _ logHandler: ServerLogHandler, _ host: ScriptHost
    ) -> ScriptConfiguration {
        var configuration = ScriptConfiguration(log: { logHandler.write($0, $1) })
        configuration.output = { logHandler.print($0, $1) }
        let parameters = script.parameters
        configuration.levels = levels
        configuration.xlogPrintLevel = settings.xlogPrintLevel
        configuration.whileLoopsMax = parameters.integer("max_while_loops") ?? 10_000
        configuration.assertsEnabled = parameters.boolean("enable_asserts")
        configuration.execThresholdMicroseconds = parameters.integer("exec_msg_threshold") ?? 0
        if script.isLoaded("tm") { configuration.beforeAsync = host.beforeAsync }
        configuration.stepsMax = options.limits[.scriptSteps]
        configuration.waitingRunsMax = options.limits[.waitingScripts]
        configuration.arguments = options.scriptArguments
        configuration.startSeconds = environmentSeconds()
        let slowMessages = CoreStatistics.slowMessages(statistics)
        configuration.onThreshold = { report in
            statistics.shared.add(slowMessages)
            logger.warning(
                "threshold exceeded: msg processing took too long - \(report.microseconds) us, route \(report.routeName), call \(report.message.callID)"
            )
            for (number, action) in report.slowest.enumerated() {
                logger.warning(
                    "#\(number + 1) is a function: \(action.name) - \(action.microseconds)us - line \(action.line)")
            }
            events.raiseThreshold(
                source: "msg processing", microseconds: report.microseconds, extra: report.message.wholeText.string)
        }
        if parameters.boolean("abort_on_assert") {
            configuration.abort = { ServerProgram.requestStop() }
        }
        return configuration
    }

    private static func stackConfiguration(_ script: Script, _ module: ModuleParameters) -> StackConfiguration {
        let parameters = script.parameters
        var configuration = StackConfiguration()
        configuration.apply(module)
        configuration.translates503 = !parameters.boolean("disable_503_translation")
        configuration.usesDNSFailover = !parameters.boolean("disable_dns_failover")
        configuration.followsRoutes = parameters.boolean("mhomed")
        configuration.forwardsStrayReplies = !parameters.boolean("disable_stateless_fwd") || usesForward(script)
        configuration.acceptsAliases = parameters.boolean("tcp_accept_aliases")
        configuration.serverHeader =
            parameters.boolean("server_signature")
            ? headerValue(parameters.string("server_header"), "Server") ?? ByteString(ServerInstance.name) : nil
        configuration.userAgent =
            headerValue(parameters.string("user_agent_header"), "User-Agent")
            ?? ByteString(ServerInstance.name)
        return configuration
    }

    /// `disable_stateless_fwd` lets stateless replies through when the script forwards statelessly.
    private static func usesForward(_ script: Script) -> Bool {
        Compiler.compile(script.routes).calls.contains { $0.name == "forward" || $0.name == "send" }
    }

    /// The value of a header that the script writes with its name: `Server: My Proxy`.
    private static func headerValue(_ text: String?, _ name: String) -> ByteString? {
        guard let text, !text.isEmpty else { return nil }
        let value = ByteString(text)
        guard value.count > name.utf8.count, value.prefix(name.utf8.count).equalsIgnoringCase(ByteString(name)),
            value[name.utf8.count] == UInt8(ascii: ":")
        else { return value }
        return value.dropFirst(name.utf8.count + 1).trimmed()
    }

    private static func resolverOptions(
        _ script: Script, _ plan: ListenerPlan, _ start: StartOptions
    ) throws(ConfigurationError) -> ResolverOptions {
        let parameters = script.parameters
        var options = ResolverOptions()
        options.servers = try start.checkedNameServers()
        options.lookupMillisecondsMax = start.limits[.lookupSeconds] * 1000
        options.usesNAPTR = parameters.boolean("dns_try_naptr")
        options.usesSearchList = parameters.boolean("dns_use_search_list")
        options.transports = plan.transports
        let families = plan.families
        options.families = [.ipv4, .ipv6].filter { family in
            families.contains(family)
                && (family == .ipv4 || !families.contains(.ipv4) || parameters.boolean("dns_try_ipv6"))
        }
        if let seconds = parameters.integer("dns_retr_time"), seconds > 0 {
            options.timeoutMilliseconds = seconds * 1000
        }
        options.serversMax = parameters.integer("dns_servers_no")
        if let tries = parameters.integer("dns_retr_no"), tries > 0 { options.tries = tries }
        return options
    }

    private static func environmentSeconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec
    }
}
