/// Settings of UDP listeners, each with its default.
package struct UDPOptions: Hashable, Sendable {
    /// Bytes of receive buffer that are asked for; the kernel grants what its limits allow.
    package var receiveBufferBytes = 4 << 20
    package var sendBufferBytes = 1 << 20
    /// Datagrams that one system call reads at most, which is also what one pass handles of one socket.
    package var receiveBatch = 32
    /// Datagrams that are sent together; when so many wait they go at once, not at the end of the pass.
    package var sendBatch = 32
    /// Datagrams and bytes that wait when the socket is full; past them a datagram is dropped and counted.
    package var sendQueueDatagramsMax = 1024
    package var sendQueueBytesMax = 2 << 20
    /// The type of service (IPv4) or traffic class (IPv6) of what is sent; nil: the system's.
    package var typeOfService: Int32?

    package init() {}
}
