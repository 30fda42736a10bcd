import Bytes
package import Reactor
package import SIPMessage

/// A message as a connection framed it, on the thread of the process that it was handed to.
package struct InboundStreamMessage: Sendable {
    /// The message: kept by what is parsed from it.
    package let bytes: [UInt8]
    /// The other end of the connection.
    package let source: SocketAddress
    package let socket: ListenSocket
    package let connection: ConnectionID
    /// When its last byte was read: CLOCK_REALTIME in nanoseconds.
    package let receivedNanoseconds: Int64
    /// Why it is not whole; the connection is closed once it was answered.
    package let fault: FramingFault?

    package init(
        bytes: [UInt8], source: SocketAddress, socket: ListenSocket, connection: ConnectionID,
        receivedNanoseconds: Int64 = 0, fault: FramingFault? = nil
    ) {
        self.bytes = bytes
        self.source = source
        self.socket = socket
        self.connection = connection
        self.receivedNanoseconds = receivedNanoseconds
        self.fault = fault
    }
}
