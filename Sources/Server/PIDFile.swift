import Glibc

/// The file that tells others which process the server is (`-P`). Written once the server is up.
struct PIDFile {
    private let path: String

    /// A relative path holds for the directory that the server is started in, whatever it changes to.
    init(path: String) {
        guard !path.hasPrefix("/"), let directory = getcwd(nil, 0) else {
            self.path = path
            return
        }
        defer { free(directory) }
        self.path = String(cString: directory) + "/" + path
    }

    func write() throws(ConfigurationError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw ConfigurationError("pid file \(path): \(String(cString: strerror(errno)))") }
        let text = Array(Self.content.utf8)
        let written = text.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        close(file)
        guard written == text.count else { throw ConfigurationError("pid file \(path): could not be written") }
    }

    /// Removes the file, unless another server has made it its own.
    func remove() {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        close(file)
        if count > 0, String(decoding: bytes[..<count], as: UTF8.self) == Self.content { unlink(path) }
    }

    private static var content: String { "\(getpid())\n" }
}
