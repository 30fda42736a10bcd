package import Bytes
import RouteRuntime
import SIPDialog

/// Profiles: classes of dialogs that scripts count.
extension DialogModule {
    var profileFunctions: [String: HostFunction] {
        [
            "set_dlg_profile": { [self] call in
                guard let (dialog, index) = subject(call), hasValue(call) else { return .no }
                let clears = (call.integer(2) ?? 0) != 0 || call.string(2) == "true"
                guard join(dialog, index, call.string(1), clearing: clears) else {
                    call.log(.error, "\(call.name): it is in \(DialogSettings.profilesMax) profiles already, or over")
                    return .no
                }
                return .yes
            },
            "unset_dlg_profile": { [self] call in
                guard let (dialog, index) = subject(call), hasValue(call) else { return .no }
                return Outcome(leave(dialog, index, call.string(1)))
            },
            "is_in_profile": { [self] call in
                guard let (dialog, index) = subject(call), hasValue(call) else { return .no }
                return Outcome(isMember(dialog, index, call.string(1)))
            },
            "get_profile_size": { [self] call in
                guard let index = index(call), hasValue(call) else { return .no }
                return Outcome(call.assign(2, .integer(profiles.size(index, call.string(1)))))
            },
        ]
    }

    private func index(_ call: borrowing Call) -> Int? {
        guard let name = call.string(0), let index = profiles.index(name) else {
            call.log(.error, "\(call.name): there is no profile \"\(call.string(0) ?? "")\"; declare it with modparam")
            return nil
        }
        return index
    }

    /// A value that was given and is NULL is not one that was left out: it stands for none, not for all.
    private func hasValue(_ call: borrowing Call) -> Bool {
        guard call.isPresent(1), call.value(1).isNull else { return true }
        call.log(.error, "\(call.name): the value is NULL")
        return false
    }

    private func subject(_ call: borrowing Call) -> (Dialog, Int)? {
        guard let index = index(call), let dialog = call.context.dialog else { return nil }
        return (dialog, index)
    }

    /// Puts the dialog into a profile. In a profile with values it may be with several.
    package func join(_ dialog: Dialog, _ index: Int, _ value: ByteString?, clearing: Bool) -> Bool {
        if clearing { _ = leave(dialog, index, nil) }
        let link = profiles.link(index, value)
        let isAdded = dialog.update { values -> Bool? in
            if values.profiles.contains(link) { return nil }
            guard values.machine.state != .deleted, values.profiles.count < DialogSettings.profilesMax else {
                return false
            }
            values.profiles.append(link)
            return true
        }
        if isAdded == true { profiles.count(link, by: 1) }
        return isAdded ?? true
    }

    /// Takes the dialog out of a profile: with that value, or with all. False when it was not in.
    package func leave(_ dialog: Dialog, _ index: Int, _ value: ByteString?) -> Bool {
        let wanted = value.map { profiles.link(index, $0) }
        let left = dialog.update { values -> [ProfileLink] in
            guard values.machine.state != .deleted else { return [] }
            let left = values.profiles.filter { $0.profile == index && (wanted == nil || $0 == wanted) }
            values.profiles.removeAll { left.contains($0) }
            return left
        }
        for link in left { profiles.count(link, by: -1) }
        return !left.isEmpty
    }

    func isMember(_ dialog: Dialog, _ index: Int, _ value: ByteString?) -> Bool {
        let hasValues = profiles.profiles[index].hasValues
        return dialog.read { values in
            values.profiles.contains { $0.profile == index && (value == nil || !hasValues || $0.value == value) }
        }
    }

    /// The dialogs in a profile that are not over. Walks the table.
    package func members(_ index: Int, _ value: ByteString?) -> [Dialog] {
        table.all.filter { $0.state != .deleted && isMember($0, index, value) }
    }
}
