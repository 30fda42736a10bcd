import Glibc
import Management
import Reactor

/// The demo's server: this executable again, as a child process, on a script in a directory of its own.
final class DemoServer {
    let address: SocketAddress
    let management: ManagementEndpoint
    let directory: String
    let pid: pid_t

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts it. `script` makes the text from the SIP socket and the management socket.
    init(script: (_ socket: String, _ management: String) -> String) throws {
        var template = Array("/tmp/sipray-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "/tmp: \(String(cString: strerror(errno)))") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let (sip, managementPort) = (try DemoServer.freePort(), try DemoServer.freePort())
        guard let address = SocketAddress(host: "127.0.0.1", port: sip) else {
            throw Failure(description: "127.0.0.1 is no address")
        }
        self.address = address
        management = .udp(host: "127.0.0.1", port: managementPort)
        let text = script(address.description, "udp:127.0.0.1:\(managementPort)")
        try DemoServer.write(text, to: "\(directory)/demo.cfg")
        pid = try DemoServer.spawn("\(directory)/demo.cfg")
    }

    /// True until the child has ended.
    var isRunning: Bool {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == 0
    }

    /// Ends the child by its pid and removes its directory.
    func stop() {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        unlink("\(directory)/demo.cfg")
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

    private static func spawn(_ script: String) throws -> pid_t {
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] =
            ["sipray", "serve", script].map { (text: String) in strdup(text) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let code = posix_spawn(&pid, "/proc/self/exe", nil, nil, &arguments, environ)
        guard code == 0 else {
            throw Failure(description: "the server does not start: \(String(cString: strerror(code)))")
        }
        return pid
    }
}
