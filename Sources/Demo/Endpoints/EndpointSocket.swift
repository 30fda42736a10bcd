import Bytes
import CPlatform
import Glibc
import Reactor
import SIPMessage

/// A UDP socket of a simulated telephone on a process of the demo's own (not one of the server's).
///
/// Confined to the process's thread. Lost datagrams are the caller's business: SIP retransmits.
final class EndpointSocket {
    let address: SocketAddress
    let process: ReactorProcess
    private let descriptor: Int32
    private let receiver: OpaquePointer
    private let sender: OpaquePointer
    private var registration: Registration?
    private var handler: ((Message) -> Void)?

    /// Opens a socket on a free port of `host`.
    init(process: ReactorProcess, host: SocketAddress) throws(SystemCallError) {
        self.process = process
        var wanted = host.with(port: 0).platform
        let descriptor = cplatform_udp_open(&wanted, 0)
        guard descriptor >= 0 else { throw SystemCallError(call: "socket", code: -descriptor) }
        var bound = cplatform_address()
        let error = cplatform_socket_local_address(descriptor, &bound)
        guard error == 0, let address = SocketAddress(bound) else {
            throw SystemCallError(call: "getsockname", code: -error)
        }
        guard let receiver = cplatform_receiver_create(32, 65_536), let sender = cplatform_sender_create(64, 1 << 20)
        else {
            throw SystemCallError(call: "malloc", code: ENOMEM)
        }
        self.descriptor = descriptor
        self.address = address
        self.receiver = receiver
        self.sender = sender
        _ = cplatform_socket_set_receive_buffer(descriptor, 4 << 20)
    }

    deinit {
        cplatform_receiver_destroy(receiver)
        cplatform_sender_destroy(sender)
        close(descriptor)
    }

    /// Begins to hand each message that comes to `handler`. Before the process runs, or on its thread.
    func listen(_ handler: @escaping (Message) -> Void) throws(SystemCallError) {
        self.handler = handler
        registration = try process.reactor.add(descriptor, for: .readable) { [unowned self] _ in self.receive() }
        process.reactor.atEndOfEveryPass { [unowned self] in self.flush() }
        process.reactor.atStop { [self] in
            registration?.remove()
            self.handler = nil
        }
    }

    func send(_ text: String, to destination: SocketAddress) {
        var platform = destination.platform
        var text = text
        text.withUTF8 { bytes in
            if cplatform_sender_push(sender, bytes.baseAddress, UInt32(bytes.count), &platform) != 0 {
                flush()
                _ = cplatform_sender_push(sender, bytes.baseAddress, UInt32(bytes.count), &platform)
            }
        }
    }

    private func flush() {
        while cplatform_sender_count(sender) > 0 {
            var error: Int32 = 0
            _ = cplatform_sender_flush(sender, descriptor, &error)
            if cplatform_sender_count(sender) > 0 { cplatform_sender_drop_front(sender) }
        }
    }

    private func receive() {
        while true {
            let count = cplatform_receiver_receive(receiver, descriptor)
            guard count > 0 else { return }
            for index in 0..<UInt32(count) {
                guard let datagram = cplatform_receiver_datagram(receiver, index)?.pointee else { continue }
                let bytes = [UInt8](UnsafeBufferPointer(start: datagram.bytes, count: Int(datagram.length)))
                if let message = try? Message.parse(bytes) { handler?(message) }
            }
        }
    }
}
