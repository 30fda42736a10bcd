package import Bytes

/// One destination that a request is to be sent to, besides or instead of its request URI.
package struct ScriptBranch: Sendable {
    /// Branches of one request, the request URI's included.
    package static let countMax = 12
    /// Stands for "no q value given".
    package static let qUnspecified = -1

    package var uri: ByteString
    package var destinationURI: ByteString?
    package var path: ByteString?
    /// In thousandths, 0…1000, or `qUnspecified`.
    package var q: Int
    package var flags: UInt32
    package var socket: ScriptSocket?
    /// Where `REGISTER` came from, when the branch came from the location store (`received` of the binding).
    package var received: ByteString?
    /// Values a script gave the branch by name (`$msg.branch.attr(name)`).
    package var attributes: [(name: ByteString, value: Value)] = []

    package init(
        uri: ByteString, destinationURI: ByteString? = nil, path: ByteString? = nil, q: Int = ScriptBranch.qUnspecified,
        flags: UInt32 = 0, socket: ScriptSocket? = nil, received: ByteString? = nil
    ) {
        self.uri = uri
        self.destinationURI = destinationURI
        self.path = path
        self.q = q
        self.flags = flags
        self.socket = socket
        self.received = received
    }
}
