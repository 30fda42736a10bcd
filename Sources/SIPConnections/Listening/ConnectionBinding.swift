import Glibc
import NIOCore
import NIOPosix
import Reactor
import SIPTransport

/// Sockets of connections with the options that the server wants.
enum ConnectionBinding {
    /// Binds a listening socket that accepts nothing until it is told to read.
    ///
    /// `accept` is called on a connection's loop, before anything is read from it, with the address that was bound.
    static func bind(
        _ address: PeerAddress, name: String, group: MultiThreadedEventLoopGroup, options: ConnectionOptions,
        accept: @escaping @Sendable (any Channel, PeerAddress) -> EventLoopFuture<Void>
    ) throws(ListenError) -> (any Channel, PeerAddress) {
        guard let target = address.forNIO else { throw .unknownHost(name, reason: "not an address") }
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(clamping: options.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            // Out of descriptors: waits a second before it tries again, in place of trying all the time.
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler())
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                guard let local = PeerAddress(channel.parent?.localAddress) else {
                    return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
                }
                return accept(channel, local)
            }
        if address.isIPv6 {
            bootstrap = bootstrap.serverChannelOption(
                .socket(SocketOptionLevel(IPPROTO_IPV6), SocketOptionName(IPV6_V6ONLY)), value: 1)
        }
        for (option, value) in settings(options, isIPv6: address.isIPv6) {
            bootstrap = bootstrap.childChannelOption(option, value: value)
        }
        do {
            let channel = try bootstrap.bind(to: target).wait()
            return (channel, PeerAddress(channel.localAddress) ?? address)
        } catch {
            throw refusal(error, name)
        }
    }

    /// Opens a connection from the listener's address.
    static func connect(
        _ connection: Connection, to address: NIOCore.SocketAddress, options: ConnectionOptions,
        handler: ConnectionHandler
    ) -> EventLoopFuture<any Channel> {
        let isIPv6 = connection.peer.isIPv6
        var bootstrap = ClientBootstrap(group: connection.loop)
            .connectTimeout(.milliseconds(Int64(options.connectMilliseconds)))
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                do {
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return channel.eventLoop.makeSucceededVoidFuture()
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
            }
        for (option, value) in settings(options, isIPv6: isIPv6) {
            bootstrap = bootstrap.channelOption(option, value: value)
        }
        if !connection.socket.address.isWildcard, let local = connection.socket.address.with(port: 0).forNIO {
            bootstrap = bootstrap.bind(to: local)
        }
        return bootstrap.connect(to: address)
    }

    private static func settings(
        _ options: ConnectionOptions, isIPv6: Bool
    ) -> [(ChannelOptions.Types.SocketOption, SocketOptionValue)] {
        typealias Option = ChannelOptions.Types.SocketOption
        func tcp(_ name: Int) -> Option { .socket(SocketOptionLevel(IPPROTO_TCP), SocketOptionName(name)) }
        var settings: [(Option, SocketOptionValue)] = [(tcp(TCPOption.noDelay), 1)]
        let keepalive = options.keepalive
        settings.append((.socketOption(.so_keepalive), keepalive.isOn ? 1 : 0))
        if keepalive.isOn {
            if let seconds = keepalive.idleSeconds { settings.append((tcp(TCPOption.keepIdle), numericCast(seconds))) }
            if let seconds = keepalive.intervalSeconds {
                settings.append((tcp(TCPOption.keepInterval), numericCast(seconds)))
            }
            if let count = keepalive.count { settings.append((tcp(TCPOption.keepCount), numericCast(count))) }
        }
        if let type = options.typeOfService {
            settings.append(
                isIPv6
                    ? (.socket(SocketOptionLevel(IPPROTO_IPV6), SocketOptionName(IPV6_TCLASS)), numericCast(type))
                    : (.socket(SocketOptionLevel(IPPROTO_IP), SocketOptionName(IP_TOS)), numericCast(type)))
        }
        return settings
    }

    /// Bytes that were written to a socket and not confirmed by the peer's system yet. On the channel's loop.
    static func bytesUnconfirmed(_ channel: any Channel) -> Int {
        let count = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            descriptor -> Int in
            var count: Int32 = 0
            return ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
        }
        return (count ?? nil) ?? 0
    }

    /// Numbers of `netinet/tcp.h`, which are the same on every Linux.
    private enum TCPOption {
        static let noDelay = 1
        static let keepIdle = 4
        static let keepInterval = 5
        static let keepCount = 6
    }

    private static func refusal(_ error: any Error, _ name: String) -> ListenError {
        guard let error = error as? IOError else { return .unknownHost(name, reason: "\(error)") }
        switch error.errnoCode {
        case EADDRINUSE: return .addressInUse(name)
        case EACCES, EPERM: return .notPermitted(name)
        case EADDRNOTAVAIL:
            return .addressNotHere(name, present: Interfaces.all().map { "\($0.address.host) (\($0.name))" })
        default: return .system(name, SystemCallError(call: "bind", code: error.errnoCode))
        }
    }
}
