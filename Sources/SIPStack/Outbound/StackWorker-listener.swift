package import SIPTransport

extension StackWorker {
    /// The listener that a request to `destination` leaves by when the script chose none; nil when none fits.
    package func listener(for destination: Destination) -> ListenSocket? {
        destination.socket ?? port.socket(destination.address, destination.transport)
    }
}
