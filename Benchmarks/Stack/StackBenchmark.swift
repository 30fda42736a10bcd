import AllocationCounting
import Bytes
import CPlatform
import SIPMessage

/// What one relayed call costs the stack in allocations and time, message by message: without a script, and through one
/// that does what a proxy's usually does. Times drift with the machine, counts do not.
///
///     swift run -c release stack-benchmark
@main
struct StackBenchmark {
    static let names = ["INVITE", "180", "200", "ACK", "BYE", "200"]
    static let calls = 20_000

    static func main() throws {
        let only = CommandLine.arguments.dropFirst().first
        if only != "script" { report("stack alone", try CallBench(script: nil)) }
        if only != "stack" { report("through a script", try CallBench(script: CallBench.proxy)) }
    }

    static func report(_ title: String, _ bench: CallBench) {
        for number in 0..<2_000 { bench.play(number) { _, _ in } }
        var counts = [Int](repeating: 0, count: names.count)
        bench.play(2_000) { index, body in counts[index] = allocations(body) }
        var nanoseconds = [Int](repeating: 0, count: names.count)
        for number in 2_001...(2_000 + calls) {
            bench.play(number) { index, body in
                let before = cplatform_monotonic_nanoseconds()
                body()
                nanoseconds[index] += Int(cplatform_monotonic_nanoseconds() - before)
            }
        }
        print(title)
        for (index, name) in names.enumerated() {
            print("  ", pad(name, 8), pad("\(counts[index]) allocations", 18), "\(nanoseconds[index] / calls) ns")
        }
        print(
            "  ", pad("call", 8), pad("\(counts.reduce(0, +)) allocations", 18),
            "\(nanoseconds.reduce(0, +) / calls) ns")
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }
}
