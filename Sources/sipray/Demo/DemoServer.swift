import Glibc
import Management
import Reactor

/// The demo's server: this executable again, as a child process, on a script in a directory of its own.
final class DemoServer {
    let address: SocketAddress
    let management: ManagementEndpoint
    let directory: String
    let pid: pid_t
    private var hasEnded = false

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts it. `script` makes the text from the SIP socket and the path of the management FIFO.
    init(script: (_ socket: String, _ fifo: String) -> String) throws {
        var template = Array("/tmp/sipray-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "/tmp: \(String(cString: strerror(errno)))") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        address = SocketAddress(127, 0, 0, 1, port: try DemoServer.freePort())
        management = .fifo(path: "\(directory)/fifo", replyDirectory: "/tmp")
        try DemoServer.write(script("udp:\(address)", "\(directory)/fifo"), to: "\(directory)/demo.cfg")
        pid = try DemoServer.spawn(in: directory)
    }

    /// The last lines that the server logged: for when it does not start.
    var log: String {
        guard let file = fopen("\(directory)/log", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// True until the child has ended.
    var isRunning: Bool {
        var status: Int32 = 0
        if !hasEnded { hasEnded = waitpid(pid, &status, WNOHANG) != 0 }
        return !hasEnded
    }

    /// Ends the child by its pid and removes its directory.
    func stop() {
        // Once it was waited for, the pid may be another's.
        if isRunning {
            kill(pid, SIGTERM)
            var status: Int32 = 0
            // Also when the user presses Ctrl-C again.
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            hasEnded = true
        }
        for name in ["demo.cfg", "log", "fifo"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    private static func freePort() throws -> UInt16 {
        let probe = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(probe) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(probe, $0, length) == 0 && getsockname(probe, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure(description: "no free port: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func write(_ text: String, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure(description: "\(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard bytes.withUnsafeBytes({ Glibc.write(file, $0.baseAddress, $0.count) }) == bytes.count else {
            throw Failure(description: "\(path) could not be written")
        }
    }

    /// The child's directory is the demo's, so that records name the script `demo.cfg`; it logs into a file there.
    private static func spawn(in directory: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(
            &actions, STDERR_FILENO, "\(directory)/log", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let here = open(".", O_RDONLY | O_CLOEXEC)
        defer { close(here) }
        guard chdir(directory) == 0 else {
            throw Failure(description: "\(directory): \(String(cString: strerror(errno)))")
        }
        defer { fchdir(here) }
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] =
            ["sipray", "serve", "demo.cfg"].map { (text: String) in strdup(text) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &arguments, environ)
        guard code == 0 else {
            throw Failure(description: "the server does not start: \(String(cString: strerror(code)))")
        }
        return pid
    }
}
