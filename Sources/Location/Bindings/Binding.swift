package import Bytes

/// One contact at which an address of record can be reached: what `save()` stored from one Contact of a REGISTER.
///
/// All texts of a binding are slices of one buffer of its own, so that a binding costs one allocation and never keeps
/// a received datagram alive. A value: copying it retains that buffer once.
package struct Binding: Sendable {
    /// The texts, one behind the other. Owned by this binding alone.
    private(set) var storage: [UInt8]
    private var contactRange: ByteRange
    private var callIDRange: ByteRange
    private var userAgentRange: ByteRange
    private var pathRange: ByteRange
    private var receivedRange: ByteRange
    private var socketRange: ByteRange
    private var attributesRange: ByteRange
    private var instanceRange: ByteRange

    /// Number of the binding within its domain: never used twice while the server runs (`ContactID` of the MI dump).
    package let id: UInt64
    /// Unix second at which the binding ends; 0 is for ever.
    package var expires: Int
    /// q value in thousandths, 0...1000; `Binding.qUnspecified` when neither the contact nor the registrar set one.
    package var q: Int
    /// Number in the CSeq of the REGISTER that last wrote the binding.
    package var cseq: Int
    /// Internal flags (`Flags` of the MI dump).
    package var flags: UInt32
    /// Branch flags of the script at the time of `save()` (`Cflags` of the MI dump); lookup gives them to the branch.
    package var branchFlags: UInt32
    /// Methods the contact accepts, one bit each as `MethodSet` says.
    package var methods: UInt32
    /// Number of the listener on which the REGISTER arrived; nil when it is not one of ours.
    package var socketID: Int?
    /// Unix second of the REGISTER that last wrote the binding.
    package var lastModified: Int
    /// Whether anything changed since the binding was written first.
    package var state: State

    /// What the MI dump calls `State`. Nothing is written to a database, so a binding never becomes `synchronised`.
    package enum State: Sendable, Equatable {
        case new, synchronised, dirty

        /// The word of the MI dump.
        package var text: StaticString {
            switch self {
            case .new: "CS_NEW"
            case .synchronised: "CS_SYNC"
            case .dirty: "CS_DIRTY"
            }
        }
    }

    /// `q` of a contact that did not say one.
    package static let qUnspecified = -1

    /// The Contact URI as it was registered, without angle brackets.
    package var contact: ByteString { text(contactRange) }
    /// Call-ID of the REGISTER that last wrote the binding.
    package var callID: ByteString { text(callIDRange) }
    /// User-Agent of that REGISTER; empty when it had none.
    package var userAgent: ByteString { text(userAgentRange) }
    /// Path header values joined by commas (RFC 3327); empty when there was none.
    package var path: ByteString { text(pathRange) }
    /// URI of the address the REGISTER came from, when the script asked to keep it; else empty.
    package var received: ByteString { text(receivedRange) }
    /// Description of the listener, `udp:127.0.0.1:5060`; empty when unknown.
    package var socket: ByteString { text(socketRange) }
    /// Text attached by the script (`attr_avp`); else empty.
    package var attributes: ByteString { text(attributesRange) }
    /// Value of `+sip.instance`; empty when the contact had none.
    package var instance: ByteString { text(instanceRange) }

    /// Makes the binding that `contact` of `request` asks for. Allocates once.
    init(id: UInt64, contact: ContactUpdate, request: RegistrationRequest, now: Int) {
        var builder = TextBuilder(
            capacity: contact.uri.count + request.callID.count + request.userAgent.count + request.path.count
                + request.received.count + request.socket.count + request.attributes.count + contact.instance.count)
        contactRange = builder.append(contact.uri)
        callIDRange = builder.append(request.callID)
        userAgentRange = builder.append(request.userAgent)
        pathRange = builder.append(request.path)
        receivedRange = builder.append(request.received)
        socketRange = builder.append(request.socket)
        attributesRange = builder.append(request.attributes)
        instanceRange = builder.append(contact.instance)
        storage = builder.bytes
        self.id = id
        expires = contact.expirySecond(now: now)
        q = contact.q
        cseq = request.cseq
        flags = request.flags
        branchFlags = request.branchFlags
        methods = contact.methods ?? request.methods
        socketID = request.socketID
        lastModified = now
        state = .new
    }

    /// Takes over what `contact` of `request` says. Allocates only when one of the texts changed.
    mutating func refresh(from contact: ContactUpdate, of request: RegistrationRequest, now: Int) {
        if hasTexts(of: contact, request) {
            expires = contact.expirySecond(now: now)
            q = contact.q
            cseq = request.cseq
            flags = request.flags
            branchFlags = request.branchFlags
            methods = contact.methods ?? request.methods
            socketID = request.socketID
            lastModified = now
        } else {
            self = Binding(id: id, contact: contact, request: request, now: now)
        }
        state = .dirty
    }

    /// Whether the binding is still in force at `now`.
    package func isValid(at now: Int) -> Bool { expires == 0 || expires > now }

    /// Seconds left at `now`; nil for a binding that does not end.
    package func remainingSeconds(at now: Int) -> Int? { expires == 0 ? nil : max(0, expires - now) }

    private func hasTexts(of contact: ContactUpdate, _ request: RegistrationRequest) -> Bool {
        self.callID == request.callID && self.contact == contact.uri && userAgent == request.userAgent
            && path == request.path && received == request.received && socket == request.socket
            && attributes == request.attributes && instance == contact.instance
    }

    private func text(_ range: ByteRange) -> ByteString { ByteString(storage: storage, range: range) }
}

/// Joins texts in one buffer and tells where each went.
private struct TextBuilder {
    private var writer: ByteWriter

    init(capacity: Int) { writer = ByteWriter(reserving: capacity) }

    var bytes: [UInt8] { writer.bytes }

    mutating func append(_ text: ByteString) -> ByteRange {
        let lower = writer.count
        writer.append(text)
        return ByteRange(lower, writer.count)
    }
}
