import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `rr` at work. Budget: `loose_route()` on a request of a dialog costs the list of Route values, one edit and one state.
struct RRModule: Sendable {
    private let addresses: LocalAddresses
    private let text: RecordRouteText
    private let inDialog: InDialogObservers

    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let parameters = environment.parameters
        let module = RRModule(
            addresses: environment.addresses,
            text: RecordRouteText(
                appendsFromTag: parameters.isOn("rr", "append_fromtag"),
                usesTwoHeaders: parameters.isOn("rr", "enable_double_rr"),
                addsUser: parameters.isOn("rr", "add_username")),
            inDialog: environment.inDialog)
        return ModuleBinding(
            "rr",
            functions: [
                "loose_route": { call in .done(module.looseRoute(call)) },
                "record_route": { call in module.recordRoute(call) },
                "record_route_preset": { call in module.recordRoutePreset(call) },
                "add_rr_param": { call in module.addParameter(call) },
                "check_route_param": { call in
                    guard let own = call.context.state(RouteState.self)?.ownParameters,
                        let pattern = call.regularExpression(0)
                    else { return .no }
                    return Outcome(pattern.matches(own))
                },
                "is_direction": { call in module.isDirection(call) },
            ],
            variables: [
                VariableDefinition(VariableDeclaration("rr_params")) { access in
                    Value(access.context.state(RouteState.self)?.ownParameters)
                }
            ])
    }

    // MARK: Routing

    private func looseRoute(_ call: borrowing Call) -> Int32 {
        let context = call.context
        let message = context.message
        guard message.isRequest, message.contains(.route) else { return -1 }
        if let before = context.state(RouteState.self)?.looseRouteResult { return before }
        let elements = Array(message.elements(of: .route))
        let plan = RoutePlan(
            routes: elements.map { message.text($0.range) }, requestURI: context.requestURI,
            hasToTag: message.toTag != nil, isMyself: addresses.contains)
        guard let plan else { return -1 }
        keep(plan, of: elements, in: context)
        if let uri = plan.requestURI { context.requestURI = uri }
        if let uri = plan.destinationURI { context.destinationURI = uri }
        if let own = plan.outboundOwn {
            context.socketOut = listener(of: own) ?? context.socketOut
        }
        let result: Int32 = plan.isPreloadedOnly ? -1 : 1
        context.updateState(RouteState()) { state in
            state.looseRouteResult = result
            state.ownParameters = plan.ownParameters
            state.remaining = plan.kept.map { message.text(elements[$0].range) }
            if let appended = plan.appended { state.remaining?.append(appended.inAngleBrackets) }
        }
        if result > 0, message.toTag != nil { inDialog.call(context, call.process, plan.ownParameters) }
        return result
    }

    /// The listener that a Route value of ours names. No transport means UDP, and TLS for `sips` (RFC 3261 §19.1.2, §26.2.2): so
    /// `RecordRouteText` wrote it. A preset may have left it out of another listener's.
    private func listener(of own: SIPURI) -> ScriptSocket? {
        let port = Int(own.effectivePort)
        if let transport = own.transport { return addresses.socket(host: own.host, port: port, transport: transport) }
        return addresses.socket(host: own.host, port: port, transport: own.isSecure ? "tls" : "udp")
            ?? addresses.socket(host: own.host, port: port)
    }

    /// Edits the Route fields down to what `plan` keeps, and adds its last value.
    private func keep(_ plan: RoutePlan, of elements: [HeaderElement], in context: MessageContext) {
        let message = context.message
        var index = 0
        while index < elements.count {
            let field = elements[index].field
            var end = index
            while end < elements.count, elements[end].field == field { end += 1 }
            let kept = (index..<end).clamped(to: plan.kept)
            if kept.isEmpty {
                context.edits.remove(field)
            } else if kept != index..<end {
                let text = ByteRange(
                    lower: elements[kept.lowerBound].range.lower, upper: elements[kept.upperBound - 1].range.upper)
                context.edits.replaceValue(of: field, with: message.text(text))
            }
            index = end
        }
        guard let appended = plan.appended, let last = elements.last?.field else { return }
        context.edits.insert(at: last.line.end) { writer in
            writer.append("Route: <")
            writer.append(appended)
            writer.append(">\r\n")
        }
    }

    // MARK: Recording

    private func recordRoute(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard context.message.isRequest else { return .no }
        let parameters = call.string(0)
        let isFirst = context.updateState(RouteState()) { state in
            if let parameters { state.parameters = state.parameters + parameters }
            defer { state.isRecording = true }
            return !state.isRecording
        }
        if isFirst { context.outboundEdits.append(addHeader) }
        return .yes
    }

    private func recordRoutePreset(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard context.message.isRequest, let outbound = call.string(0) else { return .no }
        let inbound = call.string(1)
        let isFirst = context.updateState(RouteState()) { state in
            state.preset = (outbound, inbound)
            defer { state.isRecording = true }
            return !state.isRecording
        }
        if isFirst { context.outboundEdits.append(addHeader) }
        return .yes
    }

    private func addParameter(_ call: borrowing Call) -> Outcome {
        guard let parameter = call.string(0), parameter.first == ASCII.semicolon else {
            call.log(.error, "add_rr_param: \"\(call.string(0) ?? .empty)\" does not begin with a semicolon")
            return .no
        }
        call.context.updateState(RouteState()) { $0.parameters = $0.parameters + parameter }
        return .yes
    }

    /// Runs when the message is sent: only then is the listener known that it leaves by.
    private func addHeader(_ context: MessageContext, _ edits: inout MessageEdits, _ outbound: ScriptSocket) {
        guard let state = context.state(RouteState.self), state.isRecording else { return }
        let message = context.message
        let lines = text.lines(
            state: state, fromTag: text.appendsFromTag ? message.fromTag : nil, user: requestUser(context),
            inbound: context.socketIn, outbound: outbound)
        if let first = message.first(.recordRoute) {
            edits.insert(line: lines, before: first)
        } else if let via = message.last(.via) {
            edits.insert(line: lines, after: via)
        } else {
            edits.append(line: lines, to: message)
        }
    }

    private func requestUser(_ context: MessageContext) -> ByteString {
        text.addsUser ? SIPURI(context.requestURI)?.user ?? .empty : .empty
    }

    // MARK: Direction

    /// `ftag` is the tag of the one who called: in From downstream, in To upstream.
    private func isDirection(_ call: borrowing Call) -> Outcome {
        guard let word = call.string(0), let own = call.context.state(RouteState.self)?.ownParameters else {
            return .no
        }
        let isUpstream: Bool
        if let tag = Parameters(own).value("ftag") {
            isUpstream = tag != call.context.message.fromTag
        } else {
            isUpstream = false
        }
        if word.equalsIgnoringCase("upstream") { return Outcome(isUpstream) }
        if word.equalsIgnoringCase("downstream") { return Outcome(!isUpstream) }
        call.log(.error, "is_direction: \"\(word)\" is neither upstream nor downstream")
        return .no
    }
}
