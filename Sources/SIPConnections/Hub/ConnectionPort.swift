package import Reactor
package import SIPTransport
import Synchronization

/// The connections of a server as one of its processes uses them.
///
/// Budget per message sent: one look-up under the table's lock, one append under the connection's. At the end of the
/// pass or stretch, or when `dueBytesMax` wait, one system call for all that goes over a connection; the bytes are kept,
/// and copied once if there are several messages. What the socket does not take at once is the loop's, which is woken for
/// it.
package final class ConnectionPort: StreamSending, PassEndTarget {
    private let hub: ConnectionHub
    private let process: ReactorProcess
    private let sink: FailureSink
    /// Connections with something queued in this pass that nobody was sending.
    private var due: [Connection] = []
    private var isToldOfPassEnd = false
    private var scratch: [UInt8] = []
    private static let dueBytesMax = 64 << 10

    /// - Parameter onFailure: a message that did not leave; runs on the process's thread, in a job of its own.
    package init(
        hub: ConnectionHub, process: ReactorProcess, onFailure: @escaping @Sendable (SendFailure) -> Void
    ) {
        self.hub = hub
        self.process = process
        sink = FailureSink(process: process, handler: onFailure)
    }

    package func send(_ bytes: [UInt8], to destination: Destination) -> Bool {
        let outgoing = Connection.Outgoing(bytes: bytes, sender: sink)
        if let connection = hub.table.find(destination.connection) {
            switch enqueue(outgoing, connection) {
            case .taken, .due: return true
            case .full: return false
            case .closed: break
            }
        }
        if destination.reusesOnly {
            guard
                let connection = hub.table.find(
                    destination.address, destination.transport, socket: destination.socket)
            else { return false }
            return enqueue(outgoing, connection) == .taken
        }
        guard let socket = destination.socket ?? socket(for: destination.address, transport: destination.transport),
            socket.transport == destination.transport
        else { return false }
        return send(outgoing, to: destination.address, from: socket)
    }

    /// Over the connection that leads there, or a new one. One that is found may end in the same moment: then once
    /// more.
    private func send(_ outgoing: Connection.Outgoing, to address: PeerAddress, from socket: ListenSocket) -> Bool {
        for _ in 0..<2 {
            guard let loop = hub.nextLoop() else { return false }
            let place = hub.table.findOrMake(address, socket: socket, openedMax: hub.options.openedMax) { id in
                Connection(
                    id: id, socket: socket, peer: address, isAccepted: false, loop: loop,
                    receiver: hub.nextReceiverPlace())
            }
            switch place {
            case .full:
                return false
            case .made(let connection):
                let outcome = enqueue(outgoing, connection)
                hub.open(connection)
                return outcome == .taken
            case .found(let connection):
                switch enqueue(outgoing, connection) {
                case .taken, .due: return true
                case .full: return false
                case .closed: hub.table.remove(connection)
                }
            }
        }
        return false
    }

    /// A connection whose queue is full is cut: its peer takes too little.
    private func enqueue(_ outgoing: Connection.Outgoing, _ connection: Connection) -> Connection.Enqueued {
        let outcome = connection.enqueue(outgoing, hub.options)
        switch outcome {
        case .full: connection.withHandler { $0.close(.slowReader) }
        case .due(let bytes):
            if bytes >= Self.dueBytesMax {
                sendDue(connection)
            } else {
                note(connection)
            }
            return .taken
        case .taken, .closed: break
        }
        return outcome
    }

    private func note(_ connection: Connection) {
        if due.last !== connection { due.append(connection) }
        if !isToldOfPassEnd { process.reactor.atEndOfPass(self) }
        isToldOfPassEnd = true
    }

    package func passEnded() {
        isToldOfPassEnd = false
        flush()
    }

    package func flush() {
        for connection in due { sendDue(connection) }
        due.removeAll(keepingCapacity: true)
    }

    private func sendDue(_ connection: Connection) {
        let statistics = hub.statistics
        connection.sendDue(scratch: &scratch) { messages, bytes in
            process.statistics.add(statistics.sentMessages, messages)
            process.statistics.add(statistics.sentDirectly, messages)
            process.statistics.add(statistics.sentBytes, bytes)
        } lost: { left in
            hub.report(left, connection, .peer)
        }
    }

    package func socket(for destination: PeerAddress, transport: Transport) -> ListenSocket? {
        if let connection = hub.table.find(destination, transport, socket: nil) { return connection.socket }
        var second: ListenSocket?
        for socket in hub.listeners
        where socket.transport == transport && socket.address.family == destination.family {
            if socket.address.isLoopback == destination.isLoopback { return socket }
            if second == nil { second = socket }
        }
        return second
    }

    package func connectedSocket(
        to destination: PeerAddress, transport: Transport, preferring preferred: ListenSocket
    ) -> ListenSocket? {
        let own = hub.table.find(destination, transport, socket: preferred)
        return (own ?? hub.table.find(destination, transport, socket: nil))?.socket
    }

    package func addAlias(_ connection: ConnectionID, port: UInt16) -> Bool {
        guard let connection = hub.table.find(connection) else { return false }
        return hub.table.addAlias(connection, port: port, aliasesMax: hub.options.aliasesMax)
    }

    package func keep(_ connection: ConnectionID, seconds: Int) {
        let until = Connection.now + max(0, min(seconds, 1 << 30)) * 1000
        hub.table.find(connection)?.keptUntil.store(until, ordering: .relaxed)
    }

    @discardableResult
    package func close(_ connection: ConnectionID) -> Bool { hub.close(connection) }
}
