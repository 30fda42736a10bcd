package import Reactor

/// Connections as one process uses them. Confined to that process's thread; what fails later comes back to it as a job
/// (`SendFailure`).
package protocol StreamSending: AnyObject {
    /// Sends over the connection that the destination names, else over one that leads to its address, else over a new
    /// one. The bytes are kept. False: there is no such connection and none may be opened, or its queue is full.
    func send(_ bytes: [UInt8], to destination: Destination) -> Bool

    /// What was sent in this pass leaves now, as far as the connections take it.
    func flush()

    /// The listener that a message to an address leaves by: that of a connection which leads there, else one that fits.
    func socket(for destination: SocketAddress, transport: Transport) -> ListenSocket?

    /// The listener of a connection which leads to an address: `preferred` if that has one; nil: there is no such connection.
    func connectedSocket(
        to destination: SocketAddress, transport: Transport, preferring preferred: ListenSocket
    ) -> ListenSocket?

    /// Requests to the peer's address with this port go over the connection too (RFC 5923). False: it is gone, or has
    /// too many aliases.
    func addAlias(_ connection: ConnectionID, port: UInt16) -> Bool

    /// The connection stays open for so long even if it is idle.
    func keep(_ connection: ConnectionID, seconds: Int)

    /// Closes the connection when what waits has left. False: there is none.
    @discardableResult
    func close(_ connection: ConnectionID) -> Bool
}
