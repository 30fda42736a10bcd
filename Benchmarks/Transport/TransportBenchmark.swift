// What reactor and UDP cost, against a plain recvmmsg/sendmmsg loop in the same run:
//
//     swift run -c release transport-benchmark [rounds] [datagrams]
//
// Times are CPU times of the echoing thread, so that a busy machine bends them little. Each figure is the least of its
// rounds; rounds of the two contenders alternate.
import AllocationCounting
import Bytes
import CPlatform
import Profiling
import Reactor
import SIPTransport

@main
enum TransportBenchmark {
    static let rounds = argument(1) ?? 5

    /// A number of the command line, or nil.
    static func argument(_ place: Int) -> Int? {
        CommandLine.arguments.count > place ? Int(CommandLine.arguments[place]) : nil
    }

    static func main() throws {
        try measureDatagrams(bytes: 500)
        try measureDatagrams(bytes: 1200)
        try measureTimers()
        try measureJobs()
        measureAddresses()
    }

    static func measureDatagrams(bytes: Int) throws {
        var plain: [Double] = []
        var ours: [Double] = []
        var profiled: [Double] = []
        for _ in 0..<rounds {
            plain.append(try Echo.plain(payloadBytes: bytes))
            ours.append(try Echo.transport(payloadBytes: bytes, level: nil))
            profiled.append(try Echo.transport(payloadBytes: bytes, level: .timers))
        }
        let (least, mine, seen) = (plain.min()!, ours.min()!, profiled.min()!)  // rounds is not 0
        print("UDP, \(bytes) bytes, one received and one sent, CPU per datagram pair:")
        print("  plain recvmmsg/sendmmsg loop    \(microseconds(least))")
        print("  reactor and UDPTransport        \(microseconds(mine))   ratio \(rounded(mine / least))")
        print("  the same at level 3, one reader \(microseconds(seen))   ratio \(rounded(seen / least))")
        print("  allocations per datagram        \(rounded(Echo.allocationsPerDatagram))")
    }

    static func measureTimers() throws {
        let reactor = try Reactor(probe: .unattached(), processSite: .silent)
        let standing = (0..<10_000).map { index in
            reactor.schedule(afterMilliseconds: 1000 + index * 7, label: .silent) {}
        }
        let timer = reactor.makeTimer(label: .silent) {}
        print("Timers, with \(standing.count) armed, one arming and its cancelling:")
        print(
            "  reused timer                    "
                + nanoseconds { number in
                    timer.arm(afterMilliseconds: 500 + number & 0x7fff)
                    timer.cancel()
                })
        print(
            "  one-shot with a closure         "
                + nanoseconds { number in
                    reactor.schedule(afterMilliseconds: 500 + number & 0x7fff, label: .silent) { _ = number }.cancel()
                })
        print("  look for the next expiry        " + nanoseconds { _ in reactor.runOnce() } + " (a whole idle pass)")
        for timer in standing { timer.cancel() }
    }

    static func measureJobs() throws {
        let table = ProcessTable(profiler: nil, statistics: Statistics())
        let process = try table.make(description: "target", kind: .other)
        print("Jobs, submitted and run:")
        print(
            "  to itself, by hand              "
                + nanoseconds { _ in
                    process.reactor.submit(.silent) {}
                    process.reactor.runOnce()
                } + " (a whole pass)")
        try process.spawn(threadName: "target")
        print(
            "  to a busy process, by submitter "
                + nanoseconds(200_000) { _ in while !process.reactor.submit(.silent, {}) {} })
        table.stopAll()
    }

    static func measureAddresses() {
        let resolver = Resolver(statistics: Statistics())
        let query = ResolveQuery(host: "192.0.2.17")
        _ = resolver.immediate(query)
        print("Locating a host that is an address:")
        print("  IPv4                            " + nanoseconds { _ in _ = resolver.immediate(query) })
        print("  allocations                     \(allocations { _ = resolver.immediate(query) })")
    }

    /// Nanoseconds of CPU per call of `body`, the least of the rounds.
    static func nanoseconds(_ count: Int = 300_000, _ body: (Int) -> Void) -> String {
        var least = Double.infinity
        for _ in 0..<rounds {
            let before = cplatform_thread_cpu_nanoseconds()
            for number in 0..<count { body(number) }
            least = min(least, Double(cplatform_thread_cpu_nanoseconds() - before) / Double(count))
        }
        return "\(rounded(least)) ns"
    }

    static func microseconds(_ nanoseconds: Double) -> String { "\(rounded(nanoseconds / 1000)) µs" }

    static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
