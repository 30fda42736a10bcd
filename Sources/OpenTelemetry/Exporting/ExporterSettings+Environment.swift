import Glibc

extension ExporterSettings {
    /// Reads the standard environment. Variables for traces win over those for all signals; a value that is empty counts as
    /// unset; one that can't be used is told in `diagnostics` and its default stands (OpenTelemetry specification,
    /// "OTLP Exporter Configuration", "Batch Span Processor").
    ///
    /// - Parameters:
    ///   - endpoint: The script's `exporter_endpoint`, used as it is; wins over the environment. Nil or empty: none.
    ///   - usesBatch: The script's `use_batch`; false sends each span as soon as it is there.
    ///   - diagnostics: Gets a line for each value that is not used, naming the variable.
    package init(
        environment: [String: String], endpoint: String? = nil, usesBatch: Bool = true, diagnostics: inout [String]
    ) {
        self.init()
        var reader = EnvironmentReader(environment: environment)
        transport = reader.choice("PROTOCOL", Transport.allCases.map { ($0.rawValue, $0) }, default: .httpProtobuf)
        let isInsecure = reader.flag("INSECURE")
        self.endpoint = reader.endpoint(script: endpoint, transport: transport, isInsecure: isInsecure)
        headers = reader.headers()
        requestMilliseconds = reader.milliseconds(reader.signal("TIMEOUT"), default: requestMilliseconds)
        compresses = reader.choice("COMPRESSION", [("none", false), ("gzip", true)], default: false)
        certificateFile = reader.file("CERTIFICATE")
        clientKeyFile = reader.file("CLIENT_KEY")
        clientCertificateFile = reader.file("CLIENT_CERTIFICATE")
        if (clientKeyFile == nil) != (clientCertificateFile == nil) {
            reader.complain(
                "a client certificate needs both OTEL_EXPORTER_OTLP_CLIENT_KEY and …_CLIENT_CERTIFICATE; none is shown")
            clientKeyFile = nil
            clientCertificateFile = nil
        }
        delayMilliseconds = reader.milliseconds("OTEL_BSP_SCHEDULE_DELAY", default: delayMilliseconds, zero: 0)
        batchMilliseconds = reader.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", default: batchMilliseconds)
        queueSpansMax = reader.number(
            "OTEL_BSP_MAX_QUEUE_SIZE", in: 1...ExportLimits.queueSpansMax, default: queueSpansMax)
        batchSpansMax = reader.number(
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", in: 1...queueSpansMax, default: min(batchSpansMax, queueSpansMax))
        if !usesBatch { delayMilliseconds = 0 }
        diagnostics += reader.diagnostics
    }
}

/// Takes single values from the environment and keeps what is wrong with them.
private struct EnvironmentReader {
    let environment: [String: String]
    var diagnostics: [String] = []

    init(environment: [String: String]) { self.environment = environment }

    mutating func complain(_ text: String) { diagnostics.append("OpenTelemetry: " + text) }

    private mutating func complain(_ name: String, _ value: String, _ expected: String, _ used: String) {
        complain("\(name)=\(value): expected \(expected); using \(used)")
    }

    func value(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }

    /// The name of the variable that holds a setting: for traces if that is set, else for all signals.
    func signal(_ suffix: String) -> String {
        let own = "OTEL_EXPORTER_OTLP_TRACES_\(suffix)"
        return value(own) == nil ? "OTEL_EXPORTER_OTLP_\(suffix)" : own
    }

    mutating func choice<Value>(_ suffix: String, _ choices: [(String, Value)], default other: Value) -> Value {
        let name = signal(suffix)
        guard let text = value(name) else { return other }
        if let found = choices.first(where: { $0.0 == text }) { return found.1 }
        complain(name, text, "one of \(choices.map(\.0).joined(separator: ", "))", "the default, \(choices[0].0)")
        return other
    }

    mutating func flag(_ suffix: String) -> Bool {
        let name = signal(suffix)
        guard let text = value(name) else { return false }
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default:
            complain(name, text, "true or false", "false")
            return false
        }
    }

    mutating func number(_ name: String, in range: ClosedRange<Int>, default other: Int) -> Int {
        guard let text = value(name) else { return other }
        if let number = Int(text), range.contains(number) { return number }
        complain(name, text, "a number from \(range.lowerBound) to \(range.upperBound)", "\(other)")
        return other
    }

    /// Milliseconds. `zero` is what 0 means: no limit, where nothing else is said, of which the largest value is the nearest here.
    mutating func milliseconds(_ name: String, default other: Int, zero: Int = ExportLimits.millisecondsMax) -> Int {
        let number = number(name, in: 0...ExportLimits.millisecondsMax, default: other)
        return number == 0 ? zero : number
    }

    /// A file that can be read now.
    mutating func file(_ suffix: String) -> String? {
        let name = signal(suffix)
        guard let path = value(name) else { return nil }
        if access(path, R_OK) == 0 { return path }
        complain(name, path, "a file that can be read (\(String(cString: strerror(errno))))", "none")
        return nil
    }

    mutating func headers() -> [ExporterSettings.Header] {
        let name = signal("HEADERS")
        guard let text = value(name) else { return [] }
        let list = HeaderList(text)
        for fault in list.faults { complain("\(name): \(fault)") }
        return list.headers
    }

    mutating func endpoint(
        script: String?, transport: ExporterSettings.Transport, isInsecure: Bool
    ) -> ExporterEndpoint {
        let isGRPC = transport == .grpc
        let schemeless = isGRPC ? !isInsecure : nil
        let port = isGRPC ? 4317 : nil
        let form = isGRPC ? "http://host:port, https://host:port or host:port" : "http://host[:port]/path or https://…"
        var other = isGRPC ? ExporterEndpoint.defaultGRPC : .defaultHTTP
        let base = "OTEL_EXPORTER_OTLP_ENDPOINT"
        let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        var found: ExporterEndpoint?
        if let text = value(base) {
            if let endpoint = ExporterEndpoint(text, schemeless: schemeless, defaultPort: port) {
                other = isGRPC ? endpoint : endpoint.appendingTracesPath()
            } else {
                complain(base, text, form, other.description)
            }
        }
        if let text = value(traces) {
            found = ExporterEndpoint(text, schemeless: schemeless, defaultPort: port)
            if found == nil { complain(traces, text, form, other.description) }
        }
        if let script, !script.isEmpty {
            if let endpoint = ExporterEndpoint(script, schemeless: schemeless, defaultPort: port) {
                found = endpoint
            } else {
                complain("exporter_endpoint", script, form, (found ?? other).description)
            }
        }
        var endpoint = found ?? other
        // As the specification says for a URL that is used as it is: no path is the root.
        if endpoint.path.isEmpty, !isGRPC { endpoint.path = "/" }
        return endpoint
    }
}
