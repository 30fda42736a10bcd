import Testing

@testable import OpenTelemetry

/// Every variable of the standard environment with values that can't be used: each is named, and its default stands.
@Suite struct EnvironmentTests {
    /// What the environment can say, without `OTEL_SERVICE_NAME`, of which every text is a value.
    static let variables: Set<String> = Set(
        [
            "ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT", "COMPRESSION", "CERTIFICATE", "CLIENT_KEY",
            "CLIENT_CERTIFICATE", "INSECURE",
        ].flatMap { ["OTEL_EXPORTER_OTLP_\($0)", "OTEL_EXPORTER_OTLP_TRACES_\($0)"] } + [
            "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
            "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        ])

    private static let byMeaning: [(suffix: String, values: [String])] = [
        ("ENDPOINT", ["collector:4318", "ftp://c", "http://", "http://c:0", "http://c:70000", "http://user:pw@c"]),
        ("PROTOCOL", ["thrift", "HTTP/JSON", "http"]), ("HEADERS", ["novalue", "a b=x", "a=%zz", "content-type=x"]),
        ("TIMEOUT", ["10s", "-1", "1.5", "99999999999"]), ("COMPRESSION", ["zstd", "GZIP"]),
        ("CERTIFICATE", ["/nowhere/ca.pem"]), ("CLIENT_KEY", ["/nowhere/client.key"]),
        ("CLIENT_CERTIFICATE", ["/nowhere/client.pem"]), ("INSECURE", ["yes", "1"]),
    ]

    static let bad: [(String, String)] =
        byMeaning.flatMap { entry in
            ["OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"].flatMap { prefix in
                entry.values.map { (prefix + entry.suffix, $0) }
            }
        } + [
            ("OTEL_RESOURCE_ATTRIBUTES", "novalue"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=b"), ("OTEL_SDK_DISABLED", "1"), ("OTEL_SDK_DISABLED", "yes"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"), ("OTEL_TRACES_SAMPLER_ARG", "half"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.1"), ("OTEL_TRACES_SAMPLER_ARG", "-0.5"), ("OTEL_TRACES_SAMPLER_ARG", "nan"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"), ("OTEL_BSP_SCHEDULE_DELAY", "-5"), ("OTEL_BSP_EXPORT_TIMEOUT", "1.5"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"), ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16385"),
        ]

    @Test func theTableLeavesNoVariableOut() { #expect(Set(Self.bad.map(\.0)) == Self.variables) }

    @Test(arguments: bad) func aBadValueIsNamedAndTheDefaultUsed(name: String, value: String) {
        // The argument is looked at by the samplers that have one.
        let others = name == "OTEL_TRACES_SAMPLER_ARG" ? ["OTEL_TRACES_SAMPLER": "traceidratio"] : [:]
        let environment = others.merging([name: value]) { $1 }
        let tracing = TracingSettings(environment: environment)
        var problems = tracing.problems
        let exporter = ExporterSettings(environment: environment, diagnostics: &problems)
        #expect(exporter == ExporterSettings())
        #expect(problems.contains { $0.contains(name) }, "\(problems)")
        #expect(!tracing.isDisabled && tracing.resource == TracingSettings().resource)
        #expect(tracing.sampler == (others.isEmpty ? .default : .ratio(1)))
    }

    /// The values of headers may be secrets.
    @Test(arguments: ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
    func whatMayBeSecretIsNotRepeated(name: String) {
        var problems: [String] = []
        _ = ExporterSettings(environment: [name: "authorization=hush%zz,x y=hush"], diagnostics: &problems)
        #expect(problems.count == 2 && problems.allSatisfy { $0.contains(name) && !$0.contains("hush") })
    }
}
