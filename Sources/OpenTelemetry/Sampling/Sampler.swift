/// Head sampling: whether a trace is recorded, known from its id and the caller's decision alone, so that every process
/// and every server that asks gets the same answer (OpenTelemetry SDK specification, "Sampling").
package indirect enum Sampler: Sendable, Hashable {
    case alwaysOn
    case alwaysOff
    /// The share of traces, 0 to 1.
    case ratio(Double)
    /// As the caller decided; without a caller, as the other one says.
    case parentBased(Sampler)

    /// `parentbased_always_on`: what the specification has when nothing is set.
    package static let `default` = Sampler.parentBased(.alwaysOn)

    /// - Parameter isParentSampled: what the `traceparent` of the request said; nil: it had none.
    package func keeps(_ trace: TraceID, isParentSampled: Bool?) -> Bool {
        switch self {
        case .alwaysOn: true
        case .alwaysOff: false
        case .ratio(let ratio): ratio >= 1 || trace.low >> 1 < UInt64(max(ratio, 0) * 0x1p63)
        case .parentBased(let root): isParentSampled ?? root.keeps(trace, isParentSampled: nil)
        }
    }

    /// What `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` ask for; the default for what is not understood, with a
    /// diagnostic in `problems`.
    package static func parse(_ name: String?, argument: String?, problems: inout [String]) -> Sampler {
        guard let name, !name.isEmpty else { return .default }
        switch name.lowercased() {
        case "always_on": return .alwaysOn
        case "always_off": return .alwaysOff
        case "traceidratio": return .ratio(ratio(argument, &problems))
        case "parentbased_always_on": return .parentBased(.alwaysOn)
        case "parentbased_always_off": return .parentBased(.alwaysOff)
        case "parentbased_traceidratio": return .parentBased(.ratio(ratio(argument, &problems)))
        default:
            problems.append(
                "OTEL_TRACES_SAMPLER is '\(name)', which SIPRay does not have; parentbased_always_on is used. Known are "
                    + "always_on, always_off, traceidratio and the three with parentbased_ in front")
            return .default
        }
    }

    private static func ratio(_ argument: String?, _ problems: inout [String]) -> Double {
        guard let argument, !argument.isEmpty else { return 1 }
        guard let ratio = Double(argument), (0...1).contains(ratio) else {
            problems.append("OTEL_TRACES_SAMPLER_ARG is '\(argument)', which is no number from 0 to 1; 1.0 is used")
            return 1
        }
        return ratio
    }
}
