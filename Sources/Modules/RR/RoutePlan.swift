import Bytes
import SIPMessage

/// What routing by Route headers does to one request (RFC 3261 §16.4, §16.6 step 6, §16.12).
///
/// A value worked out from the texts alone; `RRModule` turns it into edits.
struct RoutePlan {
    /// The Route values that stay, as indexes into those received.
    private(set) var kept: Range<Int>
    /// A value to add behind them: the request URI, when the next hop is a strict router.
    private(set) var appended: ByteString?
    /// The new request URI; nil leaves the one there.
    private(set) var requestURI: ByteString?
    /// Where the request goes; nil when it follows the request URI.
    private(set) var destinationURI: ByteString?
    /// The parameters of our own Route value, with their first semicolon (`$rr_params`).
    private(set) var ownParameters = ByteString.empty
    /// Our own second Route value, when two were put in: names the listener to send from.
    private(set) var outboundOwn: SIPURI?
    /// No route is left after ours, on a request outside a dialog: the caller goes on as without Route.
    private(set) var isPreloadedOnly = false

    /// - Parameters:
    ///   - routes: all Route values in order, with display names and brackets as received.
    ///   - isMyself: whether host and port of a URI are ours.
    /// - Returns: nil when there is no Route, or one that cannot be read.
    init?(
        routes: [ByteString], requestURI current: ByteString, hasToTag: Bool, isMyself: (SIPURI) -> Bool
    ) {
        guard !routes.isEmpty else { return nil }
        kept = 0..<routes.count
        func uri(_ index: Int) -> SIPURI? { NameAddress(routes[index])?.uri }

        if hasToTag, let own = SIPURI(current), Self.wasRecordedHere(own), isMyself(own) {
            // A strict router put our value into the request URI and the target at the end of the Route values.
            guard let target = uri(routes.count - 1) else { return nil }
            ownParameters = own.parameters.text
            requestURI = target.text
            kept = 0..<(routes.count - 1)
            if !kept.isEmpty, let first = uri(0), isMyself(first) {
                kept = 1..<kept.upperBound
                outboundOwn = first
            }
        } else {
            guard let top = uri(0) else { return nil }
            if isMyself(top) {
                ownParameters = top.parameters.text
                kept = 1..<kept.upperBound
                if !kept.isEmpty, top.parameters.contains("r2"), let second = uri(1), isMyself(second) {
                    kept = 2..<kept.upperBound
                    outboundOwn = second
                }
                if kept.isEmpty, !hasToTag {
                    isPreloadedOnly = true
                    return
                }
            }
        }
        guard !kept.isEmpty else { return }
        guard let next = uri(kept.lowerBound) else { return nil }
        if next.isLooseRouter {
            destinationURI = next.text
        } else {
            appended = requestURI ?? current
            requestURI = next.text
            kept = (kept.lowerBound + 1)..<kept.upperBound
        }
    }

    /// Whether a request URI looks like a Record-Route value of ours: such a value names no user, or says `lr`.
    private static func wasRecordedHere(_ uri: SIPURI) -> Bool {
        (uri.isLooseRouter || uri.user.isEmpty) && !uri.parameters.contains("gr")
    }
}

extension ByteString {
    /// `<uri>`
    var inAngleBrackets: ByteString {
        var writer = ByteWriter(reserving: count + 2)
        writer.append(ASCII.less)
        writer.append(self)
        writer.append(ASCII.greater)
        return writer.finishText()
    }
}
