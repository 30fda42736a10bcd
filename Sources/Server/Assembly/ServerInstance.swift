import Bytes
package import Events
import Glibc
import Location
package import Logging
import Management
import Modules
import OpenTelemetry
package import Profiling
package import Reactor
package import RouteLanguage
import RouteRuntime
import SIPConnections
import SIPStack
import SIPTransport

/// A whole server: everything that a script and the start options ask for, put together, started and stopped.
///
/// `init` checks and binds and opens nothing; `start` opens sockets and starts processes; `stop` ends them in bounded
/// time. Used on the thread that owns it; `requestStop` is safe anywhere.
package final class ServerInstance {
    /// How the server calls itself: `SIPRay (0.1.0 (x86_64/linux))`.
    package static let name = "SIPRay (\(serverVersion) (\(architecture)/linux))"

    package let profiler: Profiler
    package let processes: ProcessTable
    package let events: EventInterface
    package let logger: Logger
    /// The server's first process; `run` gives it the calling thread.
    package let attendant: ReactorProcess
    let script: Script
    let options: StartOptions
    let settings: GlobalSettings
    let plan: ListenerPlan
    let managementPlan: ManagementPlan
    let connectionPlan: ConnectionPlan?
    let statistics: Statistics
    let logSettings: LogSettings
    let location: LocationStore
    let host: ScriptHost
    let engine: ScriptEngine
    let stack: Stack
    let resolver: Resolver
    let environment: ModuleEnvironment
    let parameters: ModuleParameters
    /// nil: the script does not load `opentelemetry`.
    let openTelemetry: OpenTelemetryParts?
    private(set) var listeners: [UDPListener] = []
    /// Nil when no listener has connections.
    private(set) var connections: ConnectionHub?
    private var sipProcesses: [SIPProcess] = []
    private(set) var management: ManagementServers?
    let startedAt: Int

    /// Checks and binds everything that can be, before the world sees anything.
    /// - Throws: what in the script or in the options stands against a start.
    package init(script: Script, options: StartOptions) throws(ConfigurationError) {
        self.script = script
        self.options = options
        startedAt = time(nil)
        var problems: [ConfigurationError] = []
        settings = GlobalSettings(script: script, options: options, problems: &problems)
        if let first = problems.first { throw first }
        let configured = try options.sockets.map { text throws(ConfigurationError) in
            try ListenerConfiguration.parse(text)
        }.flatMap(\.self)
        plan = try ListenerPlan(
            configured.isEmpty ? ListenerConfiguration.listeners(of: script) : configured, settings: settings,
            script: script)
        statistics = Statistics()
        profiler = Profiler()
        processes = ProcessTable(profiler: profiler, statistics: statistics)
        let levels = LogLevels(level: settings.logLevel, xlogLevel: settings.xlogLevel)
        logSettings = LogSettings(
            levels: levels, enabled: settings.outputs, filters: settings.outputFilters, fixed: settings.logFixed)
        let relay = LogEventRelay()
        let logHandler = Self.makeLogHandler(
            "core", logSettings, processes, settings.outputs.contains(.event) ? relay : nil)
        logger = Logger(label: "core") { _ in logHandler }
        parameters = ModuleParameters(script.moduleParameters)
        events = EventInterface(
            profiler: profiler, statistics: statistics, logger: logger,
            options: try EventPlan.options(script, parameters))
        for name in EventNames.core { events.publish(name) }
        if script.isLoaded("usrloc") { for name in EventNames.location { events.publish(name) } }
        if script.isLoaded("dialog") { for name in EventNames.dialog { events.publish(name) } }
        if script.isLoaded("acc") { for name in EventNames.accounting { events.publish(name) } }
        if script.isLoaded("b2b_entities") { for name in EventNames.backToBack { events.publish(name) } }
        if settings.outputs.contains(.event) { relay.connect(events) }
        managementPlan = try ManagementPlan(script, parameters, options.limits)
        connectionPlan = plan.transports.contains(.tcp) ? try ConnectionPlan(script, settings, parameters) : nil
        try ProcessBudget.check(plan.entries, settings, connectionPlan, managementPlan, script: script)
        let outlet = EventOutlet.to(
            events, frequent: script.isLoaded("usrloc") ? LocationEvent.Kind.allCases.map(\.name) : [])
        location = LocationStore(observer: .raising(outlet))
        let flags = FlagNames()
        host = ScriptHost(scriptSockets: plan.scriptSockets, flags: flags)
        environment = ModuleEnvironment(
            parameters: parameters,
            addresses: LocalAddresses(sockets: host.scriptSockets, aliases: script.aliases), flags: flags,
            location: location, statistics: statistics, host: host, events: outlet, now: { time(nil) },
            log: { [logger] level, text in logger.log(level: level.loggerLevel, "\(text)") },
            print: { logHandler.printIfWanted($0, $1) })
        openTelemetry = try OpenTelemetryPlan(script, parameters).map { [profiler, processes, logger] plan in
            OpenTelemetryParts(plan, script: script, profiler: profiler, processes: processes, logger: logger)
        }
        host.propagation = openTelemetry?.propagation
        host.namesProcesses = openTelemetry?.tracing.settings.profilesProcesses ?? true
        let parts = try ScriptAssembly.make(
            script: script, settings: settings, options: options, plan: plan, host: host, environment: environment,
            events: events, logger: logger, statistics: statistics, levels: levels,
            logHandler: logHandler, tracing: openTelemetry?.tracing.settings)
        engine = parts.engine
        stack = parts.stack
        resolver = parts.resolver
        do throws(SystemCallError) {
            attendant = try processes.make(description: "attendant", kind: .other)
        } catch {
            throw ConfigurationError("can't make a process: \(error)")
        }
    }

    /// Opens the sockets and starts all processes but the attendant. After a failure nothing is left behind.
    ///
    /// `ready` is called when everything is open and before any process serves.
    package func start(
        ready: () throws(ConfigurationError) -> Void = { () throws(ConfigurationError) in }
    ) throws(ConfigurationError) {
        for note in settings.notes + options.notes { logger.notice("\(note)") }
        attendant.adoptThisThread(threadName: "attendant")
        do throws(ConfigurationError) {
            listeners = try plan.open(settings: settings)
            connections = try connectionPlan?.open(plan, statistics: statistics, logger: logger)
            host.sockets = (listeners.map(\.socket) + (connections?.listeners ?? [])).sorted { $0.id < $1.id }
            for listener in listeners {
                logger.notice(
                    "listening on \(listener.socket), \(listener.descriptors.count) receivers, receive buffer \(listener.receiveBufferBytes) bytes each"
                )
                if listener.callReachBytes < UDPListener.callReachBytesWanted {
                    logger.warning(
                        "\(listener.socket): receivers share calls by Call-ID only where it begins within \(listener.callReachBytes) bytes, others by the peer's address; raise net.core.optmem_max to 131072"
                    )
                }
            }
            UDPStatistics.registerGauges(statistics, listeners: listeners)
            management = try ManagementServers(self, managementPlan)
            let watch = TimerWatch(statistics, logger, events)
            let timers = try makeTimerProcesses(watch)
            try makeReceivers()
            try makeConnectionReceivers()
            CoreStatistics.register(on: statistics, startedAt: startedAt, engine: engine, log: logSettings)
            sampleLoad(on: timers[0])
            watch.follow(processes.all)
            profiler.start()
            events.start()
            openTelemetry?.start(on: self)
            environment.start()
            if let level = Level(rawValue: options.profilingLevel), level != .off { profiler.setLevel(level) }
            try runStartupRoute()
            try ready()
            try spawnAll(timers)
            connections?.accept()
        } catch {
            stop()
            throw error
        }
        logger.notice("\(Self.name) is up: \(processes.all.count) processes, \(plan.entries.count) listeners")
    }

    /// Ends all processes but the attendant, and everything that they use. Once.
    package func stop() {
        for process in processes.all where process !== attendant { process.stop() }
        for process in processes.all where process !== attendant { process.join() }
        connections?.stop()
        connections = nil
        environment.stop()
        events.stop()
        openTelemetry?.stop()
        profiler.stop()
        sipProcesses = []
        management?.stop()
        management = nil
        listeners = []
    }

    // MARK: Processes

    private func makeSIPProcess(
        _ description: String, _ kind: ProcessKind, reading: [(listener: UDPListener, receiver: Int)],
        _ counters: UDPStatistics
    ) throws(ConfigurationError) -> SIPProcess {
        do throws(SystemCallError) {
            let process = try processes.make(description: description, kind: kind)
            let made = try SIPProcess(
                process: process, stack: stack, engine: engine, resolver: resolver, listeners: listeners,
                reading: reading, statistics: counters, connections: connections)
            host.attach(made.worker, made.script)
            sipProcesses.append(made)
            return made
        } catch {
            throw ConfigurationError("can't make the process \(description): \(error)")
        }
    }

    /// The processes of timer routes and of the modules' periodic work.
    private func makeTimerProcesses(_ watch: TimerWatch) throws(ConfigurationError) -> [SIPProcess] {
        var made: [SIPProcess] = []
        let counters = UDPStatistics(statistics)
        for _ in 0..<settings.timerWorkers {
            made.append(try makeSIPProcess("Timer handler", .timer, reading: [], counters))
        }
        var next = 0
        func handler() -> SIPProcess {
            next += 1
            return made[(next - 1) % made.count]
        }
        for job in environment.periodicJobs {
            let process = handler().process
            let timer = process.reactor.every(
                milliseconds: job.milliseconds, label: ReactorSites.timer(job.name), job.body)
            process.reactor.atStop { timer.invalidate() }
        }
        TimerRoutes.connect(engine, host, watch, next: handler)
        EventRoutes.connect(engine, to: events, on: made[0], host)
        return made
    }

    /// Has the load of all processes, which are made by now, sampled once a second.
    private func sampleLoad(on process: SIPProcess) {
        let sampler = LoadSampler(table: processes)
        sampler.register(on: statistics)
        let reactor = process.process.reactor
        let timer = reactor.every(milliseconds: 1000, label: ReactorSites.timer("load-sample")) { sampler.sample() }
        reactor.atStop { timer.invalidate() }
    }

    /// One process for each receiver of each listener.
    private func makeReceivers() throws(ConfigurationError) {
        let counters = UDPStatistics(statistics)
        for listener in listeners {
            for receiver in listener.descriptors.indices {
                _ = try makeSIPProcess(
                    "SIP receiver \(listener.socket)", .udp, reading: [(listener, receiver)], counters)
            }
        }
    }

    /// The processes that take messages from connections.
    private func makeConnectionReceivers() throws(ConfigurationError) {
        guard let connections, let connectionPlan else { return }
        let counters = UDPStatistics(statistics)
        for _ in 0..<connectionPlan.workers {
            let made = try makeSIPProcess("TCP receiver", .tcp, reading: [], counters)
            let worker = made.worker
            connections.receivers.append(ConnectionReceiver(process: made.process) { worker.receive($0) })
        }
        EventBridges.raiseDisconnects(of: connections, on: events)
    }

    /// Runs `startup_route` on the attendant before traffic, to its end or until it has waited too long.
    private func runStartupRoute() throws(ConfigurationError) {
        guard let route = engine.route(.startup) else { return }
        let reactor = attendant.reactor
        let attendantScript = ScriptProcess(engine: engine, process: attendant)
        var hasEnded = false
        var isTimeUp = false
        attendant.probe.begin(reactor.processSite)
        attendantScript.run(TopRoute(route, as: .startup, on: host.emptyContext())) { _ in hasEnded = true }
        attendant.probe.end()
        guard !hasEnded else { return }
        let secondsMax = options.limits[.startupSeconds]
        let timer = reactor.schedule(
            afterMilliseconds: secondsMax * 1000, label: ReactorSites.timer("startup_route")
        ) { isTimeUp = true }
        reactor.run(until: { hasEnded || isTimeUp })
        timer.cancel()
        if !hasEnded {
            logger.warning("startup_route still waits after \(secondsMax) s: traffic starts")
        }
    }

    private func spawnAll(_ timers: [SIPProcess]) throws(ConfigurationError) {
        for process in processes.all where process !== attendant {
            do throws(SystemCallError) {
                try process.spawn(threadName: Self.threadName(process))
            } catch {
                throw ConfigurationError("can't start the process \(process.description): \(error)")
            }
        }
    }

    /// What `top -H` shows of a process: 15 bytes.
    static func threadName(_ process: ReactorProcess) -> String {
        switch process.kind {
        case .udp: "sip-\(process.id)"
        case .tcp: "tcp-\(process.id)"
        case .timer: "timer-\(process.id)"
        case .other: process.description.lowercased().replacing(" ", with: "_") + "-\(process.id)"
        }
    }

    private static func makeLogHandler(
        _ label: String, _ settings: LogSettings, _ processes: ProcessTable, _ relay: LogEventRelay?
    ) -> ServerLogHandler {
        ServerLogHandler(
            label: label, settings: settings, processID: { pid in processes.all.first { $0.pid == pid }?.id },
            raise: relay.map { relay in { @Sendable in relay.raise($0, $1, $2) } })
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "unknown"
        #endif
    }
}
