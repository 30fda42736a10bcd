package import RouteLanguage

extension ModuleDeclaration {
    /// `opentelemetry`: traces of what the server does. Its parts are in the target OpenTelemetry; the Server puts them
    /// together.
    package static let openTelemetry = ModuleDeclaration(
        "opentelemetry",
        parameters: [
            .integer("enable", 0), .integer("proc_profiling", 0), .integer("log_level", 4), .integer("use_batch", 1),
            .string("service_name"), .string("exporter_endpoint"),
            // Not the peer's.
            .integer("trace_per_call", 0), .integer("propagate", 0), .string("redact"), .integer("sip_raw", 0),
            .integer("slow_us", 0), .integer("keep_failed", 0), .string("keep_methods"), .integer("keep_every", 1),
        ])
}
