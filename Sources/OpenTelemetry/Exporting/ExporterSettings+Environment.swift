import Glibc

extension ExporterSettings {
    /// Reads the standard environment. Variables for traces win over those for all signals; a value that is empty counts as
    /// unset; one that can't be used is told in `diagnostics` and its default stands (OpenTelemetry specification,
    /// "OTLP Exporter Configuration", "Batch Span Processor").
    ///
    /// - Parameters:
    ///   - usesBatch: The script's `use_batch`; false sends each span as soon as it is there.
    ///   - diagnostics: Gets a line for each value that is not used, naming the variable.
    package init(environment: [String: String], usesBatch: Bool = true, diagnostics: inout [String]) {
        self.init()
        var reader = EnvironmentReader(environment: environment)
        transport = reader.choice("PROTOCOL", Transport.allCases.map { ($0.rawValue, $0) }, default: .httpProtobuf)
        endpoint = reader.endpoint(EndpointForm(transport, isInsecure: reader.flag("INSECURE")))
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

    /// Takes the script's `exporter_endpoint`, used as it is, in the place of what the environment says.
    ///
    /// - Throws: What is expected, where it is no address of the form that the protocol has.
    package mutating func setEndpoint(
        _ text: String, environment: [String: String]
    ) throws(ExporterEndpointError) {
        var reader = EnvironmentReader(environment: environment)
        let form = EndpointForm(transport, isInsecure: reader.flag("INSECURE"))
        guard let endpoint = form.read(text) else {
            throw ExporterEndpointError(
                description:
                    "expected \(form.description) (protocol \(transport.rawValue)), got \(EndpointForm.shown(text))")
        }
        self.endpoint = form.completed(endpoint)
    }
}

/// An address that is none.
package struct ExporterEndpointError: Error, Hashable, CustomStringConvertible {
    package let description: String
}

/// What addresses look like with a protocol.
private struct EndpointForm {
    private let isGRPC: Bool
    /// Whether an address without a scheme is secure; nil: it needs one.
    private let schemeless: Bool?

    init(_ transport: ExporterSettings.Transport, isInsecure: Bool) {
        isGRPC = transport == .grpc
        schemeless = isGRPC ? !isInsecure : nil
    }

    var description: String {
        isGRPC ? "http://host:port, https://host:port or host:port" : "http://host[:port]/path or https://…"
    }

    var standard: ExporterEndpoint { isGRPC ? .defaultGRPC : .defaultHTTP }

    func read(_ text: String) -> ExporterEndpoint? {
        ExporterEndpoint(text, schemeless: schemeless, defaultPort: isGRPC ? 4317 : nil)
    }

    /// Of the base URL of all signals.
    func ofTraces(_ base: ExporterEndpoint) -> ExporterEndpoint { isGRPC ? base : base.appendingTracesPath() }

    /// As the specification says for a URL that is used as it is: no path is the root.
    func completed(_ endpoint: ExporterEndpoint) -> ExporterEndpoint {
        guard endpoint.path.isEmpty, !isGRPC else { return endpoint }
        var completed = endpoint
        completed.path = "/"
        return completed
    }

    /// What may be shown of an address that can't be used: no user's password.
    static func shown(_ text: String) -> String { text.contains("@") ? "one with a user" : text }
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

    mutating func endpoint(_ form: EndpointForm) -> ExporterEndpoint {
        var other = form.standard
        let base = "OTEL_EXPORTER_OTLP_ENDPOINT"
        let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        if let text = value(base) {
            if let endpoint = form.read(text) {
                other = form.ofTraces(endpoint)
            } else {
                complain(base, EndpointForm.shown(text), form.description, other.description)
            }
        }
        guard let text = value(traces) else { return form.completed(other) }
        if let endpoint = form.read(text) { return form.completed(endpoint) }
        complain(traces, EndpointForm.shown(text), form.description, other.description)
        return form.completed(other)
    }
}
