import Profiling
package import Reactor

/// UDP as one process sees it: the sockets that it reads and a sender for every listener.
///
/// One per process, made before the process runs or on its thread, used on its thread only. Handlers run on that
/// thread inside the process session of what they are about.
package final class UDPTransport {
    package let process: ReactorProcess
    private let listeners: [UDPListener]
    private let statistics: UDPStatistics
    private var receivers: [UDPReceiver] = []
    /// By place in `listeners`.
    private var senders: [UDPSender] = []
    private var senderIndexByID: [Int] = []
    private var writableRegistrations: [Registration?] = []
    private var receiverIndexBySender: [Int?] = []

    /// - Parameters:
    ///   - listeners: every UDP listener of the server: a process may send from each.
    ///   - reading: which of them this process reads, and as which of its receivers; empty for a process that only sends.
    ///   - onDatagram: what came in.
    ///   - onFailure: what did not get there. Never called from within `send`; from the end of the pass or later.
    package init(
        process: ReactorProcess, listeners: [UDPListener], reading: [(listener: UDPListener, receiver: Int)],
        options: UDPOptions = UDPOptions(), statistics: UDPStatistics,
        onDatagram: @escaping (InboundDatagram) -> Void, onFailure: @escaping (SendFailure) -> Void
    ) throws(SystemCallError) {
        self.process = process
        self.listeners = listeners
        self.statistics = statistics
        for (listener, index) in reading {
            receivers.append(
                try UDPReceiver(
                    process: process, socket: listener.socket, descriptor: listener.descriptors[index],
                    options: options, statistics: statistics, handler: onDatagram, failureHandler: onFailure))
        }
        senderIndexByID = Array(repeating: -1, count: (listeners.map(\.socket.id).max() ?? -1) + 1)
        for (place, listener) in listeners.enumerated() {
            let own = reading.firstIndex { $0.listener === listener }
            let descriptor = listener.descriptors[own.map { reading[$0].receiver } ?? 0]
            senderIndexByID[listener.socket.id] = place
            receiverIndexBySender.append(own)
            writableRegistrations.append(nil)
            senders.append(
                try UDPSender(
                    process: process, socket: listener.socket, descriptor: descriptor, options: options,
                    statistics: statistics,
                    failureHandler: { [unowned process] failure in
                        // The flush may happen in the middle of a script; the report waits for a job of its own.
                        nonisolated(unsafe) let handler = onFailure
                        process.reactor.submit(UDPSites.failure) { handler(failure) }
                    },
                    waitForRoom: { [unowned self] _ in self.waitForRoom(place, descriptor) }))
        }
        for (index, receiver) in receivers.enumerated() {
            let place = receiverIndexBySender.firstIndex(of: index)
            try receiver.start { [unowned self] in if let place { self.hasRoom(place) } }
        }
    }

    /// Sends a datagram from a listener: a copy of the bytes leaves at the end of the pass. False when the listener is
    /// not of UDP or its queue is full (counted).
    @discardableResult
    package func send(_ bytes: [UInt8], to destination: SocketAddress, from socket: ListenSocket) -> Bool {
        bytes.withUnsafeBytes { send($0, to: destination, from: socket) }
    }

    @discardableResult
    package func send(
        _ bytes: UnsafeRawBufferPointer, to destination: SocketAddress, from socket: ListenSocket
    ) -> Bool {
        guard socket.id < senderIndexByID.count, senderIndexByID[socket.id] >= 0 else { return false }
        return senders[senderIndexByID[socket.id]].send(bytes, to: destination)
    }

    /// The listener that a message to an address leaves from when nothing else settles it: one of the address's family,
    /// of loopback if the address is, else not of loopback if there is one. Nil: none of the family.
    package func socket(for destination: SocketAddress) -> ListenSocket? {
        var second: ListenSocket?
        for listener in listeners where listener.socket.address.family == destination.family {
            if listener.socket.address.isLoopback == destination.isLoopback { return listener.socket }
            if second == nil { second = listener.socket }
        }
        return second
    }

    /// Datagrams that wait since a socket is full.
    package var waiting: Int { senders.reduce(0) { $0 + $1.waiting } }

    /// Sends what waits now, in place of at the end of the pass.
    package func flush() { for sender in senders where !sender.isBlocked { sender.flush() } }

    /// Stops reading and watching. The listeners stay open.
    package func stop() {
        flush()
        for receiver in receivers { receiver.stop() }
        for registration in writableRegistrations { registration?.remove() }
        writableRegistrations = writableRegistrations.map { _ in nil }
    }

    /// A socket takes no more: what waits in its queue is sent when it does again.
    func waitForRoom(_ place: Int, _ descriptor: Int32) {
        if let own = receiverIndexBySender[place] {
            receivers[own].registration?.modify([.readable, .writable])
        } else if writableRegistrations[place] == nil {
            writableRegistrations[place] = try? process.reactor.add(descriptor, for: .writable) {
                [unowned self] _ in self.hasRoom(place)
            }
        }
    }

    private func hasRoom(_ place: Int) {
        let probe = process.probe
        let own = receiverIndexBySender[place]
        // The descriptor of a receiver opens its sessions itself, one for each datagram.
        if own != nil { probe.begin(process.reactor.processSite) }
        probe.enter(UDPSites.unblocked)
        defer {
            probe.exit(UDPSites.unblocked)
            if own != nil { probe.end() }
        }
        if let own {
            receivers[own].registration?.modify(.readable)
        } else {
            // Not kept with an empty interest: epoll would go on to report the errors that the reading process handles.
            writableRegistrations[place]?.remove()
            writableRegistrations[place] = nil
        }
        senders[place].unblock()
    }
}
