import Dispatch
import Reactor
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport
import Synchronization
import Testing

@testable import Modules

@Suite struct ScriptHostTests {
    /// All processes make contexts of messages at the same time; each numbers its own. What they share without a lock is
    /// told by ThreadSanitizer (`scripts/test sanitize`), under which this runs too: a count of the host's was such a race.
    @Test func processesNumberTheirMessagesApart() throws {
        let harness = try TMHarness("route { exit; }")
        let host = harness.host
        let engine = try #require(host.engine)
        let table = ProcessTable(profiler: nil, statistics: Statistics())
        let workers = try (0..<4).map { _ in
            let process = try table.make(description: "test", kind: .udp)
            let worker = StackWorker(
                stack: harness.stack, id: process.id, probe: process.probe, cells: process.statistics,
                port: WorkerPort(
                    now: { 0 }, arm: { _ in }, send: { _, _ in false }, socket: { _, _ in nil },
                    resolve: { _, _ in }, immediate: { _ in nil }))
            host.attach(worker, ScriptProcess(engine: engine, process: process))
            return worker
        }
        let text =
            "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a>;tag=a\r\n"
            + "To: <sip:a>\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        let bytes = Array(text.utf8)
        let socket = ListenSocket(id: 0, transport: .udp, address: TMHarness.address)
        let last = Mutex<[Int]>([])
        DispatchQueue.concurrentPerform(iterations: workers.count) { index in
            guard let message = try? Message.parse(bytes) else { return }
            let request = InboundRequest(message: message, source: TMHarness.caller, socket: socket)
            var number = 0
            for _ in 0..<5000 { number = host.context(of: request, workers[index]).number }
            last.withLock { $0.append(number) }
        }
        #expect(last.withLock { $0 } == [5000, 5000, 5000, 5000])
    }
}
