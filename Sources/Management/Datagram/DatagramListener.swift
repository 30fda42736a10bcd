import CPlatform
import Glibc
import Reactor

/// The socket that management datagrams come in on. Shared by the processes that serve it (`children_count`); closed,
/// and a unix socket's file removed, when the last of them lets it go.
package final class DatagramListener: Sendable {
    package let address: DatagramConfiguration.Address
    let descriptor: Int32
    private let identity: FileIdentityBox?

    private struct FileIdentityBox: Sendable {
        let path: String
        let device: UInt
        let inode: UInt
    }

    /// Opens the socket. UDP binds what the address says, unix makes a socket file with exactly the mode asked for.
    package init(_ configuration: DatagramConfiguration) throws(ManagementSetupError) {
        switch configuration.address {
        case .udp(let wanted):
            var form = wanted.platform
            let opened = cplatform_udp_open(&form, 0)
            guard opened >= 0 else {
                throw ManagementSetupError("can't listen on \(configuration.address): \(errorText(-opened))")
            }
            descriptor = opened
            identity = nil
            var bound = cplatform_address()
            cplatform_socket_local_address(opened, &bound)
            address = .udp(SocketAddress(bound) ?? wanted)
        case .unix(let path):
            descriptor = try Self.openUnix(path, configuration.access)
            identity = FileIdentity(path: path).map {
                FileIdentityBox(path: path, device: $0.device, inode: $0.inode)
            }
            address = configuration.address
        }
    }

    deinit {
        if let identity, let present = FileIdentity(path: identity.path), present.device == identity.device,
            present.inode == identity.inode
        {
            unlink(identity.path)
        }
        close(descriptor)
    }

    private static func openUnix(_ path: String, _ access: FileAccess) throws(ManagementSetupError) -> Int32 {
        let type = SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let opened = socket(AF_UNIX, Int32(type), 0)
        guard opened >= 0 else { throw ManagementSetupError("socket: \(errorText())") }
        do throws(ManagementSetupError) {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            // The path was measured when it was parsed, and the rest is zero.
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            try clear(path, address)
            // The file is made with the socket's own mode, so it is never open to more than it will be.
            fchmod(opened, mode_t(access.mode & 0o600))
            guard withSockaddr(address, { bind(opened, $0, $1) }) == 0 else {
                throw ManagementSetupError("can't listen on unix:\(path): \(errorText())")
            }
            do throws(ManagementSetupError) {
                try access.apply(to: path)
            } catch {
                unlink(path)
                throw error
            }
        } catch {
            close(opened)
            throw error
        }
        return opened
    }

    /// Removes a socket that an earlier server left; anything else in its place is left alone and refused.
    private static func clear(_ path: String, _ address: sockaddr_un) throws(ManagementSetupError) {
        guard let present = FileIdentity(path: path) else { return }
        guard present.isKind(UInt32(S_IFSOCK)) else {
            throw ManagementSetupError("\(path) is there and is not a socket: remove it or choose another socket_name")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(probe) }
        if withSockaddr(address, { connect(probe, $0, $1) }) == 0 {
            throw ManagementSetupError("another server listens on \(path): stop it or choose another socket_name")
        }
        guard unlink(path) == 0 else { throw ManagementSetupError("can't replace \(path): \(errorText())") }
    }

    private static func withSockaddr(
        _ address: sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
