import AllocationCounting
import CPlatform
import Glibc
import JSONRPC
import Logging
import OpenTelemetry

/// What a span costs the exporter: encoding in time and allocations, and, against the collector that the environment names, CPU time
/// and allocations of the exporter a span, end to end.
///
///     swift run -c release opentelemetry-benchmark                        # encoding alone
///     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run -c release opentelemetry-benchmark export [spans a second] [seconds]
@main
struct OpenTelemetryBenchmark {
    static let resource = Resource(attributes: [
        Attribute("service.name", "sipray"), Attribute("service.version", "0.1.0"), Attribute("host.name", "edge-1"),
        Attribute("process.pid", 4711), Attribute("os.type", "linux"),
    ])
    static let scope = InstrumentationScope(name: "sipray", version: "0.1.0")
    static let batch = 512

    static func main() {
        if CommandLine.arguments.dropFirst().first == "export" {
            let numbers = CommandLine.arguments.dropFirst(2).compactMap { Int($0) }
            export(rate: numbers.first ?? 5000, seconds: numbers.dropFirst().first ?? 5)
        } else {
            report("protobuf", TraceEncoder(encoding: .protobuf, resource: resource, scope: scope))
            report("JSON", TraceEncoder(encoding: .json, resource: resource, scope: scope))
        }
    }

    /// Spans as a call makes them: every fourth is of a message with its attributes, the others of routes and functions.
    static func spans(_ count: Int) -> [Span] {
        (0..<count).map { number in
            let start = 1_795_424_400_000_000_000 + UInt64(number) * 1000
            var span = Span(
                traceID: TraceID(high: 0x0123_4567_89ab_cdef, low: UInt64(number / 4 + 1)),
                spanID: SpanID(UInt64(number + 1)),
                name: number % 4 == 0 ? "INVITE request" : "t_relay", kind: number % 4 == 0 ? .server : .internal,
                startNanoseconds: start, endNanoseconds: start + 900)
            span.attributes = [
                Attribute("code.function.name", "t_relay"), Attribute("code.file.path", "/etc/sipray/sipray.cfg"),
                Attribute("code.line.number", 42), Attribute("thread.id", 4712),
            ]
            guard number % 4 == 0 else {
                span.parentSpanID = SpanID(UInt64(number))
                return span
            }
            span.attributes += [
                Attribute("sip.request.method", "INVITE"), Attribute("sip.request.uri", "sip:callee@192.0.2.1:5060"),
                Attribute("sip.call_id", "a84b4c76e66710@pc33.example.com"), Attribute("sip.cseq", "314159 INVITE"),
                Attribute("network.peer.address", "192.0.2.2"), Attribute("network.peer.port", 5060),
                Attribute("network.transport", "udp"), Attribute("opensips.route.type", "request"),
            ]
            return span
        }
    }

    static func report(_ title: String, _ encoder: TraceEncoder) {
        let spans = spans(batch)
        var bytes = encoder.encode(spans[...]).count
        let count = allocations { bytes = encoder.encode(spans[...]).count }
        // Of the thread's own CPU time the best of many: what others do on the machine only adds.
        let nanoseconds =
            (0..<200).map { _ in
                let before = threadNanoseconds()
                bytes = encoder.encode(spans[...]).count
                return (threadNanoseconds() - before) / batch
            }.min() ?? 0
        say("\(title): \(nanoseconds) ns, \(hundredths(count, batch)) allocations, \(bytes / batch) bytes a span")
    }

    static func threadNanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    static func export(rate: Int, seconds: Int) {
        var diagnostics: [String] = []
        let settings = ExporterSettings(environment: environment(), diagnostics: &diagnostics)
        for line in diagnostics { say(line) }
        let exporter = OTLPExporter(
            settings: settings, resource: resource, scope: scope, logger: Logger(label: "benchmark"))
        exporter.start()
        // A tenth of a second's spans at once, as the consumer of the records hands them over.
        let chunk = spans(max(1, rate / 10))
        run(exporter, chunk, times: 10)
        let before = (exporter.status, allocationsOfAllThreads, allocationsOfThread)
        run(exporter, chunk, times: seconds * 10)
        let after = (exporter.status, allocationsOfAllThreads, allocationsOfThread)
        exporter.stop()
        say(exporter.status.json.description)
        let count = max(1, after.0.exported - before.0.exported)
        let submitting = after.2 - before.2
        say(
            """
            \(settings.transport.rawValue): of \(count) spans exported, the exporter's thread \
            \(hundredths(Int(after.0.cpuNanoseconds - before.0.cpuNanoseconds) / 1000, count)) µs each; \
            \(hundredths(after.1 - before.1 - submitting, count)) allocations each, \
            \(hundredths(submitting, count)) by who hands them over
            """)
    }

    /// Hands a chunk over every tenth of a second, and waits until nothing is on its way; a collector that does not take them is not waited
    /// for beyond a moment.
    static func run(_ exporter: OTLPExporter, _ chunk: [Span], times: Int) {
        for _ in 0..<times {
            exporter.submit(chunk)
            usleep(100_000)
        }
        for _ in 0..<1000 where exporter.status.exported < exporter.status.submitted { usleep(10_000) }
    }

    /// A ratio with two places.
    static func hundredths(_ number: Int, _ count: Int) -> String {
        let hundredths = (number * 100 + count / 2) / count
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    /// The variables that the exporter knows, of the program's environment.
    static func environment() -> [String: String] {
        var out: [String: String] = [:]
        let exporter = ["ENDPOINT", "PROTOCOL", "COMPRESSION", "TIMEOUT", "HEADERS", "CERTIFICATE", "TRACES_ENDPOINT"]
        let batches = ["MAX_QUEUE_SIZE", "SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_EXPORT_BATCH_SIZE"]
        for name in exporter.map({ "OTEL_EXPORTER_OTLP_\($0)" }) + batches.map({ "OTEL_BSP_\($0)" }) {
            if let value = getenv(name) { out[name] = String(cString: value) }
        }
        return out
    }

    static func say(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }
}
