import CPlatform
import Events
import Glibc
import Profiling

/// What an event costs before it leaves, against what it costs to leave: formatting one profiling record as JSON-RPC, and
/// sending it as a datagram of a batch, in the same run. Times drift with the machine, the ratio less.
///
///     swift run -c release events-benchmark
@main
struct EventsBenchmark {
    static let repetitions = 15
    static let batches = 400
    static let batch = Int(CPLATFORM_SLICES_MAX)

    /// Nanoseconds per event: the best of several repetitions, since noise only adds.
    static func measure(_ body: () -> Void) -> Double {
        var best = Double.infinity
        for _ in 0..<repetitions {
            let before = cplatform_monotonic_nanoseconds()
            for _ in 0..<batches { body() }
            let after = cplatform_monotonic_nanoseconds()
            best = min(best, Double(after - before) / Double(batches * batch))
        }
        return best
    }

    static func main() {
        let records: [(String, ProfilingRecord)] = [
            (
                "process record, job",
                ProfilingRecord(
                    nanoseconds: 1_795_403_081_189_938_999, session: 1 << 40, verb: .enter, producer: .process,
                    name: "receive_msg", file: "receive_msg", line: 120, type: 1, depth: 3)
            ),
            (
                "script record, route",
                ProfilingRecord(
                    nanoseconds: 1_795_403_081_189_938_999, session: 1 << 40, verb: .exit, producer: .script,
                    name: "relay", file: "/etc/opensips/opensips.cfg", line: 214, type: 1, depth: 2, status: 1,
                    parent: 1 << 39)
            ),
        ]
        let link = Loopback()
        for (name, record) in records {
            var formatter = EventFormatter()
            let formatting = measure {
                formatter.removeAll()
                for _ in 0..<batch { formatter.append(record) }
            }
            let bytes = formatter.bytes
            let sending = measure { link.send(bytes, batch) }
            let ratio = Double(Int(formatting / sending * 1000)) / 1000
            print("\(name): \(bytes.count / batch) bytes")
            print("  formatted in \(Int(formatting)) ns, sent in \(Int(sending)) ns, ratio \(ratio)")
        }
    }
}

/// A connected pair of UDP sockets on loopback; what is sent is dropped when the receiver's queue is full.
struct Loopback {
    private let sender: Int32

    init() {
        var address = cplatform_address()
        (address.bytes.0, address.bytes.3, address.family) = (127, 1, 4)
        let receiver = cplatform_udp_open(&address, 0)
        _ = cplatform_socket_local_address(receiver, &address)
        sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var to = sockaddr_in()
        to.sin_family = sa_family_t(AF_INET)
        to.sin_port = address.port.bigEndian
        to.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &to) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(sender, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        precondition(receiver >= 0 && isConnected, "events-benchmark: no loopback")
    }

    /// Sends `bytes` as `count` datagrams of one length in one system call.
    func send(_ bytes: [UInt8], _ count: Int) {
        let length = UInt32(bytes.count / count)
        let slices = (0..<UInt32(count)).map { cplatform_slice(start: $0 * length, length: length) }
        var error: Int32 = 0
        _ = bytes.withUnsafeBufferPointer { buffer in
            slices.withUnsafeBufferPointer {
                cplatform_send_slices(sender, buffer.baseAddress!, $0.baseAddress!, UInt32(count), &error)
            }
        }
    }
}
