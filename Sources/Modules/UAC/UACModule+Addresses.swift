import Bytes
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage

/// From and To: replaced on the first request, and on every later one of its dialog as each side knows them.
extension UACModule {
    /// `uac_replace_from([display], uri)` and `uac_replace_to`.
    func replace(_ call: borrowing Call, _ side: Side) -> Outcome {
        let context = call.context
        guard context.message.isRequest, let address = Self.address(side, of: context.message) else { return .no }
        let uri = call.string(1) ?? .empty
        guard uri.isEmpty || Self.isURI(uri) else {
            call.log(.error, "\(call.name): \"\(uri)\" is not a URI")
            return .no
        }
        let newURI = uri.isEmpty ? address.uriText : uri
        let namesChanged = call.isPresent(0)
        let change: AddressChange?
        if namesChanged {
            var writer = ByteWriter(reserving: newURI.count + 64)
            if let display = call.string(0)?.trimmed(), !display.isEmpty {
                writer.append(Self.isQuoted(display) ? display : display.quoted())
                writer.append(ASCII.space)
            }
            writer.append(ASCII.less)
            writer.append(newURI)
            writer.append(ASCII.greater)
            change = AddressChange(
                original: address.bracketedText, replaced: writer.finishText(), namesChanged: true)
        } else {
            change = AddressChange(original: address.uriText, replaced: newURI, namesChanged: false)
        }
        guard let change else {
            call.log(.error, "\(call.name): the name or the URI cannot stand in a header field")
            return .no
        }
        if mode != .none, context.message.toTag == nil, let dialogs,
            case .repeated = dialogs.create(context, options: [], on: call.process)
        {
            return DialogCreation.repeated.outcome
        }
        Self.set(side, change.replaced, namesChanged, in: context)
        guard mode != .none else { return .yes }
        Self.restoreReplies(context)
        if context.message.toTag == nil, !keep(change, side, call) {
            record(context, name(side), change.encoded(password: password))
        }
        return .yes
    }

    /// Keeps the change with the dialog of the request. False: it has to travel in Record-Route, because there is no dialog, or for
    /// one branch of several.
    private func keep(_ change: AddressChange, _ side: Side, _ call: borrowing Call) -> Bool {
        guard let use = call.context.dialogUse, use.isInitial else { return false }
        let isForBranch = call.kind == .branch
        let isAutomatic = mode == .auto
        return use.dialog.update { values in
            // Hidden calls have no Record-Route.
            let travels = isForBranch && values.hiding == nil
            values.changes[side] = DialogAddresses.Change(
                text: change, restoring: travels ? .byRoute : isAutomatic ? .automatic : .manual)
            return !travels
        }
    }

    /// `uac_restore_from()` and `uac_restore_to()`: what `auto` does by itself.
    func restore(_ call: borrowing Call, _ side: Side) -> Outcome {
        guard mode == .manual else {
            call.log(.warning, "\(call.name): restore_mode is not manual")
            return .no
        }
        if let use = call.context.dialogUse, use.restore(side, of: call.context, where: { $0 == .manual }) {
            return .yes
        }
        guard let parameters = call.context.state(RouteState.self)?.ownParameters else {
            call.log(.error, "\(call.name): loose_route() has not found a Route of this server")
            return .no
        }
        return Outcome(apply(side, parameters, to: call.context))
    }

    /// A request of a dialog came: brings it into the form that the other side knows.
    func follow(_ context: MessageContext, _ parameters: ByteString) {
        if mode == .auto {
            for side in Side.allCases { _ = apply(side, parameters, to: context) }
        }
        guard let text = Parameters(parameters).value(Self.sequenceParameter), let raised = text.decimal(), raised > 0,
            !isUpstream(context, parameters), let number = context.message.cseq?.number,
            raised <= Self.sequenceRaiseMax, Int(number) + raised < 1 << 31
        else { return }
        context.edits.setSequenceNumber(number + UInt32(raised), of: context.message)
        context.edits.raiseRAck(of: context.message, by: UInt32(raised))
        context.avps.replaceAll(Self.sequenceName, with: .integer(raised))
        Self.restoreReplies(context)
    }

    /// Makes the change that was stored for one side. False when none was.
    private func apply(_ side: Side, _ parameters: ByteString, to context: MessageContext) -> Bool {
        guard let value = Parameters(parameters).value(name(side)),
            let change = AddressChange(value, password: password)
        else { return false }
        // Towards the one who called, From and To have changed places, and the originals are wanted.
        let upstream = isUpstream(context, parameters)
        let place: Side = upstream ? (side == .from ? .to : .from) : side
        Self.set(place, upstream ? change.original : change.replaced, change.namesChanged, in: context)
        Self.restoreReplies(context)
        return true
    }

    private func isUpstream(_ context: MessageContext, _ parameters: ByteString) -> Bool {
        if let tag = Parameters(parameters).value("ftag") { return tag != context.message.fromTag }
        // Without `ftag` the one who called is known by what it calls itself.
        guard let value = Parameters(parameters).value(names.from),
            let change = AddressChange(value, password: password),
            let from = context.message.from
        else { return false }
        return from.uriText != change.original && from.addressText != change.original
    }

    static func set(_ side: Side, _ text: ByteString, _ namesChanged: Bool, in context: MessageContext) {
        let message = context.message
        guard let field = message.first(side == .from ? .from : .to), let address = Self.address(side, of: message)
        else { return }
        context.edits.replaceValue(
            of: field, with: AddressChange.apply(text, namesChanged: namesChanged, to: address))
    }

    private static func address(_ side: Side, of message: Message) -> NameAddress? {
        side == .from ? message.from : message.to
    }

    private static func isURI(_ text: ByteString) -> Bool {
        guard let colon = text.first(of: ASCII.colon), colon > 0 else { return false }
        return text.prefix(colon).isToken && text.count > colon + 1
    }

    private static func isQuoted(_ text: ByteString) -> Bool {
        text.count >= 2 && text.first == ASCII.quote && text.last == ASCII.quote
    }
}

extension NameAddress {
    /// Display name and URI, the latter in angle brackets.
    fileprivate var bracketedText: ByteString {
        if isBracketed { return addressText }
        var writer = ByteWriter(reserving: uriText.count + 2)
        writer.append(ASCII.less)
        writer.append(uriText)
        writer.append(ASCII.greater)
        return writer.finishText()
    }
}
