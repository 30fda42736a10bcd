import Bytes
package import JSONRPC
import RouteRuntime
import SIPDialog

/// A dialog as management, `$DLG_json` and `$DLG_ctx_json` show it.
extension DialogModule {
    /// - Parameter withContext: also variables and profiles.
    package func describe(_ dialog: Dialog, withContext: Bool) -> JSONObject {
        let values = dialog.values
        let left = secondsLeft(dialog)
        let start = values.confirmedAt
        let end = start == 0 || values.machine.state == .deleted ? 0 : now() + left
        var object: JSONObject = [
            "ID": .string(dialog.id.string), "db_id": .string(String(dialog.databaseID)),
            "state": .integer(values.machine.state.rawValue),
            "user_flags": .string(flagText(values.flags)),
            "timestart": .integer(start), "datestart": .string(Self.date(start)),
            "timeout": .integer(end), "dateout": .string(Self.date(end)),
            "callid": .string(dialog.callID.string), "from_uri": .string(dialog.fromURI.string),
            "to_uri": .string(dialog.toURI.string), "caller_tag": .string(values.caller.tag.string),
            "caller_contact": .string(values.caller.remoteTarget.string),
            "callee_cseq": .string(String(values.callee?.numbers.last ?? 0)),
            "caller_route_set": .string(values.caller.routes.text.string),
            "caller_bind_addr": .string(dialog.callerSocket?.description.string ?? ""),
            "caller_sdp": .string(values.caller.bodySent.text.string),
        ]
        let shown = values.confirmed.map { [values.callees[$0]] } ?? values.callees
        object.append(
            "CALLEES",
            .array(
                shown.map { leg in
                    [
                        "callee_tag": .string(leg.tag.string), "callee_contact": .string(leg.remoteTarget.string),
                        "caller_cseq": .string(String(values.caller.numbers.last ?? 0)),
                        "callee_route_set": .string(leg.routes.text.string),
                        "callee_bind_addr": .string(values.calleeSocket?.description.string ?? ""),
                        "callee_sdp": .string(leg.bodySent.text.string),
                    ]
                }))
        // Ours: the peer tells of the time since the answer only.
        object.append("age", .integer(max(0, (values.endedAt == 0 ? now() : values.endedAt) - dialog.createdAt)))
        if withContext { object.append("context", .object(context(values))) }
        return object
    }

    private func context(_ values: Dialog.Values) -> JSONObject {
        var context = JSONObject()
        context.append(
            "values",
            .array(values.variables.map { .object([$0.name.string: Self.json($0.value)]) }))
        context.append(
            "profiles",
            .array(
                values.profiles.map { .object([profiles.profiles[$0.profile].name.string: .string($0.value.string)]) }))
        return context
    }

    /// Bytes that can't be printed are shown in hex.
    private static func json(_ value: Value) -> JSONValue {
        switch value {
        case .null: return .null
        case .integer(let number), .decimal(let number): return .integer(number)
        case .string(let text), .both(let text, _):
            guard text.elements.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return .string(text.string) }
            var writer = ByteWriter(reserving: text.count * 2)
            for byte in text.elements {
                if byte < 0x20 || byte == 0x7F {
                    writer.append("\\x")
                    writer.append(hex: UInt64(byte), digits: 2)
                } else {
                    writer.append(byte)
                }
            }
            return .string(writer.finishText().string)
        }
    }

    func flagText(_ bits: UInt32) -> String {
        flagNames.names(of: bits).map(\.string).joined(separator: " ")
    }

    /// `2026-11-23 09:00:00` in UTC; `0` stands for none.
    static func date(_ seconds: Int) -> String {
        guard seconds > 0 else { return "0" }
        let time = CivilTime(localSeconds: seconds)
        let (year, month, day) = CivilTime.date(time.day)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        let clock = [time.second / 3600, time.second / 60 % 60, time.second % 60].map(two).joined(separator: ":")
        return "\(year)-\(two(month))-\(two(day)) \(clock)"
    }
}
