import Glibc

extension ManagementClient {
    /// One exchange over HTTP, on a connection of its own.
    func exchange(
        _ request: [UInt8], http location: HTTPLocation, _ deadline: Deadline
    ) throws(ManagementClientError) -> [UInt8] {
        var head = "POST \(location.path) HTTP/1.1\r\nHost: \(location.authority)\r\nContent-Type: application/json\r\n"
        if let credentials = location.credentials {
            head += "Authorization: Basic \(Base64.encode(credentials))\r\n"
        }
        head += "Content-Length: \(request.count)\r\nConnection: close\r\n\r\n"
        let bytes = Array(head.utf8) + request
        let answer: [UInt8]
        if let encryption, location.isSecure {
            answer = try encryption.exchange(bytes, with: location, deadline) {
                HTTPReplyText($0)?.isComplete ?? false
            }
        } else {
            answer = try exchangePlain(bytes, with: location, deadline)
        }
        guard let reply = HTTPReplyText(answer) else {
            throw .badReply(
                answer.isEmpty && !location.isSecure
                    ? "it closed the connection; if it speaks TLS, write https://" : "it is no HTTP")
        }
        guard reply.status == 200 else {
            let text = String(decoding: reply.body.prefix(200), as: UTF8.self)
            throw .badReply("HTTP status \(reply.status) \(text.split(separator: "\n").first ?? "")")
        }
        return reply.body
    }

    private func exchangePlain(
        _ bytes: [UInt8], with location: HTTPLocation, _ deadline: Deadline
    ) throws(ManagementClientError) -> [UInt8] {
        // A server that closes while it is written to must be an error here, not a signal.
        signal(SIGPIPE, SIG_IGN)
        let descriptor = try connect(location, deadline)
        defer { close(descriptor) }
        let isSent = try send(bytes, to: descriptor, deadline)
        let answer = try readAll(descriptor, deadline)
        if !isSent, HTTPReplyText(answer) == nil { throw .nobodyListens(endpoint) }
        return answer
    }

    private func connect(_ location: HTTPLocation, _ deadline: Deadline) throws(ManagementClientError) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(location.host, String(location.port), &hints, &found) == 0 else { throw .notFound(endpoint) }
        defer { freeaddrinfo(found) }
        var reason = "no address"
        var next = found
        while let address = next?.pointee {
            next = address.ai_next
            let type = address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            let descriptor = socket(address.ai_family, type, 0)
            guard descriptor >= 0 else { throw .system(call: "socket", reason: errorText()) }
            let code = connect(descriptor, address, deadline)
            if code == 0 { return descriptor }
            close(descriptor)
            if code == ETIMEDOUT { throw noAnswer(deadline) }
            reason = errorText(code)
            if code == ECONNREFUSED, next == nil { throw .nobodyListens(endpoint) }
        }
        throw .system(call: "connect", reason: reason)
    }

    /// 0, or why it could not be connected.
    private func connect(_ descriptor: Int32, _ address: addrinfo, _ deadline: Deadline) -> Int32 {
        if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return 0 }
        guard errno == EINPROGRESS else { return errno }
        guard wait(descriptor, for: POLLOUT, deadline) else { return ETIMEDOUT }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        return code
    }

    /// `false` when the server closed before it had everything: it may have answered why.
    private func send(
        _ bytes: [UInt8], to descriptor: Int32, _ deadline: Deadline
    ) throws(ManagementClientError) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                guard wait(descriptor, for: POLLOUT, deadline) else { throw noAnswer(deadline) }
            } else if errno == EPIPE || errno == ECONNRESET {
                return false
            } else if errno != EINTR {
                throw .system(call: "write", reason: errorText())
            }
        }
        return true
    }

    private func readAll(_ descriptor: Int32, _ deadline: Deadline) throws(ManagementClientError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            guard wait(descriptor, for: POLLIN, deadline) else { throw noAnswer(deadline) }
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes.append(contentsOf: chunk[..<count])
                guard bytes.count <= Self.replyBytesMax else {
                    throw .badReply("longer than \(Self.replyBytesMax) bytes")
                }
                if HTTPReplyText(bytes)?.isComplete ?? false { return bytes }
            } else if count == 0 || errno == ECONNRESET {
                return bytes
            } else if errno != EAGAIN, errno != EINTR {
                throw .system(call: "read", reason: errorText())
            }
        }
    }
}

/// An HTTP/1 response as text: status and body. Pure.
struct HTTPReplyText: Hashable {
    let status: Int
    let body: [UInt8]
    /// Whether the body is all there; without a length it ends with the connection.
    let isComplete: Bool

    /// `nil` while the head is not complete, and for what is no HTTP.
    init?(_ bytes: [UInt8]) {
        guard let end = Self.headEnd(bytes) else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let first = lines.first?.split(separator: " ") ?? []
        guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else { return nil }
        self.status = status
        var length: Int?
        var isChunked = false
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = String(parts[1].drop { $0 == " " })
            switch parts[0].lowercased() {
            case "content-length": length = Int(value)
            case "transfer-encoding": isChunked = value.lowercased().hasSuffix("chunked")
            default: continue
            }
        }
        let rest = bytes[(end + 4)...]
        if isChunked {
            (body, isComplete) = Self.joined(rest)
        } else if let length, length >= 0 {
            body = Array(rest.prefix(length))
            isComplete = rest.count >= length
        } else {
            body = Array(rest)
            isComplete = status == 204
        }
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let mark = Array("\r\n\r\n".utf8)
        return (0...(bytes.count - 4)).first { bytes[$0] == mark[0] && bytes[$0..<$0 + 4].elementsEqual(mark) }
    }

    /// The chunks as one (RFC 9112 §7.1).
    private static func joined(_ bytes: ArraySlice<UInt8>) -> ([UInt8], Bool) {
        var body: [UInt8] = []
        var rest = bytes
        while let line = rest.firstIndex(of: UInt8(ascii: "\r")), line + 1 < rest.endIndex {
            let size = rest[..<line].prefix { $0 != UInt8(ascii: ";") }
            guard let count = Int(String(decoding: size, as: UTF8.self), radix: 16), count >= 0 else { break }
            if count == 0 { return (body, true) }
            let start = line + 2
            guard count <= rest.endIndex - start - 2 else { break }
            body.append(contentsOf: rest[start..<start + count])
            rest = rest[(start + count + 2)...]
        }
        return (body, false)
    }
}
