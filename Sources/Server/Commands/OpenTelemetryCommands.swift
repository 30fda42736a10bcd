import JSONRPC
import Management
import OpenTelemetry

/// The management commands of `opentelemetry`.
enum OpenTelemetryCommands {
    static func register(in registry: inout CommandRegistry, _ parts: OpenTelemetryParts) {
        let tracing = parts.tracing
        registry.add(
            "opentelemetry:enable", aliases: ["otel_enable"], "Switches tracing on (1) or off (0).", [["enable"]]
        ) { call throws(RPCError) in
            let wanted = try call.integer("enable", allowed: "0 or 1")
            guard wanted == 0 || wanted == 1 else { throw CommandCall.badType("enable", allowed: "0 or 1") }
            if wanted == 1, tracing.settings.isDisabled {
                throw RPCError.serverError.with(data: "OTEL_SDK_DISABLED is set: tracing cannot be switched on")
            }
            return ["enabled": .integer(tracing.setEnabled(wanted == 1) ? 1 : 0)]
        }
        registry.add("opentelemetry:status", "Tells what is traced, what is sent where, and what is lost.") {
            [exporter = parts.exporter] _ throws(RPCError) in
            var kept = JSONObject()
            let figures = tracing.figures
            for figure in TracingFigures.all { kept.append(figure.name, .integer(figure.read(figures))) }
            var status: JSONObject = ["enabled": .integer(tracing.isEnabled ? 1 : 0), "sampling": .object(kept)]
            let exported = exporter.status
            if case .object(let own) = exported.json {
                for member in own.members { status.append(member.key, member.value) }
            }
            let threads = [
                (Tracing.threadName, tracing.cpuNanoseconds), (OTLPExporter.threadName, exported.cpuNanoseconds),
            ]
            status.append("cpu_ms", .integer(Int(threads.reduce(0) { $0 + $1.1 } / 1_000_000)))
            var byThread = JSONObject()
            for (name, spent) in threads { byThread.append(name, .integer(Int(spent / 1_000_000))) }
            status.append("cpu_ms_by_thread", .object(byThread))
            return .object(status)
        }
    }
}
