import AllocationCounting
import Bytes
import CPlatform
import SIPMessage

/// What reading, editing and answering a usual INVITE costs, against a plain scan of the same bytes in the same run,
/// and how often it allocates. Times drift with the machine; ratios and counts do not.
///
///     swift run -c release message-benchmark
@main
struct MessageBenchmark {
    static let repetitions = 15
    static let calls = 20_000

    /// Nanoseconds per call: the best of several repetitions, since noise only adds.
    static func measure(_ body: () -> Int) -> Double {
        var best = Double.infinity
        var sum = 0
        for _ in 0..<repetitions {
            let before = cplatform_monotonic_nanoseconds()
            for _ in 0..<calls { sum &+= body() }
            let after = cplatform_monotonic_nanoseconds()
            best = min(best, Double(after - before) / Double(calls))
        }
        // Keeps the calls from being left out.
        if sum == 1 { print("") }
        return best
    }

    static func report(_ name: String, _ scan: Double, _ body: () -> Int) {
        let time = measure(body)
        let made = allocations { _ = body() }
        print(pad(name, 44), pad("\(Int(time)) ns", 10), pad("\((time / scan * 100).rounded() / 100) scans", 14), made)
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    /// Looks at every byte one by one; `seed` differs each time, so that no call is left out.
    @inline(never)
    static func scan(_ bytes: [UInt8], _ seed: UInt32) -> UInt32 {
        var hash = seed
        let span = bytes.span
        for index in 0..<span.count { hash = hash &* 31 &+ UInt32(span[index]) }
        return hash
    }

    /// What the transaction layer reads of every message.
    @inline(never)
    static func readTransaction(_ message: Message) -> Int {
        var sum = message.topVia?.branchRange.count ?? 0
        sum += Int(message.cseq?.number ?? 0) + message.callID.count
        sum += (message.fromTag?.count ?? 0) + (message.toTag?.count ?? 0)
        return sum
    }

    @inline(never)
    static func edit(_ message: Message, _ via: ByteString, _ uri: ByteString, _ hops: ByteString) -> MessageEdits {
        var edits = MessageEdits()
        edits.reserve(count: 4, bytes: 256)
        edits.prepend(line: via, to: message)
        edits.replaceRequestURI(of: message, with: uri)
        if let field = message.first(.maxForwards) { edits.replaceValue(of: field, with: hops) }
        return edits
    }

    static func main() throws {
        for (name, bytes) in [("INVITE with SDP", invite), ("OPTIONS", options)] {
            let message = try Message.parse(bytes)
            var hash: UInt32 = 1
            let time = measure {
                hash = scan(bytes, hash)
                return 2
            }
            if hash == 0 { print("") }
            print(
                "\(name): \(bytes.count) bytes, \(message.headers.count) header fields; one scan is \(Int(time)) ns\n")
            report("parse", time) { (try? Message.parse(bytes))?.headers.count ?? 0 }
            report("read branch, CSeq, Call-ID and tags", time) { readTransaction(message) }
            report("decode the second Via", time) { message.secondVia?.hostRange.count ?? 0 }
            report("decode the request URI", time) { SIPURI(message.requestURI)?.hostRange.count ?? 0 }
            report("check(.transaction)", time) { (try? message.check(.transaction)) == nil ? 0 : 2 }
            report("check(.strict)", time) { (try? message.check(.strict)) == nil ? 0 : 2 }
            let (via, uri, hops): (ByteString, ByteString, ByteString) = (
                "Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKabc.1\r\n", "sip:bob@192.0.2.4:5060", "68"
            )
            report("edit for forwarding", time) { edit(message, via, uri, hops).isEmpty ? 0 : 2 }
            let edits = edit(message, via, uri, hops)
            report("apply the edits", time) { edits.apply(to: message).count }
            var builder = ReplyBuilder(to: message, status: 180)
            builder.toTag = "a6c85cf"
            builder.source = ViaSource(address: "192.0.2.10", port: 5060)
            report("build a 180", time) { builder.build().count }
            print("")
        }
    }
}
