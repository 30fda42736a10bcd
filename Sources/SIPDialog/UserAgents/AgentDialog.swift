package import Bytes
package import SIPMessage

/// What a user agent keeps of one dialog (RFC 3261 §12): tags, addresses, remote target, route set, sequence numbers.
///
/// A value without clock or socket: messages go in, what the next request must carry comes out.
package struct AgentDialog: Sendable {
    /// What an in-dialog request must carry (RFC 3261 §12.2.1.1).
    package struct Outline: Sendable, Equatable {
        package var requestURI: ByteString
        /// Values of From and To, tags included.
        package var from: ByteString
        package var to: ByteString
        package var callID: ByteString
        package var cseq: UInt32
        /// Whole Route lines; empty without a route set.
        package var routeLines: ByteString
        /// The URI to send to when it is not the request URI.
        package var nextHop: ByteString?
    }

    /// How a request fits into the order of requests.
    package enum Order: Sendable, Equatable {
        case inOrder
        /// Its number is not above the last: answered 500 (RFC 3261 §12.2.2).
        case outOfOrder
    }

    package let callID: ByteString
    /// Value of From in requests from here, without the tag.
    package let localAddress: ByteString
    package let remoteAddress: ByteString
    package var localTag: ByteString
    /// nil until the far end gave one.
    package private(set) var remoteTag: ByteString?
    package private(set) var remoteTarget: ByteString
    package private(set) var routes: [ByteString] = []
    package private(set) var localSequence: UInt32
    package private(set) var remoteSequence: UInt32?
    /// A 2xx was sent or received.
    package private(set) var isConfirmed = false

    /// The dialog of a request that came in (RFC 3261 §12.1.1). nil when From, To or Contact can't be read.
    package init?(request: Message, localTag: ByteString) {
        guard let from = request.from, let to = request.to, let contact = request.contacts.first else { return nil }
        callID = request.callID.compacted()
        localAddress = to.withoutTag
        remoteAddress = from.withoutTag
        self.localTag = localTag
        remoteTag = from.tag?.compacted()
        remoteTarget = contact.uriText.compacted()
        routes = request.recordRoutes.map { $0.text.compacted() }
        localSequence = 0
        remoteSequence = request.cseq?.number
    }

    /// The dialog-to-be of a request that goes out, as far as it is known then (RFC 3261 §12.1.2).
    package init(
        callID: ByteString, localAddress: ByteString, localTag: ByteString, remoteAddress: ByteString,
        target: ByteString, sequence: UInt32
    ) {
        self.callID = callID
        self.localAddress = localAddress
        self.localTag = localTag
        self.remoteAddress = remoteAddress
        remoteTarget = target
        localSequence = sequence
    }

    /// Value of From in requests from here.
    package var localValue: ByteString { Self.value(localAddress, localTag) }
    /// Value of To in requests from here.
    package var remoteValue: ByteString { Self.value(remoteAddress, remoteTag) }

    /// A response with a To tag came for the request that made the dialog, or refreshes its target: its tag, target and routes
    /// are taken over while the dialog is not confirmed, afterwards only the target.
    package mutating func receive(_ response: Message) {
        if !isConfirmed {
            if let tag = response.toTag { remoteTag = tag.compacted() }
            if response.contains(.recordRoute) {
                routes = response.recordRoutes.map { $0.text.compacted() }.reversed()
            } else if (200..<300).contains(response.statusCode) {
                routes = []
            }
        }
        refresh(by: response)
        if (200..<300).contains(response.statusCode) { isConfirmed = true }
    }

    /// A response to an UPDATE refreshes the target (RFC 3311 §5.1), and leaves an early dialog early.
    package mutating func refresh(by response: Message) {
        if let contact = response.contacts.first { remoteTarget = contact.uriText.compacted() }
    }

    /// Goes on as another early dialog of the same request: tag, target, routes and the far end's numbers are those of `fork`.
    package mutating func turn(to fork: AgentDialog) {
        remoteTag = fork.remoteTag
        remoteTarget = fork.remoteTarget
        routes = fork.routes
        remoteSequence = fork.remoteSequence
    }

    /// Goes on behind the numbers of another dialog of the same request: all of them are counted together.
    package mutating func count(after other: AgentDialog) { localSequence = max(localSequence, other.localSequence) }

    /// The answer that was sent makes the dialog whole.
    package mutating func confirm() { isConfirmed = true }

    /// A request came in this dialog: its number is checked, a target refresh taken over (RFC 3261 §12.2.2). Not for ACK and
    /// CANCEL, which have no number of their own.
    package mutating func receive(request: Message) -> Order {
        guard let number = request.cseq?.number else { return .outOfOrder }
        if let last = remoteSequence, number <= last { return .outOfOrder }
        remoteSequence = number
        switch request.method {
        case .invite, .update, .subscribe, .refer, .notify:
            if let contact = request.contacts.first { remoteTarget = contact.uriText.compacted() }
        default: break
        }
        return .inOrder
    }

    /// What the next request of the dialog must carry; takes a sequence number, except for an ACK, which has that of its INVITE.
    package mutating func outline(sequence: UInt32? = nil) -> Outline {
        if sequence == nil { localSequence += 1 }
        var writer = ByteWriter(reserving: routes.reduce(0) { $0 + $1.count + 9 })
        var requestURI = remoteTarget
        var nextHop: ByteString?
        if let first = routes.first, let address = NameAddress(first) {
            nextHop = address.uriText
            if address.uri?.isLooseRouter ?? false {
                for route in routes { Self.append(route, &writer) }
            } else {
                // A strict router wants itself in the request URI and the target at the end (RFC 3261 §12.2.1.1).
                requestURI = address.uriText
                for route in routes.dropFirst() { Self.append(route, &writer) }
                Self.append("<" + remoteTarget + ">", &writer)
            }
        }
        return Outline(
            requestURI: requestURI, from: localValue, to: remoteValue, callID: callID,
            cseq: sequence ?? localSequence, routeLines: writer.finishText(), nextHop: nextHop)
    }

    /// The request and its mate belong to this dialog.
    package func matches(callID: ByteString, remoteTag: ByteString?) -> Bool {
        callID == self.callID && remoteTag == self.remoteTag
    }

    private static func append(_ route: ByteString, _ writer: inout ByteWriter) {
        writer.append("Route: ")
        writer.append(route)
        writer.append("\r\n")
    }

    private static func value(_ address: ByteString, _ tag: ByteString?) -> ByteString {
        guard let tag else { return address }
        var writer = ByteWriter(reserving: address.count + tag.count + 5)
        writer.append(address)
        writer.append(";tag=")
        writer.append(tag)
        return writer.finishText()
    }
}

extension NameAddress {
    /// The value without its tag, in storage of its own. Other parameters of the header are kept.
    package var withoutTag: ByteString {
        guard tag != nil else { return text.compacted() }
        var writer = ByteWriter(reserving: text.count)
        if !displayName.isEmpty {
            writer.append(displayName)
            writer.append(ASCII.space)
        }
        writer.append("<")
        writer.append(uriText)
        writer.append(">")
        for parameter in parameters where !parameters.name(of: parameter).equalsIgnoringCase("tag") {
            writer.append(";")
            writer.append(parameters.name(of: parameter))
            guard parameter.hasValue else { continue }
            writer.append("=")
            writer.append(parameters.value(of: parameter))
        }
        return writer.finishText()
    }
}
