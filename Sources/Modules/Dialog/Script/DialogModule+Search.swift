import Bytes
import JSONRPC
import RouteRuntime
import SIPDialog

/// Other dialogs than the message's own. All but look-ups by id and Call-ID walk the table.
extension DialogModule {
    var searchFunctions: [String: HostFunction] {
        [
            "get_dialog_info": { [self] call in
                guard let attribute = call.string(0), let key = call.string(2), let wanted = call.string(3) else {
                    return .no
                }
                let found = dialogs(with: key, wanted).compactMap { $0.variable(attribute) }
                guard !found.isEmpty else { return .no }
                // The first value is the one of index 0: AVPs are pushed in front.
                for value in found.reversed() { call.assign(1, value) }
                call.assign(4, .integer(found.count))
                return .yes
            },
            "get_dialog_vals": { [self] call in
                guard let callID = call.string(2), let dialog = live(callID: callID) else { return .no }
                for variable in dialog.values.variables.reversed() {
                    call.assign(0, .string(variable.name))
                    call.assign(1, variable.value)
                }
                return .yes
            },
            "get_dialogs_by_val": { [self] call in
                guard let name = call.string(0), let wanted = call.string(1) else { return .no }
                return answer(call, dialogs(with: name, wanted))
            },
            "get_dialogs_by_profile": { [self] call in
                guard let name = call.string(0), let index = profiles.index(name),
                    !call.isPresent(1) || !call.value(1).isNull
                else { return .no }
                return answer(call, members(index, call.string(1)))
            },
            "load_dialog_ctx": { [self] call in load(call) },
            "unload_dialog_ctx": { call in
                guard call.context.state(LoadedDialog.self)?.loaded != nil else { return .no }
                call.context.updateState(LoadedDialog()) { $0.loaded = nil }
                return .yes
            },
        ]
    }

    private func answer(_ call: borrowing Call, _ found: [Dialog]) -> Outcome {
        guard !found.isEmpty else { return .no }
        for dialog in found.reversed() {
            call.assign(
                2, .string(ByteString(JSONValue.object(describe(dialog, withContext: true)).serialized())))
        }
        call.assign(3, .integer(found.count))
        return .yes
    }

    private func dialogs(with name: ByteString, _ wanted: ByteString) -> [Dialog] {
        table.all.filter { $0.state != .deleted && $0.variable(name)?.text == wanted }
    }

    func live(callID: ByteString) -> Dialog? { table.find(callID: callID) { $0.state != .deleted } }

    private func load(_ call: borrowing Call) -> Outcome {
        guard let name = call.string(0) else { return .no }
        guard call.context.state(LoadedDialog.self)?.loaded == nil else {
            call.log(.error, "load_dialog_ctx: another dialog is loaded; unload_dialog_ctx() goes first")
            return .no
        }
        let isActive: Bool = (call.integer(2) ?? 0) != 0
        let found: Dialog?
        if let type = call.string(1), type.equalsIgnoringCase("did") {
            found = Dialog.parts(of: name).flatMap { table.find(chain: $0.chain, number: $0.number) }
        } else {
            found = live(callID: name) ?? table.find(callID: name)
        }
        guard let found, !isActive || found.state != .deleted else { return .no }
        call.context.updateState(LoadedDialog()) { $0.loaded = found }
        return .yes
    }
}
