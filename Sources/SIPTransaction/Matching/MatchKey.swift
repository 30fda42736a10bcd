package import Bytes
package import SIPMessage

/// Parts of the pre-3261 rule that the script may switch off for devices that change them on the way.
package struct MatchingRules: Sendable, BitwiseCopyable {
    /// `ruri_matching`
    package var comparesRequestURI = true
    /// `via1_matching`
    package var comparesVia = true

    package init() {}
}

/// What a request is looked up for.
package enum MatchPurpose: Sendable, BitwiseCopyable {
    /// The transaction of the request itself: is it a retransmission?
    case same
    /// The INVITE transaction that an ACK acknowledges.
    case acknowledge
    /// The INVITE transaction that a CANCEL cancels.
    case cancel
}

/// What tells the server transaction of a request: RFC 3261 §17.2.3, and its rule for clients older than that.
///
/// Slices of the received buffer; making one costs no allocation.
package struct MatchKey: Sendable {
    package var method: Method
    package var methodText: ByteString
    /// The branch starts with the magic cookie, so it alone is unique for its sender.
    package var hasCookie: Bool
    package var branch: ByteString
    package var sentByHost: ByteString
    package var sentByPort: Int
    // Only for a branch without the cookie.
    package var requestURI: ByteString
    package var callID: ByteString
    package var fromTag: ByteString
    package var toTag: ByteString
    package var cseq: UInt32
    package var via: ByteString

    /// A key that matches nothing: that of a client-only transaction, or of one that is over.
    package static let none = MatchKey(
        method: .other, methodText: .empty, hasCookie: true, branch: .empty, sentByHost: .empty, sentByPort: 0,
        requestURI: .empty, callID: .empty, fromTag: .empty, toTag: .empty, cseq: 0, via: .empty)

    package init(
        method: Method, methodText: ByteString, hasCookie: Bool, branch: ByteString, sentByHost: ByteString,
        sentByPort: Int, requestURI: ByteString, callID: ByteString, fromTag: ByteString, toTag: ByteString,
        cseq: UInt32, via: ByteString
    ) {
        self.method = method
        self.methodText = methodText
        self.hasCookie = hasCookie
        self.branch = branch
        self.sentByHost = sentByHost
        self.sentByPort = sentByPort
        self.requestURI = requestURI
        self.callID = callID
        self.fromTag = fromTag
        self.toTag = toTag
        self.cseq = cseq
        self.via = via
    }

    /// The same for a request, its retransmissions, its ACK and its CANCEL. Seeded anew with every start of the program,
    /// so that nobody outside can aim at one chain.
    package var hash: Int {
        var hasher = Hasher()
        if hasCookie {
            Self.combine(branch, into: &hasher)
        } else {
            Self.combine(callID, into: &hasher)
            hasher.combine(cseq)
        }
        return hasher.finalize() & Int.max
    }

    private static func combine(_ text: ByteString, into hasher: inout Hasher) {
        unsafe text.withBytes { bytes in unsafe hasher.combine(bytes: bytes) }
    }

    /// Whether this key, of a stored transaction, is that of a request looked up for a purpose.
    package func matches(_ other: MatchKey, as purpose: MatchPurpose, _ rules: MatchingRules) -> Bool {
        guard hasCookie == other.hasCookie, matchesMethod(other, purpose) else { return false }
        if hasCookie {
            return branch == other.branch && sentByPort == other.sentByPort
                && sentByHost.equalsIgnoringCase(other.sentByHost)
        }
        guard cseq == other.cseq, callID == other.callID, fromTag == other.fromTag,
            !rules.comparesRequestURI || requestURI == other.requestURI, !rules.comparesVia || via == other.via
        else { return false }
        // The To tag of an ACK is that of the response, which the request did not have.
        return purpose == .acknowledge || toTag == other.toTag
    }

    private func matchesMethod(_ other: MatchKey, _ purpose: MatchPurpose) -> Bool {
        switch purpose {
        case .same: method == other.method && (method != .other || methodText == other.methodText)
        case .acknowledge, .cancel: method == .invite
        }
    }
}
