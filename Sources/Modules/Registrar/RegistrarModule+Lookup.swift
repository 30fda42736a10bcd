import Bytes
import Location
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `lookup()`: from an address to the contacts that it is reached at.
extension RegistrarModule {
    /// 1: found; -1: none; -2: none that takes the method; -3: a fault of the script.
    func lookup(_ call: borrowing Call) -> Int32 {
        let text = call.string(1) ?? .empty
        guard let flags = LookupFlags(text) else {
            call.log(.error, "lookup: \"\(text)\" has a flag that there is not, or a bad pattern")
            return -3
        }
        guard let domain = domain(call, 0) else { return -3 }
        let context = call.context
        let target: ByteString?
        if call.isPresent(2) { target = call.string(2) } else { target = context.requestURI }
        guard let aor = target.flatMap({ settings.addresses.address(of: $0) }) else { return -1 }
        var found = contacts(of: aor, in: domain, context, flags)
        if flags.expandsBranches { found = expandBranches(context, domain, flags, first: found) }
        guard !found.isEmpty else {
            return flags.filtersByMethod && domain.isRegistered(aor, now: now()) ? -2 : -1
        }
        var rest = found[...]
        if !flags.fillsBranchesOnly, context.message.isRequest {
            use(rest.removeFirst(), in: context)
            if flags.takesFirstOnly { return 1 }
        } else if flags.takesFirstOnly {
            rest = rest.prefix(1)
        }
        for binding in rest {
            guard context.branches.count < ScriptBranch.countMax - 1 else {
                call.log(.warning, "lookup: \(aor) has more contacts than a request has branches")
                break
            }
            context.branches.append(branch(for: binding))
        }
        return 1
    }

    private func contacts(
        of aor: ByteString, in domain: LocationDomain, _ context: MessageContext, _ flags: LookupFlags
    ) -> [Binding] {
        let bindings = domain.bindings(of: aor, now: now())
        guard flags.filtersByMethod || flags.userAgent != nil else { return bindings }
        let method = MethodSet.bit(of: context.message.methodText)
        return bindings.filter { binding in
            (!flags.filtersByMethod || binding.methods & method != 0)
                && (flags.userAgent?.matches(binding.userAgent) ?? true)
        }
    }

    /// Replaces the branches there by the contacts of the addresses they name.
    private func expandBranches(
        _ context: MessageContext, _ domain: LocationDomain, _ flags: LookupFlags, first: [Binding]
    ) -> [Binding] {
        var all = first
        let branches = context.branches
        context.branches = []
        for branch in branches {
            guard let aor = settings.addresses.address(of: branch.uri) else { continue }
            all += contacts(of: aor, in: domain, context, flags)
        }
        return all
    }

    /// Makes a contact the request's own target.
    private func use(_ binding: Binding, in context: MessageContext) {
        context.requestURI = binding.contact
        context.destinationURI = destination(of: binding)
        context.path = binding.path.isEmpty ? nil : binding.path
        context.q = binding.q < 0 ? ScriptBranch.qUnspecified : binding.q
        context.branchFlags = binding.branchFlags
        if let socket = socket(of: binding) { context.socketOut = socket }
        tellAttributes(binding, context)
    }

    /// Makes what `save()` kept with a binding (`attr_avp`) an attribute of the request's own branch.
    func tellAttributes(_ binding: Binding, _ context: MessageContext) {
        guard let name = settings.attributesAVP else { return }
        context.branchAttributes.removeAll { $0.name == name }
        if !binding.attributes.isEmpty { context.branchAttributes.append((name, .string(binding.attributes))) }
    }

    private func branch(for binding: Binding) -> ScriptBranch {
        var branch = ScriptBranch(
            uri: binding.contact, destinationURI: destination(of: binding),
            path: binding.path.isEmpty ? nil : binding.path,
            q: binding.q < 0 ? ScriptBranch.qUnspecified : binding.q, flags: binding.branchFlags,
            socket: socket(of: binding), received: binding.received.isEmpty ? nil : binding.received)
        if let name = settings.attributesAVP, !binding.attributes.isEmpty {
            branch.attributes.append((name, .string(binding.attributes)))
        }
        return branch
    }

    /// The first Path (RFC 3327 §5.3), else the address that the REGISTER came from.
    private func destination(of binding: Binding) -> ByteString? {
        if !binding.path.isEmpty { return binding.path.firstListElement.flatMap { NameAddress($0) }?.uriText }
        return binding.received.isEmpty ? nil : binding.received
    }

    private func socket(of binding: Binding) -> ScriptSocket? {
        binding.socketID.flatMap { id in addresses.sockets.first { $0.id == id } }
    }
}
