package import Bytes
import JSONRPC
import RouteLanguage
package import RouteRuntime
import SIPDialog

/// Flags, variables and what scripts read of a dialog.
extension DialogModule {
    var valueFunctions: [String: HostFunction] {
        [
            "set_dlg_flag": { [self] call in
                changeFlag(call) { bits, mask in
                    bits |= mask
                    return true
                }
            },
            "reset_dlg_flag": { [self] call in
                changeFlag(call) { bits, mask in
                    bits &= ~mask
                    return true
                }
            },
            "is_dlg_flag_set": { [self] call in changeFlag(call) { bits, mask in bits & mask != 0 } },
            "test_and_set_dlg_flag": { [self] call in
                guard let value = call.integer(1), value == 0 || value == 1 else { return .no }
                return changeFlag(call) { bits, mask in
                    guard (bits & mask != 0) == (value == 1) else { return false }
                    bits ^= mask
                    return true
                }
            },
            "store_dlg_value": { [self] call in
                guard let dialog = call.context.dialog, let name = call.string(0) else { return .no }
                guard setVariable(name, call.value(1), of: dialog) else {
                    call.log(.error, "\(call.name): there are \(DialogSettings.variablesMax) values already")
                    return .no
                }
                return .yes
            },
            "fetch_dlg_value": { call in
                guard let dialog = call.context.dialog, let name = call.string(0),
                    let value = dialog.variable(name)
                else { return .no }
                return Outcome(call.assign(1, value))
            },
        ]
    }

    private func changeFlag(_ call: borrowing Call, _ body: (inout UInt32, UInt32) -> Bool) -> Outcome {
        guard let dialog = call.context.dialog, let name = call.string(0) else { return .no }
        let mask = flagNames.mask(name)
        guard mask != 0 else {
            call.log(.error, "\(call.name): there are \(DialogFlagNames.countMax) dialog flags already")
            return .no
        }
        return Outcome(dialog.update { body(&$0.flags, mask) })
    }

    /// NULL takes the variable away. False when there are too many.
    @discardableResult
    package func setVariable(_ name: ByteString, _ value: Value, of dialog: Dialog) -> Bool {
        let value = value.compacted
        let name = name.compacted()
        return dialog.update { values in
            if let index = values.variables.firstIndex(where: { $0.name == name }) {
                if value.isNull { values.variables.remove(at: index) } else { values.variables[index].value = value }
                return true
            }
            guard !value.isNull else { return true }
            guard values.variables.count < DialogSettings.variablesMax else { return false }
            values.variables.append((name, value))
            return true
        }
    }

    var variables: [VariableDefinition] {
        [
            Self.variable("DLG_count") { [self] _ in .decimal(activeCount) },
            Self.variable("DLG_status") { access in
                access.context.dialog.map { .decimal($0.state.rawValue) } ?? .null
            },
            Self.variable("DLG_lifetime") { [self] access in
                guard let dialog = access.context.dialog else { return .null }
                let (start, end) = dialog.read { ($0.confirmedAt, $0.endedAt) }
                return .decimal(start == 0 ? 0 : max(0, (end == 0 ? now() : end) - start))
            },
            Self.variable("DLG_flags") { [self] access in
                guard let dialog = access.context.dialog else { return .null }
                return .string(ByteString(flagText(dialog.read { $0.flags })))
            },
            Self.variable("DLG_dir") { access in
                guard let use = access.context.dialogUse, !use.isInitial else { return .null }
                return .string(use.sender == .caller ? "downstream" : "upstream")
            },
            Self.variable("DLG_did") { access in Value(access.context.dialog?.id) },
            Self.variable("DLG_end_reason") { access in
                guard let reason = access.context.dialog?.read({ $0.machine.endReason }) else { return .null }
                return .string(ByteString(reason.text))
            },
            Self.variable("DLG_json") { [self] access in json(access.context.dialog, withContext: false) },
            Self.variable("DLG_ctx_json") { [self] access in json(access.context.dialog, withContext: true) },
            VariableDefinition(
                VariableDeclaration("DLG_timeout", isWritable: true),
                read: { [self] access in access.context.dialog.map { .decimal(secondsLeft($0)) } ?? .null },
                write: { [self] access, value, _ in
                    guard let dialog = access.context.dialog, let seconds = value.seconds, seconds > 0 else {
                        return false
                    }
                    setLifetime(seconds, of: dialog)
                    return true
                }),
            VariableDefinition(
                VariableDeclaration("DLG_del_delay", isWritable: true),
                read: { access in
                    access.context.dialog.map { .decimal($0.read { $0.deleteDelaySeconds }) } ?? .null
                },
                write: { access, value, _ in
                    guard let dialog = access.context.dialog, let seconds = value.seconds, seconds >= 0 else {
                        return false
                    }
                    dialog.update { $0.deleteDelaySeconds = seconds }
                    return true
                }),
            VariableDefinition(
                VariableDeclaration("dlg_val", inner: .required, isWritable: true),
                read: { access in
                    guard let dialog = access.context.dialog, let name = access.inner else { return .null }
                    return dialog.variable(name) ?? .null
                },
                write: { [self] access, value, _ in
                    guard let dialog = access.context.dialog, let name = access.inner else { return false }
                    guard setVariable(name, value, of: dialog) else {
                        log(.error, "$dlg_val(\(name)): there are \(DialogSettings.variablesMax) values already")
                        return false
                    }
                    return true
                }),
        ]
    }

    private static func variable(_ name: String, _ read: @escaping VariableReader) -> VariableDefinition {
        VariableDefinition(VariableDeclaration(name), read: read)
    }

    private func json(_ dialog: Dialog?, withContext: Bool) -> Value {
        guard let dialog else { return .null }
        return .string(ByteString(JSONValue.object(describe(dialog, withContext: withContext)).serialized()))
    }
}

extension Dialog {
    func variable(_ name: ByteString) -> Value? {
        read { values in values.variables.first { $0.name == name }?.value }
    }
}

extension Value {
    /// Whole seconds, up to 30 years; text that is a number counts as one.
    fileprivate var seconds: Int? {
        guard let number = integer ?? text?.decimal(), (-1_000_000_000...1_000_000_000).contains(number) else {
            return nil
        }
        return number
    }
}
