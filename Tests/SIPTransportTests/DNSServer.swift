import Bytes
import Glibc
import Reactor
import Synchronization

@testable import SIPTransport

/// A small name server on a loopback port of its own, for the resolver to talk to. Its own encoder, so that a mistake of
/// the reader is not made twice.
final class DNSServer: Sendable {
    enum Data: Sendable {
        case a(UInt8, UInt8, UInt8, UInt8)
        case aaaa([UInt16])
        case srv(priority: UInt16, weight: UInt16, port: UInt16, target: String)
        case naptr(order: UInt16, preference: UInt16, service: String, replacement: String, flags: String = "s")
        case cname(String)

        var type: UInt16 {
            switch self {
            case .a: 1
            case .aaaa: 28
            case .srv: 33
            case .naptr: 35
            case .cname: 5
            }
        }
    }

    struct Record: Sendable {
        var name: String
        var data: Data
        var ttl: UInt32 = 60
        init(_ name: String, _ data: Data, ttl: UInt32 = 60) { (self.name, self.data, self.ttl) = (name, data, ttl) }
    }

    let records: [Record]
    /// Names that get no answer at all, and names that get SERVFAIL.
    let silent: Set<String>
    let broken: Set<String>
    let asked = Collected<String>()
    private let socket: Mutex<Int32>
    let address: SocketAddress
    private let isStopping = Atomic<Bool>(false)

    init(_ records: [Record], silent: Set<String> = [], broken: Set<String> = []) {
        self.records = records
        self.silent = silent
        self.broken = broken
        let socket = TestSocket()
        address = socket.address
        self.socket = Mutex(dup(socket.descriptor))
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            {
                Unmanaged<DNSServer>.fromOpaque($0!).takeRetainedValue().serve()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }

    var server: String { address.description }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        let waker = TestSocket()
        _ = waker.send([0], to: address)
    }

    private func serve() {
        let descriptor = socket.withLock { $0 }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isStopping.load(ordering: .relaxed) {
            var from = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let count = withUnsafeMutablePointer(to: &from) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
                }
            }
            guard count > 12, let reply = answer(Array(buffer[..<count])) else { continue }
            _ = withUnsafePointer(to: from) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(descriptor, reply, reply.count, 0, $0, length)
                }
            }
        }
    }

    private func answer(_ query: [UInt8]) -> [UInt8]? {
        var offset = 12
        var labels: [String] = []
        while offset < query.count, query[offset] != 0 {
            let length = Int(query[offset])
            guard offset + 1 + length < query.count else { return nil }
            labels.append(String(decoding: query[offset + 1..<offset + 1 + length], as: UTF8.self))
            offset += 1 + length
        }
        guard offset + 5 <= query.count else { return nil }
        let type = UInt16(query[offset + 1]) << 8 | UInt16(query[offset + 2])
        let name = labels.joined(separator: ".").lowercased()
        asked.append("\(name) \(type)")
        if silent.contains(name) { return nil }
        return Self.response(
            id: Array(query[0..<2]), question: Array(query[12..<offset + 5]), name: name, type: type, records: records,
            isBroken: broken.contains(name))
    }

    static func response(
        id: [UInt8], question: [UInt8], name: String, type: UInt16, records: [Record], isBroken: Bool = false
    ) -> [UInt8] {
        var chosen: [Record] = []
        var current = name
        for record in records where record.name == current {
            if case .cname(let target) = record.data, type != 5 {
                chosen.append(record)
                current = target
            }
        }
        chosen += records.filter { $0.name == current && $0.data.type == type }
        let exists = records.contains { $0.name == current || $0.name.hasSuffix("." + current) }
        let code: UInt8 = isBroken ? 2 : (exists ? 0 : 3)
        var out =
            id + [0x81, 0x80 | code, 0, 1] + word(chosen.count) + word(chosen.isEmpty ? 1 : 0) + [0, 0] + question
        for record in chosen {
            out += encode(record.name) + word(Int(record.data.type)) + [0, 1]
            out += [UInt8(record.ttl >> 24), UInt8(record.ttl >> 16 & 255)] + word(Int(record.ttl & 0xffff))
            let data = encode(record.data)
            out += word(data.count) + data
        }
        if chosen.isEmpty {
            let soa =
                encode("ns.test") + encode("root.test") + [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7]
            out += encode("test") + [0, 6, 0, 1, 0, 0, 1, 0] + word(soa.count) + soa
        }
        return out
    }

    static func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }

    static func encode(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static func text(_ value: String) -> [UInt8] { [UInt8(value.utf8.count)] + Array(value.utf8) }

    private static func encode(_ data: Data) -> [UInt8] {
        switch data {
        case .a(let a, let b, let c, let d): [a, b, c, d]
        case .aaaa(let groups): groups.flatMap { word(Int($0)) }
        case .srv(let priority, let weight, let port, let target):
            word(Int(priority)) + word(Int(weight)) + word(Int(port)) + encode(target)
        case .naptr(let order, let preference, let service, let replacement, let flags):
            word(Int(order)) + word(Int(preference)) + text(flags) + text(service) + text("") + encode(replacement)
        case .cname(let target): encode(target)
        }
    }
}
