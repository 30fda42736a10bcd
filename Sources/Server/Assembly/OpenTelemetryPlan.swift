import Bytes
import Glibc
import Logging
import Modules
import OpenTelemetry
import Profiling
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage

/// What the script and the environment say about tracing, and the parts that do it: made when the script loads
/// `opentelemetry`, whether it is switched on or not.
struct OpenTelemetryPlan {
    let settings: TracingSettings
    let exporterSettings: ExporterSettings
    /// What is wrong with the environment, for the log.
    let problems: [String]

    /// nil: the script does not load the module.
    init?(
        _ script: Script, _ parameters: ModuleParameters,
        environment: [String: String] = OpenTelemetryPlan.processEnvironment()
    ) throws(ConfigurationError) {
        guard script.isLoaded(Self.module) else { return nil }
        var settings = TracingSettings(environment: environment)
        func isOn(_ name: String) throws(ConfigurationError) -> Bool {
            try Self.number(name, 0...1, script, parameters) != 0
        }
        settings.isEnabled = try isOn("enable")
        settings.profilesProcesses = try isOn("proc_profiling")
        settings.logLevel = try Self.number("log_level", -3...4, script, parameters)
        settings.usesBatches = try isOn("use_batch")
        settings.tracesCalls = try isOn("trace_per_call")
        settings.propagates = try isOn("propagate")
        settings.notesRawMessages = try isOn("sip_raw")
        settings.tail.slowNanoseconds = Int64(try Self.number("slow_us", 0...3_600_000_000, script, parameters)) * 1000
        settings.tail.keepsFailed = try isOn("keep_failed")
        settings.tail.every = try Self.number("keep_every", 0...1_000_000, script, parameters)
        settings.tail.methods = Set(Self.words("keep_methods", parameters).map { $0.uppercased() })
        for word in Self.words("redact", parameters) {
            guard let known = Redaction.words.first(where: { $0.0 == word.lowercased() }) else {
                throw Self.error("redact names '\(word)'; users, numbers and digest are possible", "redact", script)
            }
            settings.redaction.insert(known.1)
        }
        if let name = parameters.text(Self.module, "service_name") {
            settings.set(Attribute("service.name", .string(name.string)))
        }
        var problems = settings.problems
        var exporterSettings = ExporterSettings(
            environment: environment, usesBatch: settings.usesBatches, diagnostics: &problems)
        if let text = parameters.text(Self.module, "exporter_endpoint")?.string, !text.isEmpty {
            do {
                try exporterSettings.setEndpoint(text, environment: environment)
            } catch {
                throw Self.error("exporter_endpoint: \(error)", "exporter_endpoint", script)
            }
        }
        self.exporterSettings = exporterSettings
        self.problems = problems
        self.settings = settings
    }

    static let module = "opentelemetry"

    private static func words(_ name: String, _ parameters: ModuleParameters) -> [String] {
        let text = parameters.text(module, name)?.string ?? ""
        return text.split { $0 == "," || $0 == " " }.map(String.init)
    }

    private static func number(
        _ name: String, _ allowed: ClosedRange<Int>, _ script: Script, _ parameters: ModuleParameters
    ) throws(ConfigurationError) -> Int {
        let number = parameters.integer(module, name) ?? allowed.lowerBound
        guard allowed.contains(number) else {
            throw error(
                "\(name) is \(number); \(allowed.lowerBound) to \(allowed.upperBound) are possible", name, script)
        }
        return number
    }

    private static func error(_ message: String, _ name: String, _ script: Script) -> ConfigurationError {
        guard let set = script.moduleParameters.last(where: { $0.module == module && $0.name == name }) else {
            return ConfigurationError("\(module): \(message)")
        }
        return ConfigurationError(message, at: set.location, in: script)
    }

    /// The variables that the program was started with.
    static func processEnvironment() -> [String: String] {
        let descriptor = open("/proc/self/environ", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [:] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = part.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        var variables: [String: String] = [:]
        for entry in bytes.split(separator: 0) {
            guard let equal = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: entry[..<equal], as: UTF8.self)
            variables[name] = String(decoding: entry[(equal + 1)...], as: UTF8.self)
        }
        return variables
    }
}

/// Tracing of one server, put together.
final class OpenTelemetryParts: Sendable {
    let tracing: Tracing
    let exporter: OTLPExporter
    private let problems: [String]

    init(
        _ plan: OpenTelemetryPlan, script: Script, profiler: Profiler, processes: ProcessTable, logger: Logger
    ) {
        problems = plan.problems
        exporter = OTLPExporter(
            settings: plan.exporterSettings, resource: .server(plan.settings, version: serverVersion),
            scope: InstrumentationScope(name: "sipray", version: serverVersion), logger: logger)
        var description = TraceDescription(identity: .random()) { id in
            processes.all.first { $0.id == id }.map { process in
                TracedProcess(
                    id: process.id, pid: process.pid, description: process.description,
                    threadName: ServerInstance.threadName(process))
            }
        }
        description.sampler = plan.settings.sampler
        description.tail = plan.settings.tail
        description.redaction = plan.settings.redaction
        description.tracesCalls = plan.settings.tracesCalls
        description.propagates = plan.settings.propagates
        description.functions = Self.functions(of: script)
        tracing = Tracing(settings: plan.settings, description: description, profiler: profiler, exporter: exporter)
    }

    /// Starts the exporter and the maker of spans. All processes have been made.
    func start(on server: ServerInstance) {
        for problem in problems { server.logger.warning("\(problem)") }
        server.logSettings.spans.connect(tracing, server.processes)
        register(on: server.statistics)
        exporter.start()
        tracing.start()
    }

    /// Sends what is there, in bounded time. After the processes have ended.
    func stop() {
        tracing.stop()
        exporter.stop()
    }

    /// What became of session trees and spans, as statistics of the group `opentelemetry`.
    private func register(on statistics: Statistics) {
        for figure in TracingFigures.all {
            statistics.gauge(group: Self.group, name: figure.name, kind: .incremental) { [tracing] in
                figure.read(tracing.figures)
            }
        }
        statistics.gauge(group: Self.group, name: "span_maker_cpu_ms", kind: .incremental) { [tracing] in
            Int(tracing.cpuNanoseconds / 1_000_000)
        }
        for figure in ExporterStatus.figures {
            statistics.gauge(
                group: Self.group, name: figure.name, kind: figure.isCounter ? .incremental : .nonIncremental
            ) { [exporter] in figure.read(exporter.status) }
        }
    }

    private static let group = "opentelemetry"

    /// Names of functions that the script calls, without those that are names of routes too.
    private static func functions(of script: Script) -> Set<String> {
        let program = Compiler.compile(script.routes)
        return Set(program.calls.map(\.name)).subtracting(program.routes.map(\.displayName))
    }

    /// What a request that leaves says of its trace.
    var propagation: TracePropagation? {
        guard tracing.settings.propagates else { return nil }
        return TracePropagation { [tracing] records, header, callID in
            let incoming = header.flatMap { value in value.withBytes { TraceParent(Array($0)) } }
            return tracing.traceParent(records, incoming: incoming, callID: callID.withBytes { Array($0) }).map {
                TracePropagation.Saying(parent: $0.text, isContinued: $0.traceID == incoming?.traceID)
            }
        }
    }
}
