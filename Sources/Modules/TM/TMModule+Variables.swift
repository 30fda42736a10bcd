import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransaction
import SIPTransport

/// Variables of `tm`.
extension TMModule {
    private static func declaration(_ name: String) -> VariableDeclaration {
        guard let found = ModuleDeclaration.tmVariables.first(where: { $0.name == name }) else {
            preconditionFailure("tm: the variable \(name) is not declared")
        }
        return found
    }

    private func variable(
        _ name: String, write: VariableWriter? = nil, read: @escaping VariableReader
    ) -> VariableDefinition {
        VariableDefinition(Self.declaration(name), read: read, write: write)
    }

    var variables: [VariableDefinition] {
        [
            variable("T_branch_idx") { access in
                switch access.run.kind {
                case .branch, .onreply, .failure: .decimal(access.context.branchIndex)
                default: .null
                }
            },
            variable("T_reply_code") { access in
                .decimal(
                    replyCode(
                        access.context, isRequestRoute: access.run.kind == .request || access.run.kind == .branch))
            },
            variable(
                "T_fr_timeout",
                write: { access, value, _ in
                    guard let seconds = Self.seconds(value) else { return false }
                    access.context.makeTMState().update { $0.finalTimeout = seconds.value }
                    guard let transaction = access.context.tmTransaction, let worker = host.worker(access.process)
                    else {
                        return true
                    }
                    transaction.finalResponseTimeout =
                        seconds.value.map { UInt32(clamping: $0 * 1_000) }
                        ?? worker.stack.configuration.settings.finalResponse
                    return true
                }
            ) { access in
                if let set = access.context.tmState?.values.finalTimeout { return .decimal(set) }
                return host.worker(access.process).map {
                    .decimal(Int($0.stack.configuration.settings.finalResponse) / 1_000)
                } ?? .null
            },
            variable(
                "T_fr_inv_timeout",
                write: { access, value, _ in
                    guard let seconds = Self.seconds(value) else { return false }
                    access.context.makeTMState().update { $0.finalInviteTimeout = seconds.value }
                    guard let transaction = access.context.tmTransaction, let worker = host.worker(access.process)
                    else {
                        return true
                    }
                    transaction.finalInviteResponseTimeout =
                        seconds.value.map { UInt32(clamping: $0 * 1_000) }
                        ?? worker.stack.configuration.settings.finalInviteResponse
                    return true
                }
            ) { access in
                if let set = access.context.tmState?.values.finalInviteTimeout { return .decimal(set) }
                return host.worker(access.process).map {
                    .decimal(Int($0.stack.configuration.settings.finalInviteResponse) / 1_000)
                } ?? .null
            },
            variable("T_ruri") { access in
                guard let transaction = access.context.tmTransaction else { return .null }
                return Value(
                    transaction.branch(access.context.branchIndex)?.requestURI
                        ?? transaction.originalRequest?.requestURI)
            },
            variable(
                "bavp",
                write: { access, value, _ in
                    guard let name = access.inner, let avps = branchAVPs(access, makes: true) else { return false }
                    return avps.replaceAll(name, with: value.isNull ? nil : value)
                }
            ) { access in
                guard let name = access.inner else { return .null }
                return branchAVPs(access, makes: false)?.value(name) ?? .null
            },
            variable("T_id") { access in
                guard let transaction = access.context.tmTransaction else { return .null }
                var writer = ByteWriter(reserving: 16)
                writer.append(hex: UInt64(transaction.identity.place), digits: 8)
                writer.append(hex: UInt64(transaction.identity.serial), digits: 8)
                return .string(writer.finishText())
            },
            variable("T_branch_last_reply_code") { access in
                guard let transaction = access.context.tmTransaction else { return .null }
                let index = access.inner?.decimal() ?? access.context.branchIndex
                return transaction.branch(index).flatMap { $0.response.map { .decimal($0.statusCode) } } ?? .null
            },
        ] + branchVariables
    }

    private var branchVariables: [VariableDefinition] {
        [
            variable("tm.branch.uri") { access in
                if let coming = coming(access) { return .string(coming.requestURI) }
                return Value(view(access)?.requestURI)
            },
            variable("tm.branch.duri") { access in
                Value(coming(access)?.destinationURI ?? kept(access)?.branch.destinationURI)
            },
            variable("tm.branch.path") { access in Value(coming(access)?.path ?? kept(access)?.branch.path) },
            variable("tm.branch.q") { access in
                guard let q = coming(access)?.q ?? kept(access)?.branch.q, q != ScriptBranch.qUnspecified else {
                    return .null
                }
                return .decimal(q)
            },
            variable("tm.branch.flags") { access in
                guard let flags = coming(access)?.branchFlags ?? kept(access)?.values.flags else { return .null }
                var writer = ByteWriter()
                for (place, name) in host.flags.names(of: flags, in: .branch).enumerated() {
                    if place > 0 { writer.append(ASCII.comma) }
                    writer.append(name)
                }
                return .string(writer.finishText())
            },
            variable("tm.branch.socket") { access in
                guard let view = view(access), let socket = view.destination.socket else { return .null }
                return .string(ByteString(socket.description))
            },
            variable(
                "tm.branch.flag",
                write: { access, value, _ in
                    guard let name = access.inner else { return false }
                    let mask = host.flags.mask(name, of: .branch)
                    if let coming = coming(access) {
                        if value.integer ?? 0 > 0 { coming.branchFlags |= mask } else { coming.branchFlags &= ~mask }
                        return true
                    }
                    guard let kept = kept(access) else { return false }
                    kept.update { values in
                        if value.integer ?? 0 > 0 { values.flags |= mask } else { values.flags &= ~mask }
                    }
                    return true
                }
            ) { access in
                guard let name = access.inner, let flags = coming(access)?.branchFlags ?? kept(access)?.values.flags
                else { return .null }
                return .decimal(flags & host.flags.mask(name, of: .branch) != 0 ? 1 : 0)
            },
            variable(
                "tm.branch.attr",
                write: { access, value, _ in
                    guard let name = access.inner else { return false }
                    let isSet: Bool
                    if let coming = coming(access) {
                        isSet = coming.branchAttributes.set(name, value)
                    } else {
                        guard let kept = kept(access) else { return false }
                        isSet = kept.update { $0.attributes.set(name, value) }
                    }
                    return isSet || access.refuseAttribute(name)
                }
            ) { access in
                guard let name = access.inner else { return .null }
                let attributes = coming(access)?.branchAttributes ?? kept(access)?.values.attributes
                return attributes?.value(name) ?? .null
            },
            variable("tm.branch.last_received") { access in
                view(access)?.response.map { .decimal($0.statusCode) } ?? .null
            },
            variable("tm.branch.type") { access in view(access) == nil ? .null : .string("sip") },
        ]
    }

    /// The branch that the variable's index names, or the one at hand.
    private func view(_ access: borrowing VariableAccess) -> BranchView? {
        guard let transaction = access.context.tmTransaction else { return nil }
        switch access.index {
        case .none: return transaction.branch(access.context.branchIndex)
        case .at(let index): return transaction.branch(index < 0 ? transaction.branchCount + index : index)
        case .all, .append: return nil
        }
    }

    /// In a branch route, the branch at hand: it is of the transaction only when the route has ended.
    private func coming(_ access: borrowing VariableAccess) -> MessageContext? {
        guard access.run.kind == .branch, case .none = access.index else { return nil }
        return access.context
    }

    private func kept(_ access: borrowing VariableAccess) -> TMBranch? { view(access)?.user as? TMBranch }

    /// Where `$bavp` lies: with the branch at hand, which in a branch route is still coming.
    private func branchAVPs(_ access: borrowing VariableAccess, makes: Bool) -> AVPStore? {
        let context = access.context
        if access.run.kind == .branch { return makes ? context.branchNotes.avps : context.existingBranchNotes?.avps }
        return (context.tmTransaction?.branch(context.branchIndex)?.user as? TMBranch)?.avps
    }

    /// The longest timeout, in seconds: the stack counts milliseconds in 32 bits.
    private static let secondsMax = Int(UInt32.max) / 1000

    /// A timeout in seconds, cut to the longest; NULL resets it. nil: no timeout.
    private static func seconds(_ value: Value) -> (value: Int?, Void)? {
        if value.isNull { return (nil, ()) }
        guard let number = value.integer ?? value.text?.decimal(), number > 0 else { return nil }
        return (min(number, secondsMax), ())
    }
}
