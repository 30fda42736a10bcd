package import Bytes
package import Reactor

/// A datagram as it came in, on the thread of the process that read it.
package struct InboundDatagram: Sendable {
    /// The datagram: the one allocation that it costs, kept by the message that is parsed from it.
    package let bytes: [UInt8]
    package let source: SocketAddress
    package let socket: ListenSocket
    /// When the kernel took it: CLOCK_REALTIME in nanoseconds, 0 when the kernel did not say.
    package let kernelNanoseconds: Int64
    /// Datagrams that the kernel has dropped on this socket since the one before, for want of room.
    package let drops: Int

    package init(
        bytes: [UInt8], source: SocketAddress, socket: ListenSocket, kernelNanoseconds: Int64 = 0, drops: Int = 0
    ) {
        self.bytes = bytes
        self.source = source
        self.socket = socket
        self.kernelNanoseconds = kernelNanoseconds
        self.drops = drops
    }
}

/// A datagram that did not get there: an ICMP error of the network, or a refusal of the kernel's own.
package struct SendFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The errno: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, …
    package let code: Int32
    package let destination: SocketAddress
    package let socket: ListenSocket
    /// The datagram's beginning, as far as it is known: often enough to hold its top Via. The ICMP error of a shared
    /// port may reach another process than the one that sent, so a transaction is found by this, not by the process.
    package let payload: ByteString

    package init(code: Int32, destination: SocketAddress, socket: ListenSocket, payload: ByteString) {
        self.code = code
        self.destination = destination
        self.socket = socket
        self.payload = payload
    }

    package var description: String {
        "\(socket) to \(destination): \(SystemCallError.message(code))"
    }
}
