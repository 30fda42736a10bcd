import CPlatform
import Glibc
package import Reactor

/// The sockets of one UDP address: one for each receiver, among which the kernel spreads the calls.
///
/// By default the kernel picks a socket of a group by address pair, so that one trunk loads one process only. A classic
/// BPF program that hashes the Call-ID spreads calls evenly, keeps the messages of a call in order, and needs no privilege.
package final class UDPListener: Sendable {
    package let socket: ListenSocket
    /// One for each receiver. Owned by the listener: closed with it.
    package let descriptors: [Int32]
    /// What the kernel granted for each socket, in bytes.
    package let receiveBufferBytes: Int
    /// Bytes of a datagram in which its Call-ID is looked for. Behind them, or when this is 0 since the kernel took no
    /// program, it picks by address pair. `callReachBytesWanted` unless `net.core.optmem_max` is small.
    package let callReachBytes: Int

    private init(socket: ListenSocket, descriptors: [Int32], receiveBufferBytes: Int, callReachBytes: Int) {
        self.socket = socket
        self.descriptors = descriptors
        self.receiveBufferBytes = receiveBufferBytes
        self.callReachBytes = callReachBytes
    }

    deinit { for descriptor in descriptors { close(descriptor) } }

    /// Receivers of one address.
    package static let receiversMax = 256
    /// What is searched for the Call-ID where the kernel has room for the whole program.
    package static let callReachBytesWanted = 1024

    /// Binds `receivers` sockets to an address. Refuses an address that any other socket has, one of the same user's
    /// with SO_REUSEPORT included.
    package static func open(
        id: Int, request: ListenRequest, address: SocketAddress, receivers: Int, options: UDPOptions = UDPOptions()
    ) throws(ListenError) -> UDPListener {
        guard request.transport == .udp else { throw .transportMissing(request.description) }
        precondition((1...receiversMax).contains(receivers), "UDPListener.open: \(receivers) receivers")
        var descriptors: [Int32] = []
        do throws(ListenError) {
            // The first is bound alone, to find out whether the address is free; then again as part of the group.
            let probe = try bind(address, shared: false, request)
            var bound = cplatform_address()
            let error = cplatform_socket_local_address(probe, &bound)
            close(probe)
            guard error == 0, let bound = SocketAddress(bound) else {
                throw ListenError.system(request.description, SystemCallError(call: "getsockname", code: -error))
            }
            for _ in 0..<receivers { descriptors.append(try bind(bound, shared: receivers > 1, request)) }
            var granted = Int.max
            for descriptor in descriptors {
                granted = min(granted, try configure(descriptor, bound, options, request))
            }
            let reach =
                receivers == 1
                ? callReachBytesWanted
                : Int(max(0, cplatform_socket_spread_by_call(descriptors[0], UInt32(receivers))))
            let socket = ListenSocket(
                id: id, transport: .udp, address: bound, advertisedHost: request.advertisedHost,
                advertisedPort: request.advertisedPort, tag: request.tag)
            return UDPListener(
                socket: socket, descriptors: descriptors, receiveBufferBytes: granted, callReachBytes: reach)
        } catch {
            for descriptor in descriptors { close(descriptor) }
            throw error
        }
    }

    /// Bytes that wait in the kernel for this listener's receivers. Any thread.
    package var bytesWaiting: Int {
        descriptors.reduce(0) { $0 + max(0, Int(cplatform_socket_bytes_waiting($1))) }
    }

    private static func bind(
        _ address: SocketAddress, shared: Bool, _ request: ListenRequest
    ) throws(ListenError) -> Int32 {
        var platform = address.platform
        let descriptor = cplatform_udp_open(&platform, shared ? 1 : 0)
        guard descriptor < 0 else { return descriptor }
        let name = "udp:\(address)"
        switch -descriptor {
        case EADDRINUSE: throw .addressInUse(name)
        case EACCES, EPERM: throw .notPermitted(name)
        case EADDRNOTAVAIL:
            throw .addressNotHere(name, present: Interfaces.all().map { "\($0.address.host) (\($0.name))" })
        default: throw .system(name, SystemCallError(call: "bind", code: -descriptor))
        }
    }

    private static func configure(
        _ descriptor: Int32, _ address: SocketAddress, _ options: UDPOptions, _ request: ListenRequest
    ) throws(ListenError) -> Int {
        let isIPv6: Int32 = address.isIPv6 ? 1 : 0
        let error = cplatform_socket_enable_ancillary(descriptor, isIPv6)
        guard error == 0 else {
            throw .system(request.description, SystemCallError(call: "setsockopt", code: -error))
        }
        _ = cplatform_socket_set_send_buffer(descriptor, Int32(clamping: options.sendBufferBytes))
        if let type = options.typeOfService { _ = cplatform_socket_set_type_of_service(descriptor, isIPv6, type) }
        return Int(max(0, cplatform_socket_set_receive_buffer(descriptor, Int32(clamping: options.receiveBufferBytes))))
    }
}
