package import SIPTransport

extension StackWorker {
    /// The listener that a request to `destination` leaves by: the one that was chosen for it if it is of the same transport,
    /// else one that fits; nil when none does.
    package func listener(for destination: Destination, chosen: ListenSocket? = nil) -> ListenSocket? {
        if let chosen, chosen.transport == destination.transport { return chosen }
        if let socket = destination.socket { return socket }
        return port.socket(destination.address, destination.transport)
    }
}
