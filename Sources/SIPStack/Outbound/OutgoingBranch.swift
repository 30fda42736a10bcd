package import Bytes
package import SIPMessage
package import SIPTransport

/// One branch that a request is to be relayed by, resolved and ready to be written.
package struct OutgoingBranch {
    package var requestURI: ByteString
    /// Where to send it, in order of preference; the rest is for failover. Never empty.
    package var destinations: [Destination]
    /// Changes to the transaction's request, those of the branch included; Via and request URI are seen to here.
    package var edits: MessageEdits
    /// The listener it leaves from; nil: one that fits the destination.
    package var socket: ListenSocket?
    /// Serial forking: lower groups go first.
    package var group: UInt8 = 0
    /// The fork does not wait for this branch.
    package var isMinor = false
    /// `add_local_rport()`
    package var asksForRport = false
    /// `set_advertised_address()` and `_port()`: what the Via says instead of the listener's address.
    package var viaHost: ByteString?
    package var viaPort: ByteString?
    /// What the transaction user keeps for the branch.
    package var user: AnyObject?

    package init(requestURI: ByteString, destinations: [Destination], edits: MessageEdits = MessageEdits()) {
        self.requestURI = requestURI
        self.destinations = destinations
        self.edits = edits
        self.edits.admitServer()
    }
}

/// How relaying went.
package enum RelayOutcome: Sendable, Equatable {
    /// At least one branch is under way.
    case sent
    /// No branch could be added: too many, cancelled, after a 6xx, answered already, or none was given.
    case noBranch
    /// None could be sent.
    case failed
    /// The request was forked here before, with the same target: forking it again would multiply it (RFC 5393 §4.2).
    case loop
}
