import Bytes
import JSONRPC
import Location
import Management

/// `usrloc:*`: what the registrar knows, shown and changed.
enum LocationCommands {
    static func register(
        in registry: inout CommandRegistry, _ store: LocationStore, now: @escaping @Sendable () -> Int
    ) {
        registry.add(
            "usrloc:dump", aliases: ["ul_dump"], "Lists all registered contacts.", [[], ["brief"]]
        ) { call throws(RPCError) in
            let isBrief = try call.optionalString("brief").map { $0 == "brief" || $0 == "1" } ?? false
            return ["Domains": .array(store.domains.map { dump($0, now: now(), isBrief: isBrief) })]
        }
        registry.add(
            "usrloc:show_contact", aliases: ["ul_show_contact"], "Lists the contacts of one address of record.",
            [["table_name", "aor"]]
        ) { call throws(RPCError) in
            let domain = try domain(call, store)
            guard let record = domain.record(of: ByteString(try call.string("aor"))) else {
                throw RPCError(code: 404, message: "AOR not found")
            }
            return show(record, now: now(), isBrief: false)
        }
        registry.add(
            "usrloc:rm", aliases: ["ul_rm"], "Removes an address of record with its contacts.", [["table_name", "aor"]]
        ) { call throws(RPCError) in
            guard try domain(call, store).remove(ByteString(try call.string("aor"))) else {
                throw RPCError(code: 404, message: "AOR not found")
            }
            return "OK"
        }
        registry.add(
            "usrloc:rm_contact", aliases: ["ul_rm_contact"], "Removes one contact of an address of record.",
            [["table_name", "aor", "contact"]]
        ) { call throws(RPCError) in
            let contact = ByteString(try call.string("contact"))
            let removed = try domain(call, store).removeBindings(of: ByteString(try call.string("aor"))) {
                $0.contact == contact
            }
            switch removed {
            case nil: throw RPCError(code: 404, message: "AOR not found")
            case 0?: throw RPCError(code: 404, message: "Contact not found")
            default: return "OK"
            }
        }
        registry.add(
            "usrloc:add", aliases: ["ul_add"], "Adds a contact to an address of record.",
            [["table_name", "aor", "contact", "expires", "q", "flags", "cflags", "methods"]]
        ) { call throws(RPCError) in
            try add(call, store, now: now())
        }
        registry.add(
            "usrloc:flush", aliases: ["ul_flush"], "Writes changes to the database; there is none, so all is written."
        ) { _ in "OK" }
        registry.add(
            "usrloc:sync", aliases: ["ul_sync"], "Writes a table to the database anew.",
            [["table_name"], ["table_name", "aor"]]
        ) { _ throws(RPCError) in
            throw RPCError(code: 500, message: "No database", data: "contacts are kept in memory only")
        }
        MissingCommands.missing(
            "usrloc:cluster_sync", ["ul_cluster_sync"], [[]],
            "contacts are not shared between servers: run one instance",
            in: &registry)
    }

    private static func domain(_ call: CommandCall, _ store: LocationStore) throws(RPCError) -> LocationDomain {
        guard let domain = store.existingDomain(named: ByteString(try call.string("table_name"))) else {
            throw RPCError(code: 404, message: "Table not found")
        }
        return domain
    }

    private static func dump(_ domain: LocationDomain, now: Int, isBrief: Bool) -> JSONValue {
        var records: [JSONValue] = []
        domain.forEachRecord { records.append(show($0, now: now, isBrief: isBrief)) }
        return [
            "name": .string(domain.name.string), "hash_size": .integer(LocationDomain.shardCount),
            "AORs": .array(records),
        ]
    }

    private static func show(_ record: AddressRecord, now: Int, isBrief: Bool) -> JSONValue {
        ["AOR": .string(record.aor.string), "Contacts": .array(record.bindings.map { show($0, now, isBrief) })]
    }

    private static func show(_ binding: Binding, _ now: Int, _ isBrief: Bool) -> JSONValue {
        var object: JSONObject = ["Contact": .string(binding.contact.string)]
        if isBrief { return .object(object) }
        object.append("ContactID", .string(String(binding.id)))
        if binding.expires == 0 {
            object.append("Expires", "permanent")
        } else {
            object.append("Expires", binding.isValid(at: now) ? .integer(binding.expires - now) : "expired")
        }
        object.append("Q", .string(qText(binding.q)))
        object.append("Callid", .string(binding.callID.string))
        object.append("Cseq", .integer(binding.cseq))
        object.append("User-agent", .string(binding.userAgent.string))
        if !binding.received.isEmpty { object.append("Received", .string(binding.received.string)) }
        if !binding.path.isEmpty { object.append("Path", .string(binding.path.string)) }
        object.append("State", .string(binding.state.text.description))
        object.append("Flags", .integer(Int(binding.flags)))
        object.append("Cflags", .integer(Int(binding.branchFlags)))
        object.append("Socket", .string(binding.socket.string))
        object.append("Methods", .integer(Int(binding.methods)))
        if !binding.attributes.isEmpty { object.append("Attr", .string(binding.attributes.string)) }
        if !binding.instance.isEmpty { object.append("SIP_instance", .string(binding.instance.string)) }
        return .object(object)
    }

    /// `0.5`, `1`, or nothing.
    private static func qText(_ q: Int) -> String {
        guard q >= 0 else { return "" }
        if q % 1000 == 0 { return String(q / 1000) }
        var text = String(1000 + q % 1000).dropFirst()
        while text.last == "0" { text.removeLast() }
        return "\(q / 1000).\(text)"
    }

    private static func add(_ call: CommandCall, _ store: LocationStore, now: Int) throws(RPCError) -> JSONValue {
        let domain = store.domain(named: ByteString(try call.string("table_name")))
        let expires = try call.integer("expires", allowed: "seconds from 0 (for ever)")
        guard expires >= 0 else { throw CommandCall.badType("expires", allowed: "seconds from 0 (for ever)") }
        guard let q = q(try call.string("q")) else { throw CommandCall.badType("q", allowed: "0 to 1") }
        let flags = UInt32(clamping: try call.integer("flags"))
        let branchFlags = UInt32(clamping: try call.integer("cflags"))
        let methods = UInt32(clamping: try call.integer("methods"))
        // Management is a client with a Call-ID of its own; the second of the day orders its changes.
        var request = RegistrationRequest(
            aor: ByteString(try call.string("aor")), callID: "management", cseq: now)
        request.flags = flags
        request.branchFlags = branchFlags
        request.methods = methods
        request.rules.retransmissionSeconds = 0
        request.contacts = [
            ContactUpdate(
                uri: ByteString(try call.string("contact")), expiresSeconds: expires == 0 ? nil : expires, q: q)
        ]
        guard case .rejected(let reason) = domain.register(request, now: now) else { return "OK" }
        throw RPCError(code: 500, message: "Not added", data: .string("\(reason)"))
    }

    /// `0.5` in thousandths; nil for anything that is no q value.
    private static func q(_ text: String) -> Int? {
        if text.isEmpty || text == "-1" { return Binding.qUnspecified }
        guard let value = Double(text), (0...1).contains(value) else { return nil }
        return Int((value * 1000).rounded())
    }
}
