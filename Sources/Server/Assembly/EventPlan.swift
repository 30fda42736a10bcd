import Bytes
import Events
import Modules
import RouteLanguage

/// What the script says about the transports of events.
enum EventPlan {
    /// How long `timeout` of `event_stream` may be.
    static let timeoutMillisecondsMax = 60_000

    static func options(_ script: Script, _ parameters: ModuleParameters) throws(ConfigurationError) -> EventOptions {
        var options = EventOptions()
        options.datagramFields = try fields(script, parameters, "event_datagram")
        options.streamFields = try fields(script, parameters, "event_stream")
        options.hasStreams = script.isLoaded("event_stream")
        options.isReliable = parameters.integer("event_stream", "reliable_mode") ?? 0 != 0
        options.streamMilliseconds = parameters.integer("event_stream", "timeout") ?? options.streamMilliseconds
        guard (1...timeoutMillisecondsMax).contains(options.streamMilliseconds) else {
            throw ManagementPlan.error(
                "timeout is \(options.streamMilliseconds) ms; 1 to \(timeoutMillisecondsMax) are possible", script,
                "event_stream", "timeout")
        }
        let name = parameters.text("event_stream", "event_param")?.string ?? ""
        options.eventParameter = name.isEmpty ? nil : name
        return options
    }

    private static func fields(
        _ script: Script, _ parameters: ModuleParameters, _ module: String
    ) throws(ConfigurationError) -> ExtraFields {
        let text = parameters.text(module, "profiling_fields")?.string ?? ""
        guard let fields = ExtraFields(names: text) else {
            throw ManagementPlan.error(
                "profiling_fields is '\(text)'", script, module, "profiling_fields",
                hint: "write \(ExtraFields.allowed), with commas between them")
        }
        return fields
    }
}
