import Bytes
import RouteLanguage
import SIPMessage

/// Functions that add, move and serialize branches.
enum BranchFunctions {
    private static let routes: RouteKinds = [.request, .failure]

    static let declarations: [FunctionDeclaration] =
        ["append_branch", "append_branch_old"].map {
            FunctionDeclaration($0, [.string("uri", optional: true), .string("q", optional: true)], routes: routes)
        }
        + ["remove_branch", "remove_msg_branch"].map {
            FunctionDeclaration($0, [.integer("branch")], routes: routes)
        }
        + ["move_branch", "move_msg_branch"].map {
            FunctionDeclaration(
                $0,
                [
                    .integer("source", optional: true), .integer("destination", optional: true),
                    .string("keep", optional: true),
                ], routes: routes)
        }
        + ["swap_branches", "swap_msg_branches", "swap_msg_branch"].map {
            FunctionDeclaration(
                $0, [.integer("first", optional: true), .integer("second", optional: true)], routes: routes)
        }
        + [
            FunctionDeclaration(
                "append_msg_branch", [.string("uri"), .string("q", optional: true), .string("flags", optional: true)],
                routes: routes),
            FunctionDeclaration(
                "serialize_branches", [.integer("clear"), .integer("keep_order", optional: true)], routes: routes),
            FunctionDeclaration("next_branches", routes: routes),
        ]

    static let functions: [String: HostFunction] = [
        "append_branch": append, "append_branch_old": append, "append_msg_branch": appendMessageBranch,
        "remove_branch": { call in
            guard let index = call.integer(0),
                let position = CSVTransformations.position(index, count: call.context.branches.count)
            else { return .no }
            call.context.branches.remove(at: position)
            return .yes
        },
        "remove_msg_branch": { call in
            // 0 is the request URI's own branch, which cannot go.
            guard let index = call.integer(0), (1...max(1, call.context.branches.count)).contains(index),
                !call.context.branches.isEmpty
            else { return .no }
            call.context.branches.remove(at: index - 1)
            return .yes
        },
        "move_branch": { move($0, swaps: false, first: 1) }, "move_msg_branch": { move($0, swaps: false, first: 0) },
        "swap_branches": { move($0, swaps: true, first: 1) }, "swap_msg_branches": { move($0, swaps: true, first: 0) },
        "swap_msg_branch": { move($0, swaps: true, first: 0) },
        "serialize_branches": serialize, "next_branches": next,
    ]

    @Sendable private static func append(_ call: borrowing Call) -> Outcome {
        var branch = Branches.own(call.context)
        if let uri = call.string(0) {
            guard SIPURI(uri) != nil else {
                call.log(.error, "\(call.name)(): \"\(uri)\" is no URI")
                return .no
            }
            branch = ScriptBranch(uri: uri.compacted(), destinationURI: call.context.destinationURI)
            branch.socket = call.context.socketOut
            branch.path = call.context.path
        }
        if let text = call.string(1) {
            guard let q = Branches.q(text) else { return .no }
            branch.q = q
        }
        guard Branches.append(branch, to: call.context) else {
            call.log(.error, "\(call.name)(): more than \(ScriptBranch.countMax) branches")
            return .no
        }
        return .yes
    }

    /// A branch of a URI alone, unless the flags let it inherit the rest from the request URI's own.
    @Sendable private static func appendMessageBranch(_ call: borrowing Call) -> Outcome {
        guard let uri = call.string(0), SIPURI(uri) != nil else {
            call.log(.error, "\(call.name)(): \"\(call.string(0) ?? .empty)\" is no URI")
            return .no
        }
        var branch = ScriptBranch(uri: uri.compacted())
        for flag in call.string(2)?.split(at: ASCII.comma).map({ $0.trimmed() }) ?? [] where !flag.isEmpty {
            // The manual writes it with an e at the end.
            guard flag.equalsIgnoringCase("inherite") || flag.equalsIgnoringCase("inherit") else {
                call.log(.error, "\(call.name)(): unknown flag \"\(flag)\"")
                return .no
            }
            branch = Branches.own(call.context)
            branch.uri = uri.compacted()
        }
        if let text = call.string(1) {
            guard let q = Branches.q(text) else { return .no }
            branch.q = q
        }
        guard Branches.append(branch, to: call.context) else {
            call.log(.error, "\(call.name)(): more than \(ScriptBranch.countMax) branches")
            return .no
        }
        return .yes
    }

    /// A moved branch leaves its place unless it is to be kept. Left out or negative stands for the request URI's own.
    /// - Parameter first: what is added to an index to count the request URI's own as 0.
    private static func move(_ call: borrowing Call, swaps: Bool, first: Int) -> Outcome {
        let context = call.context
        let count = context.branches.count + 1
        let source = call.integer(0).map { $0 < 0 ? 0 : $0 &+ first } ?? 0
        let destination = call.integer(1).map { $0 < 0 ? 0 : $0 &+ first } ?? 0
        guard (0..<count).contains(source), (0..<count).contains(destination) else { return .no }
        let keeps = !swaps && call.string(2)?.equalsIgnoringCase("keep") == true
        let moved = Branches.get(source, in: context)
        let replaced = Branches.get(destination, in: context)
        Branches.set(moved, at: destination, in: context)
        if swaps {
            Branches.set(replaced, at: source, in: context)
        } else if !keeps, source > 0, source != destination {
            context.branches.remove(at: source - 1)
        }
        return .yes
    }

    // MARK: Serial forking

    /// Turns parallel branches into serial ones: highest q first. They wait with the AVPs, so the transaction keeps them.
    @Sendable private static func serialize(_ call: borrowing Call) -> Outcome {
        let context = call.context
        var all: [ScriptBranch] = []
        if !context.branches.isEmpty {
            all = [Branches.own(context)] + context.branches
            if (call.integer(1) ?? 0) == 0 {
                // Stable: branches of one q keep their order.
                all = all.enumerated().sorted { left, right in
                    left.element.q != right.element.q
                        ? left.element.q > right.element.q : left.offset < right.offset
                }.map(\.element)
            }
        }
        context.avps.serialize(all, clearing: (call.integer(0) ?? 0) != 0)
        context.branches.removeAll()
        return .yes
    }

    /// Takes all waiting branches of the highest q. 1: more are waiting; 2: these were the last.
    @Sendable private static func next(_ call: borrowing Call) -> Outcome {
        let context = call.context
        let (branches, hasMore) = context.avps.takeSerialBranches()
        guard let first = branches.first else { return .no }
        if call.kind == .failure {
            context.branches = branches
        } else {
            Branches.setOwn(first, in: context)
            context.branches += branches.dropFirst().prefix(ScriptBranch.countMax - 1 - context.branches.count)
        }
        return .done(hasMore ? 1 : 2)
    }
}
