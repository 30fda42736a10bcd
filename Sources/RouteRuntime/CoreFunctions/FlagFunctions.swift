import Bytes
import RouteLanguage

/// `setflag`, `isflagset` and their kind: message flags and branch flags.
enum FlagFunctions {
    static let declarations: [FunctionDeclaration] =
        ["setflag", "resetflag", "isflagset"].map {
            FunctionDeclaration($0, [.string("flag", isStatic: true)])
        }
        + ["setbflag", "resetbflag", "isbflagset"].map {
            FunctionDeclaration($0, [.string("flag", isStatic: true), .integer("branch", optional: true)])
        }

    /// Whose flags a function is about. The binder resolves constant names by it, so that a call takes no lock.
    static let families: [String: FlagNames.Family] = [
        "setflag": .message, "resetflag": .message, "isflagset": .message, "setbflag": .branch, "resetbflag": .branch,
        "isbflagset": .branch,
    ]

    private enum Act { case set, reset, test }

    static func functions(_ flags: FlagNames) -> [String: HostFunction] {
        [
            "setflag": { message($0, .set, flags) },
            "resetflag": { message($0, .reset, flags) },
            "isflagset": { message($0, .test, flags) },
            "setbflag": { branch($0, .set, flags) },
            "resetbflag": { branch($0, .reset, flags) },
            "isbflagset": { branch($0, .test, flags) },
        ]
    }

    private static func message(_ call: borrowing Call, _ act: Act, _ flags: FlagNames) -> Outcome {
        let mask = mask(call, .message, flags)
        guard mask != 0 else { return .no }
        let context = call.context
        switch act {
        case .set: context.messageFlags = context.messageFlags | mask
        case .reset: context.messageFlags = context.messageFlags & ~mask
        case .test: return Outcome(context.messageFlags & mask != 0)
        }
        return .yes
    }

    private static func branch(_ call: borrowing Call, _ act: Act, _ flags: FlagNames) -> Outcome {
        let mask = mask(call, .branch, flags)
        let position = call.integer(1) ?? 0
        guard mask != 0, (0...call.context.branches.count).contains(position) else { return .no }
        var branch = Branches.get(position, in: call.context)
        switch act {
        case .set: branch.flags |= mask
        case .reset: branch.flags &= ~mask
        case .test: return Outcome(branch.flags & mask != 0)
        }
        Branches.set(branch, at: position, in: call.context)
        return .yes
    }

    private static func mask(_ call: borrowing Call, _ family: FlagNames.Family, _ flags: FlagNames) -> UInt32 {
        let known = call.site.arguments.isEmpty ? 0 : call.site.arguments[0].flagMask
        if known != 0 { return known }
        guard let name = call.string(0) else { return 0 }
        let mask = flags.mask(name, of: family)
        if mask == 0 { call.log(.error, "\(call.name)(): more than \(FlagNames.countMax) flags are in use") }
        return mask
    }
}
