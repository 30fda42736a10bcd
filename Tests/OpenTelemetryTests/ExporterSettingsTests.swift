import Foundation
import Testing

@testable import OpenTelemetry

struct ExporterSettingsTests {
    private func read(
        _ environment: [String: String], usesBatch: Bool = true
    ) -> (ExporterSettings, [String]) {
        var diagnostics: [String] = []
        let settings = ExporterSettings(environment: environment, usesBatch: usesBatch, diagnostics: &diagnostics)
        return (settings, diagnostics)
    }

    @Test func defaults() {
        let (settings, diagnostics) = read([:])
        #expect(settings == ExporterSettings())
        #expect(settings.endpoint.description == "http://localhost:4318/v1/traces")
        #expect(settings.requestMilliseconds == 10_000 && settings.batchSpansMax == 512)
        #expect(diagnostics.isEmpty)
    }

    @Test(
        arguments: [
            // Base URL of all signals: the path is appended.
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"], nil, "http://c:4318/v1/traces"),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"], nil, "http://c:4318/v1/traces"),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/base/"], nil, "https://c:443/base/v1/traces"),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318"], nil, "http://[::1]:4318/v1/traces"),
            // For traces, and by the script: as it is.
            (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"], nil, "http://c:4318/"),
            (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/x?y=1"], nil, "http://c:1/x?y=1"),
            (
                ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/t"], nil,
                "http://b:80/t"
            ),
            (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/t"], "http://s:9/v1/traces", "http://s:9/v1/traces"),
            // gRPC: no path, a port of its own, a scheme may be missing.
            (
                ["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"], nil, "http://c:4317"
            ),
            (["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"], nil, "http://localhost:4317"),
            (
                ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "c:99"], nil,
                "https://c:99"
            ),
            (
                [
                    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "c:99",
                    "OTEL_EXPORTER_OTLP_INSECURE": "TRUE",
                ], nil, "http://c:99"
            ),
            // Empty is unset.
            (["OTEL_EXPORTER_OTLP_ENDPOINT": ""], nil, "http://localhost:4318/v1/traces"),
            // The script's form is that of the protocol.
            ([:], "http://s", "http://s:80/"),
            (["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"], "s:99", "https://s:99"),
            (["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"], "http://s", "http://s:4317"),
            (
                ["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true"], "s:99",
                "http://s:99"
            ),
        ] as [([String: String], String?, String)])
    func endpoints(environment: [String: String], script: String?, expected: String) throws {
        var (settings, diagnostics) = read(environment)
        if let script { try settings.setEndpoint(script, environment: environment) }
        #expect(settings.endpoint.description == expected)
        #expect(diagnostics.isEmpty)
    }

    /// The environment's lenience is not the script's: nothing is sent to where nobody asked for it.
    @Test(
        arguments: [
            ("http/protobuf", "collector.example.net:4318", "http://host[:port]/path"),
            ("http/json", "c", "got c"), ("http/protobuf", "https://", "protocol http/protobuf"),
            ("http/protobuf", "http://u:hush@c:4318/v1/traces", "got one with a user"),
            ("grpc", "ftp://c:4317", "host:port"), ("grpc", "c:0", "protocol grpc"), ("grpc", ":4317", "got :4317"),
        ] as [(String, String, String)])
    func aWrongEndpointOfTheScriptIsRefused(transport: String, script: String, words: String) {
        let environment = ["OTEL_EXPORTER_OTLP_PROTOCOL": transport, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://e"]
        var (settings, _) = read(environment)
        let before = settings
        let error = #expect(throws: ExporterEndpointError.self) {
            try settings.setEndpoint(script, environment: environment)
        }
        #expect(error?.description.contains(words) == true && error?.description.contains("hush") == false)
        #expect(settings == before)
    }

    @Test func aWrongEndpointOfTheEnvironmentFallsBackWithoutItsUser() {
        let (settings, diagnostics) = read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://u:hush@c/x",
        ])
        #expect(settings.endpoint.description == "http://c:80/v1/traces")
        #expect(diagnostics.count == 1 && !diagnostics[0].contains("hush"))
    }

    @Test func valuesForTracesWin() {
        let (settings, diagnostics) = read([
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2000",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
        ])
        #expect(settings.transport == .httpJSON && settings.requestMilliseconds == 2000 && settings.compresses)
        #expect(settings.headers == [.init(name: "b", value: "2")])
        #expect(diagnostics.isEmpty)
    }

    @Test func batches() {
        let (settings, diagnostics) = read([
            "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_SCHEDULE_DELAY": "0", "OTEL_BSP_EXPORT_TIMEOUT": "0",
        ])
        #expect(settings.queueSpansMax == 100 && settings.batchSpansMax == 100 && settings.delayMilliseconds == 0)
        #expect(settings.batchMilliseconds == ExportLimits.millisecondsMax)
        #expect(diagnostics.isEmpty)
        #expect(read([:], usesBatch: false).0.delayMilliseconds == 0)
    }

    @Test func aClientCertificateNeedsItsKey() {
        let (settings, diagnostics) = read(["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/etc/passwd"])
        #expect(settings.clientCertificateFile == nil)
        #expect(diagnostics.count == 1)
    }

    @Test(
        arguments: [
            ("a=1", [("a", "1")], 0), ("A-b = x%20y , c=d=e", [("a-b", "x y"), ("c", "d=e")], 0),
            ("authorization=Basic%20Zm9vOmJhcg%3D%3D", [("authorization", "Basic Zm9vOmJhcg==")], 0), ("", [], 0),
            (",,a=1,", [("a", "1")], 0), ("novalue", [], 1), ("=x", [], 1), ("a b=x", [], 1), ("a=%zz", [], 1),
            ("a=%4", [], 1), ("a=%ff", [], 1), ("a=x%0d%0aevil: 1", [], 1), ("content-type=x", [], 1),
            ("grpc-timeout=1S,a=", [("a", "")], 1), ("a=" + String(repeating: "x", count: 20000), [], 1),
        ] as [(String, [(String, String)], Int)])
    func headerLists(text: String, expected: [(String, String)], faults: Int) {
        let list = HeaderList(text)
        #expect(list.headers == expected.map { .init(name: $0.0, value: $0.1) })
        #expect(list.faults.count == faults)
    }
}
