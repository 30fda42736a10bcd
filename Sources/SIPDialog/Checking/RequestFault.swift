package import Bytes
package import SIPMessage

/// Why a request does not fit the dialog that it claims to belong to, with the code that `validate_dialog()` answers.
package enum RequestFault: Int32, Sendable, Equatable {
    case number = -1
    case remoteTarget = -2
    case routeSet = -3
    case unusable = -4
}

/// What of a request is compared with its dialog.
package struct RequestClaims {
    package let method: Method
    package let number: UInt32?
    /// The request URI, after the server's own Route was seen to.
    package let requestURI: ByteString
    /// The Route values behind the server's own.
    package let routes: [ByteString]

    package init(method: Method, number: UInt32?, requestURI: ByteString, routes: [ByteString]) {
        self.method = method
        self.number = number
        self.requestURI = requestURI
        self.routes = routes
    }

    /// Compares with the dialog: numbers of the sender, target and routes of the receiver.
    ///
    /// - Returns: the first fault; nil when it fits.
    package func fault(from sender: RequestNumbers, to receiver: DialogLeg) -> RequestFault? {
        guard let number else { return .unusable }
        guard sender.allows(number, method: method) else { return .number }
        let expected = receiver.target
        guard expected.nextHop == nil || !expected.routes.isEmpty else { return .unusable }
        guard let uri = SIPURI(requestURI), let target = SIPURI(receiver.remoteTarget) else { return .remoteTarget }
        if uri.isSameTarget(as: target) { return receiver.routes.matches(routes) ? nil : .routeSet }
        // The first router is a strict one: it stands in the request URI, the target behind the routes.
        guard let strict = SIPURI(expected.requestURI), strict.isSameTarget(as: uri), !expected.routes.isEmpty else {
            return .remoteTarget
        }
        return RouteSet(expected.routes).matches(routes) ? nil : .routeSet
    }
}
