import Glibc

extension ManagementClient {
    /// One exchange over UDP, from a socket of its own.
    func exchange(
        _ request: [UInt8], host: String, port: UInt16, _ deadline: Deadline
    ) throws(ManagementClientError) -> [UInt8] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found?.pointee else {
            throw .notFound(endpoint)
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(call: "socket", reason: errorText()) }
        defer { close(descriptor) }
        guard connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
            throw .system(call: "connect", reason: errorText())
        }
        return try exchange(request, over: descriptor, deadline)
    }

    /// One exchange over a unix datagram socket, from an address that the kernel chooses and that leaves no file.
    func exchange(
        _ request: [UInt8], unix path: String, _ deadline: Deadline
    ) throws(ManagementClientError) -> [UInt8] {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else { throw .notFound(endpoint) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(call: "socket", reason: errorText()) }
        defer { close(descriptor) }
        var own = sockaddr_un()
        own.sun_family = sa_family_t(AF_UNIX)
        let isBound = withUnsafePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sa_family_t>.size))
            }
        }
        guard isBound == 0 else { throw .system(call: "bind", reason: errorText()) }
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if isConnected != 0 {
            switch errno {
            case ENOENT, ENOTDIR: throw .notFound(endpoint)
            case EACCES, EPERM: throw .noPermission(path: path)
            case ECONNREFUSED: throw .nobodyListens(endpoint)
            default: throw .system(call: "connect(\(path))", reason: errorText())
            }
        }
        return try exchange(request, over: descriptor, deadline)
    }

    private func exchange(
        _ request: [UInt8], over descriptor: Int32, _ deadline: Deadline
    ) throws(ManagementClientError) -> [UInt8] {
        guard request.count <= Self.datagramBytesMax else {
            throw .requestTooLong(bytes: request.count, bytesMax: Self.datagramBytesMax)
        }
        while request.withUnsafeBytes({ send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }) < 0 {
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: guard wait(descriptor, for: POLLOUT, deadline) else { throw noAnswer(deadline) }
            case ECONNREFUSED, ENOENT: throw .nobodyListens(endpoint)
            default: throw .system(call: "send", reason: errorText())
            }
        }
        var reply = [UInt8](repeating: 0, count: 65536)
        while true {
            guard wait(descriptor, for: POLLIN, deadline) else { throw noAnswer(deadline) }
            let count = reply.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count >= 0 { return Array(reply[..<count]) }
            switch errno {
            case EINTR, EAGAIN: continue
            case ECONNREFUSED: throw .nobodyListens(endpoint)
            default: throw .system(call: "recv", reason: errorText())
            }
        }
    }
}
