import Bytes
import RouteLanguage

/// Functions about the script itself: printing, time, events, tracing.
enum ScriptFunctions {
    static let declarations: [FunctionDeclaration] = [
        FunctionDeclaration("pv_printf", [.output("variable"), .string("format")]),
        FunctionDeclaration("avp_print"),
        FunctionDeclaration("get_timestamp", [.output("seconds"), .output("microseconds")]),
        FunctionDeclaration(
            "script_trace",
            [
                .integer("level", optional: true), .string("format", optional: true, isStatic: false),
                .string("info", optional: true, isStatic: true),
            ]),
        FunctionDeclaration(
            "raise_event",
            [
                .string("event"), ParameterSpec("names", .inputVariable, isOptional: true),
                ParameterSpec("values", .inputVariable, isOptional: true),
            ]),
        FunctionDeclaration(
            "subscribe_event", [.string("event"), .string("socket"), .integer("expires", optional: true)]),
    ]

    static func functions(_ host: CoreHost) -> [String: HostFunction] {
        [
            "pv_printf": { call in Outcome(call.assign(0, Value(call.string(1)))) },
            "avp_print": { call in
                for avp in call.context.avps.all { call.log(.info, "\(avp.name) = \(avp.value.printed)") }
                return .yes
            },
            "get_timestamp": { call in
                let now = TimeVariables.now()
                return Outcome(call.assign(0, .integer(now.seconds)) && call.assign(1, .integer(now.microseconds)))
            },
            "script_trace": trace,
            "raise_event": { raise($0, host) },
            "subscribe_event": { call in
                guard let event = call.string(0), let socket = call.string(1) else { return .no }
                return Outcome(host.subscribeEvent(event, socket, call.integer(2)))
            },
        ]
    }

    @Sendable private static func trace(_ call: borrowing Call) -> Outcome {
        guard call.isPresent(0), let level = call.integer(0) else {
            call.run.trace = nil
            return .yes
        }
        guard call.isPresent(1), let format = call.formatArgument(1) else { return .no }
        call.run.trace = ScriptTrace(level: ScriptLogLevel(clamping: level), format: format, info: call.string(2))
        return .yes
    }

    /// The first list holds names, the second values. Values alone go by position; names alone are no parameters.
    private static func raise(_ call: borrowing Call, _ host: CoreHost) -> Outcome {
        guard let event = call.string(0) else { return .no }
        guard call.isPresent(2) else { return Outcome(host.raiseEvent(event, [])) }
        let values = call.allValues(2)
        guard call.isPresent(1) else { return Outcome(host.raiseEvent(event, values.map { (nil, $0) })) }
        let names = call.allValues(1)
        guard names.count == values.count else {
            call.log(.error, "raise_event(): \(names.count) names and \(values.count) values")
            return .no
        }
        return Outcome(host.raiseEvent(event, zip(names, values).map { ($0.text, $1) }))
    }
}

extension Call {
    /// The format of an argument, to be printed again and again.
    func formatArgument(_ index: Int) -> BoundFormat? {
        switch site.arguments[index].kind {
        case .format(let format): format
        case .constant(let value): BoundFormat(parts: [.literal(value.printed)])
        case .variable(let variable): BoundFormat(parts: [.variable(variable)])
        case .omitted, .output: nil
        }
    }

    /// Every value of an AVP-like argument, in the order in which they were added.
    package func allValues(_ index: Int) -> [Value] {
        guard site.arguments.indices.contains(index), case .variable(let variable) = site.arguments[index].kind else {
            return isPresent(index) ? [value(index)] : []
        }
        var values: [Value] = []
        while values.count < AVPStore.valueCountMax {
            let value = variable.read(in: run, at: values.count)
            if value.isNull { break }
            values.append(value)
        }
        return values.reversed()
    }
}
