import CPlatform
import Glibc

/// A descriptor that lines are written to without ever waiting for who reads them.
///
/// A pipe or a terminal is opened once more, so that it does not block here and still does for others that share it.
/// Where that is not allowed (another user's pipe) it is asked for room before each write of at most `PIPE_BUF` bytes.
struct LogDescriptor: Sendable {
    private enum Kind {
        /// A file: the disk is waited for.
        case file
        case socket
        case opened
        case asked
    }

    /// Bytes that a pipe takes at once when it says that it has room: `PIPE_BUF`.
    private static let chunkBytes = 4096

    private let descriptor: Int32
    private let kind: Kind

    /// Standard error. Opened when it is used first.
    static let standardError = LogDescriptor(sharing: STDERR_FILENO)

    init(sharing descriptor: Int32) {
        switch cplatform_descriptor_kind(descriptor) {
        case S_IFIFO, S_IFCHR:
            let own = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
            (self.descriptor, kind) = own >= 0 ? (own, .opened) : (descriptor, .asked)
        case S_IFSOCK: (self.descriptor, kind) = (descriptor, .socket)
        default: (self.descriptor, kind) = (descriptor, .file)
        }
    }

    /// Writes what is taken now; the number of those bytes.
    func write(_ bytes: [UInt8]) -> Int {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { step($0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        return written
    }

    private func step(_ bytes: UnsafeRawBufferPointer) -> Int {
        switch kind {
        case .file, .opened: return Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        case .socket:
            return send(
                descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        case .asked:
            var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&watched, 1, 0) > 0 else { return 0 }
            return Glibc.write(descriptor, bytes.baseAddress, min(bytes.count, Self.chunkBytes))
        }
    }
}
