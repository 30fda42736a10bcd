import Glibc
import Synchronization

extension ManagementClient {
    /// One exchange over the FIFO: `:NAME:{json}` in, the answer through a FIFO of our own in `replyDirectory`.
    func exchange(
        _ request: [UInt8], fifo path: String, replyDirectory: String, _ deadline: Deadline
    ) throws(ManagementClientError) -> [UInt8] {
        let server = try openServer(path)
        defer { close(server) }
        let name = "sipray_mi_\(getpid())_\(Self.nextID.load(ordering: .relaxed))_\(UInt32.random(in: 0...UInt32.max))"
        let replyPath = replyDirectory + (replyDirectory.hasSuffix("/") ? "" : "/") + name
        let reply = try makeReplyFIFO(replyPath, directory: replyDirectory, groupOf: server)
        defer {
            close(reply)
            unlink(replyPath)
        }
        try send(Array(":\(name):".utf8) + request, to: server, deadline)
        return try readToEnd(reply, deadline)
    }

    private func openServer(_ path: String) throws(ManagementClientError) -> Int32 {
        let server = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        if server < 0 {
            switch errno {
            case ENOENT, ENOTDIR: throw .notFound(endpoint)
            case EACCES, EPERM: throw .noPermission(path: path)
            case ENXIO: throw .nobodyListens(endpoint)
            default: throw .system(call: "open(\(path))", reason: errorText())
            }
        }
        var status = stat()
        guard fstat(server, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            close(server)
            throw .system(call: "open(\(path))", reason: "it is not a FIFO")
        }
        return server
    }

    /// Made for our user and for the group of the server's FIFO, which the server can be expected to be in. Opened
    /// before the request goes out, so that the server never waits for us.
    private func makeReplyFIFO(
        _ path: String, directory: String, groupOf server: Int32
    ) throws(ManagementClientError) -> Int32 {
        guard mkfifo(path, 0o600) == 0 else { throw .replyDirectory(path: directory, reason: errorText()) }
        let reply = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        if reply < 0 {
            let reason = errorText()
            unlink(path)
            throw .replyDirectory(path: directory, reason: reason)
        }
        var status = stat()
        if fstat(server, &status) == 0, fchown(reply, uid_t.max, status.st_gid) == 0 { fchmod(reply, 0o660) }
        return reply
    }

    /// Up to `PIPE_BUF` bytes go in one piece; longer requests are kept from mixing with those of other clients by a
    /// lock on the FIFO.
    private func send(
        _ bytes: [UInt8], to server: Int32, _ deadline: Deadline
    ) throws(ManagementClientError) {
        let isAtomic = bytes.count <= Int(PIPE_BUF)
        if !isAtomic {
            while flock(server, LOCK_EX | LOCK_NB) != 0 {
                guard deadline.millisecondsLeft > 0 else { throw noAnswer(deadline) }
                poll(nil, 0, 5)
            }
        }
        defer { if !isAtomic { flock(server, LOCK_UN) } }
        // A server that goes away in between must be an error here, not a signal.
        signal(SIGPIPE, SIG_IGN)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(server, $0.baseAddress, $0.count) }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                guard wait(server, for: POLLOUT, deadline) else { throw noAnswer(deadline) }
            } else if errno == EPIPE {
                throw .nobodyListens(endpoint)
            } else if errno != EINTR {
                throw .system(call: "write", reason: errorText())
            }
        }
    }

    private func readToEnd(_ reply: Int32, _ deadline: Deadline) throws(ManagementClientError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            guard wait(reply, for: POLLIN, deadline) else { throw noAnswer(deadline) }
            let count = chunk.withUnsafeMutableBytes { read(reply, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes.append(contentsOf: chunk[..<count])
                guard bytes.count <= Self.replyBytesMax else {
                    throw .badReply("longer than \(Self.replyBytesMax) bytes")
                }
            } else if count == 0, !bytes.isEmpty {
                return bytes
            } else if count == 0 {
                throw .badReply("it is empty")
            } else if errno != EAGAIN, errno != EINTR {
                throw .system(call: "read", reason: errorText())
            }
        }
    }
}
