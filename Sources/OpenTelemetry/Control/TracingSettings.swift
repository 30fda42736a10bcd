/// How the server is traced: the module's parameters over the environment over the defaults.
package struct TracingSettings: Sendable {
    /// `enable`
    package var isEnabled = false
    /// `OTEL_SDK_DISABLED`: cannot be switched on.
    package var isDisabled = false
    /// `proc_profiling`
    package var profilesProcesses = false
    /// `log_level`: lines up to it become events; nil: none does.
    package var logLevel: Int? = 4
    /// `use_batch`
    package var usesBatches = true
    package var sampler = Sampler.default
    package var tail = TailRules()
    package var redaction: Redaction = []
    /// `trace_per_call`
    package var tracesCalls = false
    /// `propagate`
    package var propagates = false
    /// `sip_raw`
    package var notesRawMessages = false
    /// What the resource says besides what is known of server and machine; `service.name` is in it.
    package var resource: [Attribute] = []
    /// What is wrong with the environment and what is used instead, for the log.
    package var problems: [String] = []

    /// `service.name` when nobody says one.
    package static let serviceName = "sipray"

    /// The defaults, and what the environment says (OpenTelemetry specification, "Environment Variable Specification").
    package init(environment: [String: String] = [:]) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let text = value("OTEL_SDK_DISABLED") {
            switch text.lowercased() {
            case "true": isDisabled = true
            case "false": break
            default: problems.append("OTEL_SDK_DISABLED is '\(text)', which is neither true nor false; false is used")
            }
        }
        sampler = Sampler.parse(
            value("OTEL_TRACES_SAMPLER"), argument: value("OTEL_TRACES_SAMPLER_ARG"), problems: &problems)
        resource = [Attribute("service.name", .string(TracingSettings.serviceName))]
        if let text = value("OTEL_RESOURCE_ATTRIBUTES") {
            if let attributes = Self.attributes(text) {
                for attribute in attributes { set(attribute) }
            } else {
                problems.append(
                    "OTEL_RESOURCE_ATTRIBUTES is '\(text)', which is not key=value,key=value; nothing of it is used")
            }
        }
        if let name = value("OTEL_SERVICE_NAME") { set(Attribute("service.name", .string(name))) }
    }

    /// Sets an attribute of the resource in the place of one with the same key.
    package mutating func set(_ attribute: Attribute) {
        if let index = resource.firstIndex(where: { $0.key == attribute.key }) {
            resource[index] = attribute
        } else {
            resource.append(attribute)
        }
    }

    /// `key=value,key=value`, percent-encoded as in W3C Baggage; nil when any part of it is wrong.
    static func attributes(_ text: String) -> [Attribute]? {
        var attributes: [Attribute] = []
        for part in text.split(separator: ",") {
            guard let equal = part.firstIndex(of: "="),
                let key = decoded(trimmed(part[..<equal])), !key.isEmpty,
                let value = decoded(trimmed(part[part.index(after: equal)...]))
            else { return nil }
            attributes.append(Attribute(key, .string(value)))
        }
        return attributes
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return text
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
