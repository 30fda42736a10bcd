package import Reactor

/// The counters of connections, in group `tcp`. Counted on NIO loops, so with a locked addition each.
package struct ConnectionStatistics: Sendable {
    package let accepted: Counter
    /// Refused since `acceptedMax` are open.
    package let refused: Counter
    package let opened: Counter
    package let connectFailures: Counter
    package let closed: Counter
    package let receivedMessages: Counter
    package let receivedBytes: Counter
    package let sentMessages: Counter
    /// Those of them that a SIP process wrote itself.
    package let sentDirectly: Counter
    package let sentBytes: Counter
    /// Pings (double CRLF) that came in.
    package let keepalives: Counter
    package let framingFaults: Counter
    package let idleClosed: Counter
    /// Messages that took too long, or too many reads, to come in.
    package let messageTimeouts: Counter
    package let slowReaders: Counter
    /// Messages that did not leave.
    package let sendFailures: Counter
    /// How often reading paused since a SIP process did not keep up.
    package let readPauses: Counter
    let cells: StatisticsCells

    package init(_ statistics: Statistics) {
        func counter(_ name: String) -> Counter { statistics.counter(group: "tcp", name: name) }
        accepted = counter("accepted_connections")
        refused = counter("refused_connections")
        opened = counter("opened_connections")
        connectFailures = counter("connect_failures")
        closed = counter("closed_connections")
        receivedMessages = counter("received_messages")
        receivedBytes = counter("received_bytes")
        sentMessages = counter("sent_messages")
        sentDirectly = counter("sent_directly")
        sentBytes = counter("sent_bytes")
        keepalives = counter("keepalives")
        framingFaults = counter("framing_faults")
        idleClosed = counter("idle_closed")
        messageTimeouts = counter("message_timeouts")
        slowReaders = counter("slow_readers")
        sendFailures = counter("send_failures")
        readPauses = counter("read_pauses")
        cells = statistics.shared
    }

    func add(_ counter: Counter, _ amount: Int = 1) { cells.add(counter, amount) }
}
