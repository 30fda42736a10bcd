package import Reactor

/// The counters of UDP, in group `udp`, and the bytes that wait in the kernel as `net:waiting_udp`.
package struct UDPStatistics: Sendable {
    package let receivedDatagrams: Counter
    package let receivedBytes: Counter
    package let sentDatagrams: Counter
    package let sentBytes: Counter
    /// Dropped by the kernel for want of room in a receive buffer.
    package let kernelDrops: Counter
    /// Datagrams of line ends and zeros only, which keep a binding of a NAT open.
    package let keepalives: Counter
    /// Refused by the kernel or by the network.
    package let sendFailures: Counter
    /// Not sent since the send queue was full.
    package let sendDrops: Counter
    /// How often a socket took no more and its datagrams had to wait.
    package let sendBlocked: Counter

    package init(_ statistics: Statistics) {
        func counter(_ name: String) -> Counter { statistics.counter(group: "udp", name: name) }
        receivedDatagrams = counter("received_datagrams")
        receivedBytes = counter("received_bytes")
        sentDatagrams = counter("sent_datagrams")
        sentBytes = counter("sent_bytes")
        kernelDrops = counter("kernel_drops")
        keepalives = counter("keepalives")
        sendFailures = counter("send_failures")
        sendDrops = counter("send_drops")
        sendBlocked = counter("send_blocked")
    }

    /// Registers the gauge of the bytes that wait at these listeners.
    package static func registerGauges(_ statistics: Statistics, listeners: [UDPListener]) {
        statistics.gauge(group: "net", name: "waiting_udp") { listeners.reduce(0) { $0 + $1.bytesWaiting } }
    }
}
