package import Bytes

/// What one REGISTER asks of an address of record (RFC 3261 §10.3), taken out of the message by the registrar.
///
/// Texts may be slices of the received message: whatever is stored is copied.
package struct RegistrationRequest: Sendable {
    package var aor: ByteString
    package var callID: ByteString
    package var cseq: Int
    package var userAgent = ByteString.empty
    package var path = ByteString.empty
    package var received = ByteString.empty
    package var socket = ByteString.empty
    package var socketID: Int?
    package var attributes = ByteString.empty
    package var flags: UInt32 = 0
    package var branchFlags: UInt32 = 0
    package var methods = MethodSet.all
    /// The Contacts in the order of the message. Empty with `isWildcard`, and for a REGISTER that only asks.
    package var contacts: [ContactUpdate] = []
    /// `Contact: *` with `Expires: 0`: remove every binding.
    package var isWildcard = false
    package var rules = RegistrationRules()

    package init(aor: ByteString, callID: ByteString, cseq: Int) {
        self.aor = aor
        self.callID = callID
        self.cseq = cseq
    }
}

/// One Contact of a REGISTER, its expiry already bounded by the registrar's limits.
package struct ContactUpdate: Sendable {
    /// The URI without angle brackets, as received.
    package var uri: ByteString
    /// Seconds the binding shall live; 0 removes it; nil keeps it for ever.
    package var expiresSeconds: Int?
    /// q in thousandths, or `Binding.qUnspecified`.
    package var q: Int
    /// Value of `+sip.instance`, or empty.
    package var instance: ByteString
    /// Methods that the contact itself names (`methods=`), as `MethodSet` says; nil: those of the request.
    package var methods: UInt32?

    package init(
        uri: ByteString, expiresSeconds: Int?, q: Int = Binding.qUnspecified, instance: ByteString = ByteString.empty,
        methods: UInt32? = nil
    ) {
        self.uri = uri
        self.expiresSeconds = expiresSeconds
        self.q = q
        self.instance = instance
        self.methods = methods
    }

    var isRemoval: Bool { expiresSeconds == 0 }

    func expirySecond(now: Int) -> Int { expiresSeconds.map { now &+ $0 } ?? 0 }
}

/// How bindings are matched and bounded for one registration.
package struct RegistrationRules: Sendable {
    package var matching = ContactMatching.contact
    /// Most bindings an address may have afterwards; 0 is no bound but the store's own.
    package var contactsMax = 0
    /// At the bound the oldest binding makes room instead of the request being refused (flag `force-registration`).
    package var replacesOldest = false
    /// For so many seconds a REGISTER with the Call-ID and CSeq of a binding is a retransmission: answered, not applied.
    package var retransmissionSeconds = 20
    /// Whether a REGISTER with the CSeq of a binding is applied after that time instead of being refused.
    package var acceptsDuplicateCSeq = true

    package init() {}
}

/// Which stored binding a Contact means.
package enum ContactMatching: Sendable, Equatable {
    /// The Contact URI alone (RFC 3261 §10.3): equal bytes, or equal by §19.1.4.
    case contact
    /// The Contact URI and the Call-ID.
    case contactAndCallID
    /// The value of one URI parameter, `rinstance` for example.
    case parameter(ByteString)
}

/// What became of a registration.
package enum RegistrationResult: Sendable {
    /// All updates were made. `bindings` are those now in force, in order.
    case accepted(bindings: [Binding])
    /// The REGISTER had been seen: nothing changed.
    case retransmission(bindings: [Binding])
    /// Nothing was changed.
    case rejected(RegistrationRejection)

    /// The bindings to list in the answer; empty when rejected.
    package var bindings: [Binding] {
        switch self {
        case .accepted(let bindings), .retransmission(let bindings): bindings
        case .rejected: []
        }
    }
}

/// Why a registration was refused as a whole.
package enum RegistrationRejection: Error, Sendable, Equatable {
    /// The CSeq is not above that of a binding with the same Call-ID (RFC 3261 §10.3, step 7).
    case outOfOrder
    /// More bindings than the registrar allows for one address.
    case tooManyContacts(limit: Int)
    /// The store holds as many addresses as it may.
    case storeFull(limit: Int)
}
