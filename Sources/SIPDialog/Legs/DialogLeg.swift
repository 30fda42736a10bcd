package import Bytes
package import SIPMessage

/// What is known of one side of a dialog: its tag, where it is, how it is reached, and the numbers of its requests.
///
/// A pure value; owned and guarded by who keeps the dialog.
package struct DialogLeg: Sendable, Equatable {
    /// Of its From and To; empty while it is not known.
    package var tag: ByteString
    /// The URI of its Contact: where requests to it are addressed.
    package private(set) var remoteTarget: ByteString = .empty
    /// The proxies on the way to it.
    package var routes = RouteSet()
    /// The last body that it sent, such as its offer.
    package private(set) var bodySent = DialogBody.none
    /// The last body that was sent to it, and not refused.
    package private(set) var bodyReceived = DialogBody.none
    /// Of a callee: the last body that the caller was told in its name. That of the one that answers is the caller's session.
    package private(set) var bodyForCaller = DialogBody.none
    /// Of a callee: its 2xx came. What comes again of it, or late, says nothing new.
    package var isAnswered = false
    /// Of a callee: a BYE went to its early dialog.
    package var hasEarlyBye = false
    /// INVITEs that this side has to answer, or waits for an answer to: another must not be sent meanwhile (RFC 3261 §14.1).
    package private(set) var invitesPending = 0
    /// The INVITE whose 2xx went by and whose ACK did not yet, as its sender numbered it; nil when there is none.
    private var unacknowledged: UInt32?
    private var acknowledgementMilliseconds = 0
    /// Numbers of the requests that it sends.
    package var numbers = RequestNumbers()
    /// Of a callee: numbers of the requests that the caller sends to it. Each early dialog of a fork counts for itself.
    package var callerNumbers = RequestNumbers()
    /// What was added to the numbers of requests that go to it.
    package var shift = CSeqShift()
    /// The last reliable provisional reply of the callee that was acknowledged here (RSeq); 0 before the first.
    package var acknowledged: UInt32 = 0

    package init(tag: ByteString) {
        self.tag = tag.compacted()
    }

    /// Learns where the side is from a message of its own. A Contact that can't be read leaves what was known (RFC 3261 §12.2).
    package mutating func refreshTarget(from message: Message) {
        guard let contact = message.address(.contact), !contact.isAsterisk, contact.uri != nil else { return }
        if contact.uriText != remoteTarget { remoteTarget = contact.uriText.compacted() }
    }

    /// What it said; where there is nothing the last stays.
    package mutating func note(sent body: DialogBody?) {
        if let body { bodySent = body }
    }

    /// What it was told; where there is nothing the last stays.
    package mutating func note(received body: DialogBody?) {
        if let body { bodyReceived = body }
    }

    /// What the caller was told in its name; where there is nothing the last stays.
    package mutating func note(forCaller body: DialogBody?) {
        if let body { bodyForCaller = body }
    }

    /// An INVITE to or from it begins, or has its answer.
    package mutating func noteInvite(isPending: Bool) {
        invitesPending = max(0, invitesPending + (isPending ? 1 : -1))
    }

    /// The 2xx of an INVITE of the other side's, or its own, went by. Until the ACK does, or it is that time, it gets no INVITE of
    /// ours: an offer in the 2xx has its answer in the ACK, and before that there is no other (RFC 3261 §13.2.1, RFC 3264 §4).
    package mutating func awaitAck(of number: UInt32, until milliseconds: Int) {
        unacknowledged = number
        acknowledgementMilliseconds = milliseconds
    }

    /// An ACK went by.
    package mutating func noteAck(of number: UInt32) {
        if unacknowledged == number { unacknowledged = nil }
    }

    /// Whether an INVITE of ours may go to it.
    package func mayBeInvited(at milliseconds: Int) -> Bool {
        invitesPending == 0 && (unacknowledged == nil || milliseconds >= acknowledgementMilliseconds)
    }

    /// How a request to this side is addressed.
    package var target: DialogTarget { DialogTarget(remoteTarget: remoteTarget, routes: routes) }
}

/// The numbers of the requests that one side sends (RFC 3261 §12.2.2).
package struct RequestNumbers: Sendable, Equatable {
    /// The highest so far; nil before the first.
    package private(set) var last: UInt32?

    package init(last: UInt32? = nil) { self.last = last }

    /// A request went by. ACK and CANCEL bear the number of what they belong to.
    package mutating func note(_ number: UInt32, method: Method) {
        guard method != .ack, method != .cancel else { return }
        if last.map({ number > $0 }) ?? true { last = number }
    }

    /// Whether a request may bear this number: not below the highest. The same number is the same request once more.
    package func allows(_ number: UInt32, method: Method) -> Bool {
        guard method != .ack, method != .cancel, let last else { return true }
        return number >= last
    }
}

/// Keeps the CSeq numbers that one side sees without gaps backwards, when requests of this server's own go to it between
/// those of the other side.
///
/// A request that is relayed to the side gets its number plus `offset`; its replies get it back. An ACK gets what its INVITE got,
/// and so does the INVITE's number in a PRACK's RAck.
package struct CSeqShift: Sendable, Equatable {
    package private(set) var offset: UInt32 = 0
    /// The highest number that the side has seen, ours included.
    package private(set) var lastSent: UInt32 = 0
    private var inviteNumber: UInt32?
    private var inviteOffset: UInt32 = 0

    package init() {}

    /// The INVITE that made the dialog left with another number than it came with.
    package init(invite number: UInt32, leftAs sent: UInt32) {
        offset = sent &- number
        lastSent = sent
        inviteNumber = number
        inviteOffset = offset
    }

    /// The number for a request of this server's own.
    package mutating func takeOwn() -> UInt32 {
        lastSent &+= 1
        offset &+= 1
        return lastSent
    }

    /// Moves the offset by hand (`dlg_inc_cseq`). It does not go below 0.
    package mutating func move(by change: Int) {
        offset = UInt32(clamping: max(0, Int(offset) + change))
        lastSent = UInt32(clamping: max(0, Int(lastSent) + change))
    }

    /// The number that a relayed request goes out with.
    package mutating func outgoing(_ number: UInt32, method: Method) -> UInt32 {
        switch method {
        case .ack, .cancel:
            return number &+ offsetOfInvite(number)
        case .invite:
            inviteNumber = number
            inviteOffset = offset
        default: break
        }
        let shifted = number &+ offset
        if shifted > lastSent { lastSent = shifted }
        return shifted
    }

    /// What the INVITE with that number got.
    package func offsetOfInvite(_ number: UInt32) -> UInt32 {
        inviteNumber == number ? inviteOffset : offset
    }
}
