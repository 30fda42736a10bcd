import Bytes
import Location
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `registrar` at work. `save()` and `lookup()` are hot; see their files.
final class RegistrarModule: Sendable {
    let settings: RegistrarSettings
    let store: LocationStore
    let addresses: LocalAddresses
    let flags: FlagNames
    let replies: Replies
    let now: @Sendable () -> Int
    let acceptedCounter: Counter
    let rejectedCounter: Counter

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        settings = try RegistrarSettings(environment)
        store = environment.location
        addresses = environment.addresses
        flags = environment.flags
        replies = environment.replies
        now = environment.now
        let statistics = environment.statistics
        acceptedCounter = statistics.counter(group: "registrar", name: "accepted_regs")
        rejectedCounter = statistics.counter(group: "registrar", name: "rejected_regs")
        let settings = settings
        statistics.gauge(group: "registrar", name: "max_expires") { settings.expiresMax }
        statistics.gauge(group: "registrar", name: "max_contacts") { settings.contactsMax }
        statistics.gauge(group: "registrar", name: "default_expire") { settings.expiresDefault }
    }

    var binding: ModuleBinding {
        ModuleBinding(
            "registrar",
            functions: [
                "save": { [self] call in save(call) },
                "lookup": { [self] call in .done(lookup(call)) },
                "remove": { [self] call in remove(call) },
                "remove_ip_port": { [self] call in removeByHost(call) },
                "is_registered": { [self] call in isRegistered(call) },
                "is_contact_registered": { [self] call in isContactRegistered(call) },
                "is_ip_registered": { [self] call in isHostRegistered(call) },
                "add_sock_hdr": { call in
                    guard let name = call.string(0), let socket = call.context.socketIn else { return .no }
                    let line = name + ": " + socket.description + "\r\n"
                    return Outcome(call.context.edits.append(line: line, to: call.context.message))
                },
            ])
    }

    /// The domain that an argument names. Made at its first use.
    func domain(_ call: borrowing Call, _ index: Int) -> LocationDomain? {
        call.string(index).map { store.domain(named: $0) }
    }

    /// The address that an argument names, else that of To in a REGISTER and of From in any other message.
    private func address(_ call: borrowing Call, _ index: Int) -> ByteString? {
        if call.isPresent(index) { return call.string(index).flatMap { settings.addresses.address(of: $0) } }
        let message = call.context.message
        let address = message.isRequest && message.method == .register ? message.to : message.from
        return address.flatMap { settings.addresses.address(of: $0.uriText) }
    }

    // MARK: Questions

    /// With `attr_avp` the best binding's attribute goes to the request's branch, as `lookup()` does it.
    private func isRegistered(_ call: borrowing Call) -> Outcome {
        guard let aor = address(call, 1), let domain = domain(call, 0) else { return .no }
        guard settings.attributesAVP != nil else { return Outcome(domain.isRegistered(aor, now: now())) }
        guard let best = domain.bindings(of: aor, now: now()).first else { return .no }
        tellAttributes(best, call.context)
        return .yes
    }

    private func isContactRegistered(_ call: borrowing Call) -> Outcome {
        guard let aor = address(call, 1), let domain = domain(call, 0) else { return .no }
        let callID = call.string(3)
        var contact = call.string(2)
        if contact == nil, callID == nil {
            guard let own = call.context.message.address(.contact) else { return .no }
            contact = own.uriText
        }
        let wanted = contact
        return Outcome(
            domain.bindings(of: aor, now: now()).contains { binding in
                (callID.map { $0 == binding.callID } ?? true)
                    && (wanted.map { ContactIdentity.isSame(binding.contact, $0) } ?? true)
            })
    }

    private func isHostRegistered(_ call: borrowing Call) -> Outcome {
        guard let aor = address(call, 1), let domain = domain(call, 0) else { return .no }
        let hosts = call.values(2).compactMap(\.text)
        let ports = call.isPresent(3) ? call.values(3).map { $0.integer ?? $0.text?.decimal() } : []
        for binding in domain.bindings(of: aor, now: now()) {
            guard let uri = SIPURI(binding.received.isEmpty ? binding.contact : binding.received) else { continue }
            for (index, host) in hosts.enumerated() where uri.host.withoutBrackets == host.withoutBrackets {
                guard index < ports.count, let port = ports[index] else { return .yes }
                if port == Int(uri.effectivePort) { return .yes }
            }
        }
        return .no
    }

    // MARK: Removing

    private func remove(_ call: borrowing Call) -> Outcome {
        guard let domain = domain(call, 0), let aor = call.string(1).flatMap({ settings.addresses.address(of: $0) })
        else { return .no }
        let contact = call.string(2)
        let nextHop = call.string(3)
        let instance = call.string(4)
        let flag = call.string(5).map { flags.mask($0, of: .branch) }
        let removed = domain.removeBindings(of: aor) { binding in
            (contact.map { ContactIdentity.isSame(binding.contact, $0) } ?? true)
                && (nextHop.map { binding.nextHopHost.equalsIgnoringCase($0.withoutBrackets) } ?? true)
                && (instance.map { binding.instance == $0 } ?? true)
                && (flag.map { $0 != 0 && binding.branchFlags & $0 != 0 } ?? true)
        }
        return Outcome(removed != nil)
    }

    private func removeByHost(_ call: borrowing Call) -> Outcome {
        guard let host = call.string(0)?.withoutBrackets, let port = call.integer(1), let domain = domain(call, 2)
        else {
            return .no
        }
        let isWanted: (Binding) -> Bool = { binding in
            guard let uri = SIPURI(binding.received.isEmpty ? binding.contact : binding.received) else { return false }
            return uri.host.withoutBrackets == host && Int(uri.effectivePort) == port
        }
        guard call.isPresent(3) else { return Outcome(domain.removeBindings(where: isWanted) > 0) }
        guard let aor = call.string(3).flatMap({ settings.addresses.address(of: $0) }) else { return .no }
        return Outcome(domain.removeBindings(of: aor, where: isWanted) ?? 0 > 0)
    }
}

extension Binding {
    /// The host that a request to this contact goes to first: of the Path, else of the received address, else its own.
    var nextHopHost: ByteString {
        if let first = path.firstListElement.flatMap({ NameAddress($0) }) {
            return first.uri?.host.withoutBrackets ?? .empty
        }
        return SIPURI(received.isEmpty ? contact : received)?.host.withoutBrackets ?? .empty
    }
}
