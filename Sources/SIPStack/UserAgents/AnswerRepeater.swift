import Bytes
import Reactor
import SIPTransaction
import SIPTransport
import Synchronization

/// Sends an answer again and again until the far end shows that it has it: a 2xx to INVITE until its ACK (RFC 3261
/// §13.3.1.4), a reliable provisional response until its PRACK (RFC 3262 §3). First after T1, then twice as long each time, a 2xx
/// up to T2; after 64·T1 it gives up. Over TCP as well: what follows may be UDP, where nobody else repeats it.
///
/// Any process may stop it; it runs on the process that began it.
package final class AnswerRepeater: WorkerTask, Sendable {
    private let bytes: [UInt8]
    private let destination: Destination
    private let intervalMax: Int
    private let endsAt: Int
    private let interval: Atomic<Int>
    private let isStopped = Atomic<Bool>(false)
    private let givenUp: @Sendable (StackWorker) -> Void

    init(
        bytes: [UInt8], destination: Destination, settings: TransactionSettings, isFinal: Bool, startedAt: Int,
        givenUp: @escaping @Sendable (StackWorker) -> Void
    ) {
        self.bytes = bytes
        self.destination = destination
        intervalMax = isFinal ? Int(settings.t2) : .max
        endsAt = startedAt + Int(settings.t1) * 64
        interval = Atomic(Int(settings.t1))
        self.givenUp = givenUp
    }

    var nextWait: Int { interval.load(ordering: .relaxed) }

    /// The far end has it. Harmless when called again.
    package func stop() { isStopped.store(true, ordering: .relaxed) }

    package func run(on worker: StackWorker) {
        guard !isStopped.load(ordering: .relaxed) else { return }
        guard worker.now < endsAt else {
            stop()
            givenUp(worker)
            return
        }
        _ = worker.port.send(bytes, destination)
        worker.count(worker.counters.replyRetransmissions)
        let next = min(nextWait * 2, intervalMax)
        interval.store(next, ordering: .relaxed)
        worker.schedule(self, afterMilliseconds: min(next, endsAt - worker.now))
    }
}
