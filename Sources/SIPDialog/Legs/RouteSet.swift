package import Bytes
package import SIPMessage

/// The proxies between this server and one side of a dialog, the nearest first (RFC 3261 §12.1). Bounded.
package struct RouteSet: Sendable, Equatable {
    /// More are not kept: a request that passed that many proxies has no Max-Forwards left.
    package static let countMax = 70

    /// Values as they stand in Record-Route, brackets and parameters included, each in one line.
    package private(set) var values: [ByteString] = []

    package init() {}

    package init(_ values: [ByteString]) {
        self.values = Array(values.prefix(Self.countMax))
    }

    /// The way back to whom a request came from: its Record-Route as received.
    package init(recordedBy request: Message) {
        self.init(request.elements(of: .recordRoute).map { request.text($0.range).unfolded().compacted() })
    }

    /// The way to whom a reply came from: what was recorded behind this server, in reverse.
    ///
    /// - Parameters:
    ///   - before: how many values the request had when it came here.
    ///   - isOwn: whether a value was put in by this server, with one value or two of them (`r2`).
    package init(recordedBy reply: Message, before: Int, isOwn: (SIPURI) -> Bool) {
        var values = reply.elements(of: .recordRoute).map { reply.text($0.range).unfolded() }
        values.removeLast(min(before, values.count))
        if let own = values.last.flatMap({ NameAddress($0)?.uri }), isOwn(own) {
            values.removeLast()
            if own.parameters.contains("r2"), let second = values.last.flatMap({ NameAddress($0)?.uri }), isOwn(second)
            {
                values.removeLast()
            }
        }
        self.init(values.reversed().map { $0.compacted() })
    }

    package var isEmpty: Bool { values.isEmpty }

    /// `<a>, <b>` as management shows it.
    package var text: ByteString {
        var writer = ByteWriter()
        for (index, value) in values.enumerated() {
            if index > 0 { writer.append(", ") }
            writer.append(value)
        }
        return writer.finishText()
    }

    /// Whether these are the Route values that a request still has: as many, each naming the same host and port.
    package func matches(_ routes: [ByteString]) -> Bool {
        guard routes.count == values.count else { return false }
        return zip(routes, values).allSatisfy { one, other in
            guard let one = NameAddress(one)?.uri, let other = NameAddress(other)?.uri else { return false }
            return one.isSameTarget(as: other)
        }
    }
}

extension SIPURI {
    /// Same user, host and port: what decides where a request goes.
    package func isSameTarget(as other: SIPURI) -> Bool {
        scheme == other.scheme && user == other.user && host.equalsIgnoringCase(other.host)
            && effectivePort == other.effectivePort
    }
}

/// How a request inside a dialog is addressed (RFC 3261 §12.2.1.1).
package struct DialogTarget: Sendable, Equatable {
    package let requestURI: ByteString
    /// The values of Route, in order.
    package let routes: [ByteString]
    /// Where it is sent: the first loose route; nil: to the request URI.
    package let nextHop: ByteString?

    /// By the routes to the remote target. A first route that is a strict router becomes the request URI, the target the last
    /// route.
    package init(remoteTarget: ByteString, routes set: RouteSet) {
        guard let first = set.values.first, let uri = NameAddress(first)?.uri else {
            requestURI = remoteTarget
            routes = []
            nextHop = nil
            return
        }
        if uri.isLooseRouter {
            requestURI = remoteTarget
            routes = set.values
            nextHop = uri.text
            return
        }
        var writer = ByteWriter(reserving: remoteTarget.count + 2)
        writer.append(ASCII.less)
        writer.append(remoteTarget)
        writer.append(ASCII.greater)
        requestURI = uri.text
        routes = set.values.dropFirst() + [writer.finishText()]
        nextHop = nil
    }

    /// The Route header lines, with their ends; empty without routes.
    package var routeLines: ByteString {
        guard !routes.isEmpty else { return .empty }
        var writer = ByteWriter()
        for route in routes {
            writer.append("Route: ")
            writer.append(route)
            writer.append("\r\n")
        }
        return writer.finishText()
    }
}
