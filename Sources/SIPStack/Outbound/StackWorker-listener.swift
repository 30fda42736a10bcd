import Reactor
package import SIPTransport

extension StackWorker {
    /// The listener that a request to `destination` leaves by; nil when none does.
    ///
    /// In this order: the one that was chosen for it; the one that the destination names; for a connection transport that of a
    /// connection which leads there; with `mhomed` the one that the kernel's route leads to; `inbound`, the one that the request came in
    /// by; the first that fits. The chosen and the inbound
    /// one must be of the destination's transport and address family, and what listens on a loopback address reaches nothing else.
    package func listener(
        for destination: Destination, chosen: ListenSocket? = nil, inbound: ListenSocket? = nil
    ) -> ListenSocket? {
        if let chosen, Self.leads(chosen, to: destination) { return chosen }
        if let socket = destination.socket { return socket }
        if let routed = port.routed?.socket(for: destination, like: inbound) {
            guard destination.transport.isReliable, let connections = port.connections else { return routed }
            return connections.connectedSocket(
                to: destination.address, transport: destination.transport, preferring: routed) ?? routed
        }
        guard let inbound, Self.leads(inbound, to: destination),
            inbound.address.isLoopback == destination.address.isLoopback || !inbound.address.isLoopback
        else { return port.socket(destination.address, destination.transport) }
        guard destination.transport.isReliable, let connections = port.connections else { return inbound }
        return connections.connectedSocket(
            to: destination.address, transport: destination.transport, preferring: inbound) ?? inbound
    }

    private static func leads(_ socket: ListenSocket, to destination: Destination) -> Bool {
        socket.transport == destination.transport && socket.address.family == destination.address.family
    }
}
