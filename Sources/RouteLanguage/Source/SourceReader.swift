import Glibc

/// Why a script file could not be read.
package enum SourceError: Error, Hashable, Sendable {
    case notFound
    /// With the kernel's reason.
    case unreadable(String)
    case isDirectory
    case tooLarge(limit: Int)
}

/// Where script files come from: the disk, or a table in tests.
package struct SourceReader: Sendable {
    /// Reads a whole file, at most `limit` bytes.
    package var read: @Sendable (_ path: String, _ limit: Int) -> Result<[UInt8], SourceError>

    package init(_ read: @escaping @Sendable (_ path: String, _ limit: Int) -> Result<[UInt8], SourceError>) {
        self.read = read
    }

    /// Files of a table, for tests.
    package static func table(_ files: [String: String]) -> SourceReader {
        SourceReader { path, limit in
            guard let text = files[path] else { return .failure(.notFound) }
            return text.utf8.count > limit ? .failure(.tooLarge(limit: limit)) : .success(Array(text.utf8))
        }
    }

    /// The disk. `-` is standard input.
    package static let disk = SourceReader { path, limit in
        if path == "-" { return readAll(descriptor: 0, limit: limit) }
        let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        guard descriptor >= 0 else {
            return .failure(errno == ENOENT || errno == ENOTDIR ? .notFound : .unreadable(errorText(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return .failure(.unreadable(errorText(errno))) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .failure(.isDirectory)
        case S_IFIFO:
            // Without a writer it would read as empty: this waits until one has written, or has come and gone.
            waitUntilReadable(descriptor)
            return readAll(descriptor: descriptor, limit: limit)
        case S_IFREG, S_IFCHR: return readAll(descriptor: descriptor, limit: limit)
        default: return .failure(.unreadable("not a regular file"))
        }
    }

    private static func readAll(descriptor: Int32, limit: Int) -> Result<[UInt8], SourceError> {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let capacity = chunk.count
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, capacity) }
            if count < 0 {
                if errno == EINTR { continue }
                // The descriptor does not block: opening must not wait, and standard input may have come so.
                if errno == EAGAIN {
                    waitUntilReadable(descriptor)
                    continue
                }
                return .failure(.unreadable(errorText(errno)))
            }
            if count == 0 { return .success(bytes) }
            bytes += chunk[0..<count]
            if bytes.count > limit { return .failure(.tooLarge(limit: limit)) }
        }
    }

    /// Waits for bytes or the end of them, as long as it takes: a signal ends the program.
    private static func waitUntilReadable(_ descriptor: Int32) {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&watched, 1, -1) < 0, errno == EINTR {}
    }

    private static func errorText(_ code: Int32) -> String {
        unsafe String(cString: strerror(code))
    }
}
