import Bytes
import Glibc
import Reactor

/// The names that the machine knows without a server: `/etc/hosts`, and `localhost` in any case. Read once at start.
struct HostsFile: Sendable {
    static let bytesMax = 4 << 20
    private var addresses: [ByteString: [SocketAddress]] = [:]

    init(path: String) {
        if !path.isEmpty, let text = Self.read(path) { parse(text) }
        let localhost = ByteString("localhost")
        if addresses[localhost] == nil {
            addresses[localhost] = [SocketAddress(127, 0, 0, 1, port: 0), SocketAddress(ipv6: 0, 1, port: 0)]
        }
    }

    init(text: [UInt8]) { parse(ByteString(text)) }

    /// The addresses of a normalized name, or nil when the file does not have it.
    subscript(name: ByteString) -> [SocketAddress]? { addresses[name] }

    private mutating func parse(_ text: ByteString) {
        for line in text.split(at: UInt8(ascii: "\n")) {
            let content = line.slice(0..<(line.first(of: UInt8(ascii: "#")) ?? line.count))
            var fields: [ByteString] = []
            var start: Int?
            for index in 0...content.count {
                let isBlank = index == content.count || ASCII.isWhitespace(content[index])
                if isBlank, let begin = start {
                    fields.append(content.slice(begin..<index))
                    start = nil
                } else if !isBlank, start == nil {
                    start = index
                }
            }
            guard let first = fields.first, let address = SocketAddress(host: first.string, port: 0) else { continue }
            for field in fields.dropFirst() {
                guard let name = DNSQuestion.normalized(field) else { continue }
                addresses[name.compacted(), default: []].append(address)
            }
        }
    }

    private static func read(_ path: String) -> ByteString? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < bytesMax {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return ByteString(bytes)
    }
}
