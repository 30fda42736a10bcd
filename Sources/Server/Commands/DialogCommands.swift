import Bytes
import JSONRPC
import Management
import Modules
import RouteRuntime

/// `dialog:*`: dialogs shown, ended and changed.
enum DialogCommands {
    private static let notFound = RPCError(code: 404, message: "Dialog not found")
    private static let busy = RPCError(code: 503, message: "Busy")

    static func register(in registry: inout CommandRegistry, _ dialogs: DialogModule) {
        for (name, alias, withContext) in [
            ("dialog:list", "dlg_list", false), ("dialog:list_ctx", "dlg_list_ctx", true),
        ] {
            registry.add(
                name, aliases: [alias], "Lists dialogs: all, one, or some of them.",
                [[], ["callid"], ["callid", "from_tag"], ["index", "counter"]]
            ) { call throws(RPCError) in
                let found = try select(call, dialogs)
                return ["Dialogs": .array(found.map { .object(dialogs.describe($0, withContext: withContext)) })]
            }
        }
        registry.add(
            "dialog:end_dlg", aliases: ["dlg_end_dlg"], "Ends a dialog, by its id or Call-ID.",
            [["dialog_id"], ["dialog_id", "extra_hdrs"]]
        ) { call throws(RPCError) in
            let dialog = try named(call, "dialog_id", dialogs)
            guard dialogs.end([dialog], extraHeaders: ByteString(try call.optionalString("extra_hdrs") ?? "")) else {
                throw busy
            }
            return "OK"
        }
        registerProfiles(in: &registry, dialogs)
        registerMembership(in: &registry, dialogs)
        registerSending(in: &registry, dialogs)
        let database = "there is no database: dialogs live in memory"
        MissingCommands.missing("dialog:db_sync", ["dlg_db_sync"], [[]], database, in: &registry)
        MissingCommands.missing("dialog:restore_db", ["dlg_restore_db"], [[]], database, in: &registry)
        MissingCommands.missing(
            "dialog:cluster_sync", ["dlg_cluster_sync"], [[], ["sharing_tag"]],
            "dialogs are not shared between servers: run one instance", in: &registry)
    }

    private static func select(_ call: CommandCall, _ dialogs: DialogModule) throws(RPCError) -> [Dialog] {
        if let callID = try call.optionalString("callid") {
            let found = dialogs.listed(
                callID: ByteString(callID), fromTag: try call.optionalString("from_tag").map { ByteString($0) })
            guard !found.isEmpty else { throw notFound }
            return found
        }
        let all = dialogs.listed
        guard let index = try call.optionalInteger("index", allowed: "0 or more") else { return all }
        let counter = try call.integer("counter", allowed: "0 or more")
        guard index >= 0 else { throw CommandCall.badType("index", allowed: "0 or more") }
        guard counter >= 0 else { throw CommandCall.badType("counter", allowed: "0 or more") }
        return Array(all.dropFirst(index).prefix(counter))
    }

    private static func named(
        _ call: CommandCall, _ parameter: String, _ dialogs: DialogModule
    ) throws(RPCError) -> Dialog {
        guard let dialog = dialogs.named(ByteString(try call.string(parameter))) else { throw notFound }
        return dialog
    }

    private static func profile(_ call: CommandCall, _ dialogs: DialogModule) throws(RPCError) -> Int {
        guard let index = dialogs.profile(ByteString(try call.string("profile"))) else {
            throw RPCError(code: 404, message: "Profile not found")
        }
        return index
    }

    private static func value(_ call: CommandCall) throws(RPCError) -> ByteString? {
        try call.optionalString("value").map { ByteString($0) }
    }

    private static func registerProfiles(in registry: inout CommandRegistry, _ dialogs: DialogModule) {
        let recipes = [["profile"], ["profile", "value"]]
        registry.add(
            "dialog:profile_get_size", aliases: ["profile_get_size"], "Tells how many dialogs are in a profile.",
            recipes
        ) { call throws(RPCError) in
            let size = dialogs.profileSize(try profile(call, dialogs), try value(call))
            var object: JSONObject = ["name": .string(try call.string("profile"))]
            if let value = try value(call) { object.append("value", .string(value.string)) }
            object.append("count", .integer(size))
            object.append("shared", "no")
            return ["Profile": .object(object)]
        }
        registry.add(
            "dialog:profile_list_dlgs", aliases: ["profile_list_dlgs"], "Lists the dialogs in a profile.", recipes
        ) { call throws(RPCError) in
            let found = dialogs.members(try profile(call, dialogs), try value(call))
            return ["Dialogs": .array(found.map { .object(dialogs.describe($0, withContext: false)) })]
        }
        registry.add(
            "dialog:profile_get_values", aliases: ["profile_get_values"], "Lists the values of a profile.",
            [["profile"]]
        ) { call throws(RPCError) in
            let values = dialogs.profileValues(try profile(call, dialogs))
            return [
                "Profile": .array(
                    values.map { ["value": .string($0.value.string), "count": .integer($0.count)] })
            ]
        }
        registry.add(
            "dialog:profile_end_dlgs", aliases: ["profile_end_dlgs"], "Ends the dialogs in a profile.", recipes
        ) { call throws(RPCError) in
            guard dialogs.end(dialogs.members(try profile(call, dialogs), try value(call))) else { throw busy }
            return "OK"
        }
        registry.add(
            "dialog:list_all_profiles", aliases: ["list_all_profiles"],
            "Lists the profiles, and whether they have values."
        ) { _ in
            [
                "Profiles": .array(
                    dialogs.profileList.map {
                        ["name": .string($0.name.string), "has value": .integer($0.hasValues ? 1 : 0), "shared": "no"]
                    })
            ]
        }
    }

    private static func registerMembership(in registry: inout CommandRegistry, _ dialogs: DialogModule) {
        registry.add(
            "dialog:set_profile", aliases: ["set_dlg_profile"], "Puts a dialog into a profile.",
            [
                ["dlg_id", "profile"], ["dlg_id", "profile", "value"], ["dlg_id", "profile", "clear_values"],
                ["dlg_id", "profile", "value", "clear_values"],
            ]
        ) { call throws(RPCError) in
            let clears = try call.optionalInteger("clear_values", allowed: "0 or 1") ?? 0
            let dialog = try named(call, "dlg_id", dialogs)
            guard dialogs.join(dialog, try profile(call, dialogs), try value(call), clearing: clears != 0) else {
                throw RPCError(code: 500, message: "Not set", data: "the dialog is in too many profiles")
            }
            return "OK"
        }
        registry.add(
            "dialog:unset_profile", aliases: ["unset_dlg_profile"], "Takes a dialog out of a profile.",
            [["dlg_id", "profile"], ["dlg_id", "profile", "value"]]
        ) { call throws(RPCError) in
            let dialog = try named(call, "dlg_id", dialogs)
            guard dialogs.leave(dialog, try profile(call, dialogs), try value(call)) else {
                throw RPCError(code: 404, message: "Not in that profile")
            }
            return "OK"
        }
        registry.add(
            "dialog:push_var", aliases: ["dlg_push_var"], "Sets a variable of one or more dialogs.",
            [["dlg_val_name", "dlg_val_value", "DID"]]
        ) { call throws(RPCError) in
            let name = ByteString(try call.string("dlg_val_name"))
            let value = ByteString(try call.string("dlg_val_value"))
            let wanted = try call.strings("DID").flatMap { $0.split(separator: " ") }.map { ByteString(String($0)) }
            let found = wanted.compactMap { dialogs.named($0) }
            guard found.count == wanted.count, !found.isEmpty else { throw notFound }
            guard found.allSatisfy({ dialogs.setVariable(name, .string(value), of: $0) }) else {
                throw RPCError(code: 500, message: "Not set", data: "a dialog has too many variables")
            }
            return "OK"
        }
    }

    private static let modes: [String: (toCaller: Bool, challenges: Bool)] = [
        "caller": (true, false), "callee": (false, false), "challenge": (true, true),
        "challenge-caller": (true, true), "challenge-callee": (false, true),
    ]

    private static func registerSending(in registry: inout CommandRegistry, _ dialogs: DialogModule) {
        let optional = ["method", "mode", "body", "headers"]
        let recipes = optional.reduce([[]]) { subsets, name in subsets + subsets.map { $0 + [name] } }
        registry.addLater(
            "dialog:send_sequential", aliases: ["dlg_send_sequential"], "Sends a request inside a dialog.",
            recipes.map { ["callid"] + $0 }
        ) { call, reply in
            do throws(RPCError) {
                let dialog = try named(call, "callid", dialogs)
                let mode = try call.optionalString("mode") ?? "caller"
                guard let (toCaller, challenges) = modes[mode] else {
                    throw CommandCall.badType("mode", allowed: modes.keys.sorted().joined(separator: ", "))
                }
                let (body, type) = try body(call, dialog, dialogs, toCaller: toCaller)
                let method = try call.optionalString("method") ?? "INVITE"
                guard OwnRequest.isSendable(ByteString(method)) else {
                    throw CommandCall.badType("method", allowed: "the name of a SIP method but ACK and CANCEL")
                }
                guard !challenges || method == "INVITE" || method == "UPDATE" else {
                    throw CommandCall.badType("method", allowed: "INVITE or UPDATE with mode=\(mode)")
                }
                let isTaken = dialogs.sendSequential(
                    dialog, method: ByteString(method), toCaller: toCaller, challenges: challenges, body: body,
                    contentType: type, headers: ByteString(try call.optionalString("headers") ?? "")
                ) { outcome, last in
                    switch outcome {
                    case .sent: reply.succeed(["Code": .integer(last.status), "Reason": .string(last.reason.string)])
                    case .noSide: reply.fail(RPCError(code: 500, message: "The dialog has no such side yet"))
                    case .invitePending:
                        reply.fail(RPCError(code: 491, message: "Another INVITE of that side has no answer yet"))
                    }
                }
                guard isTaken else { throw busy }
            } catch {
                reply.fail(error)
            }
        }
    }

    /// `none`, `inbound`, `outbound`, `custom:TYPE:BODY`
    private static func body(
        _ call: CommandCall, _ dialog: Dialog, _ dialogs: DialogModule, toCaller: Bool
    ) throws(RPCError) -> (ByteString, ByteString) {
        let text = try call.optionalString("body") ?? "none"
        switch text {
        case "none": return (.empty, .empty)
        case "inbound": return dialogs.lastBody(dialog, ofCaller: !toCaller, sentByIt: true) ?? (.empty, .empty)
        case "outbound": return dialogs.lastBody(dialog, ofCaller: toCaller, sentByIt: false) ?? (.empty, .empty)
        default:
            let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "custom", !parts[1].utf8.contains(where: { $0 < 0x20 }) else {
                throw CommandCall.badType("body", allowed: "none, inbound, outbound or custom:TYPE:BODY")
            }
            return (ByteString(String(parts[2])), ByteString(String(parts[1])))
        }
    }
}
