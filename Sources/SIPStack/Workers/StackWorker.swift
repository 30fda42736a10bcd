package import Bytes
package import Profiling
package import Reactor
import SIPMessage
import SIPTransaction
package import SIPTransport

/// The SIP stack on one process: everything that receives, steps and sends. Confined to its process's thread.
///
/// Budget of a relayed message: the parser's allocation, the bytes that go out, for a new transaction its object and its
/// branches; two to four uncontended atomic exchanges; no system call (sending is batched below).
package final class StackWorker: @unchecked Sendable {
    // @unchecked: handed to its process once; completions that other processes hold only name it, they run on it.

    package let stack: Stack
    /// The process's id.
    package let id: Int
    package let probe: Probe
    let cells: StatisticsCells
    let port: WorkerPort
    /// Deadlines of transactions; one that was overtaken has an old generation. They name a transaction and do not hold it: most are
    /// far beyond its end.
    var timers = DeadlineQueue<TransactionDeadline>()
    /// How many deadlines wait when those of transactions that are over are swept out: twice what was left the last time.
    private var timersSweptAt = StackWorker.timersSweptMin
    static let timersSweptMin = 4096
    var tasks = DeadlineQueue<any WorkerTask>()
    private var armedAt = Int.max
    /// Transactions with replies in this process's batch, and the list that is worked off.
    var replying: ContiguousArray<Transaction> = []
    var replyingInUse: ContiguousArray<Transaction> = []
    /// Numbers what is made here: Call-IDs, tags.
    private var made: UInt64 = 0
    private var messagesShown = 0
    /// What is handled now without a script.
    package internal(set) var work: WorkInHand?

    package init(stack: Stack, id: Int, probe: Probe, cells: StatisticsCells, port: WorkerPort) {
        self.stack = stack
        self.id = id
        self.probe = probe
        self.cells = cells
        self.port = port
    }

    var counters: StackStatistics { stack.counters }
    var configuration: StackConfiguration { stack.configuration }

    /// Milliseconds of the clock that deadlines are in.
    package var now: Int { port.now() }

    /// Connections as this process uses them; nil when the server has no transport with connections.
    package var connections: (any StreamSending)? { port.connections }

    /// Transaction timers that wait here, stale ones included.
    package var timersWaiting: Int { timers.count + tasks.count }

    @inline(__always)
    func count(_ counter: Counter) { cells.add(counter) }

    // MARK: timers

    func arm(_ transaction: Transaction, deadline: Int, generation: UInt32) {
        timers.push(
            TransactionDeadline(place: transaction.place, serial: transaction.serial, generation: generation),
            deadline: deadline)
        if timers.count >= timersSweptAt { sweepTimers() }
        armTimer(at: deadline)
    }

    /// Keeps the memory of deadlines in proportion to the transactions that there are, whatever their timeouts.
    @inline(never)
    private func sweepTimers() {
        timers.removeAll { stack.table.find(place: $0.place, serial: $0.serial) == nil }
        timersSweptAt = max(Self.timersSweptMin, 2 * timers.count)
    }

    func armTimer(at deadline: Int) {
        guard deadline < armedAt else { return }
        armedAt = deadline
        port.arm(deadline)
    }

    /// To be called when the port's timer is due.
    package func timerFired() {
        let now = port.now()
        armedAt = .max
        while let due = timers.pop(dueAt: now) {
            guard let transaction = stack.table.find(place: due.place, serial: due.serial) else { continue }
            fire(transaction, generation: due.generation, now: now)
        }
        while let task = tasks.pop(dueAt: now) { task.run(on: self) }
        if let next = timers.next { armTimer(at: next) }
        if let next = tasks.next { armTimer(at: next) }
    }

    // MARK: identifiers

    /// A number that no other call on any process gives, hard to guess.
    func makeUnique() -> UInt64 {
        made &+= 1
        return StackWorker.mix(stack.secret ^ (UInt64(truncatingIfNeeded: id) << 48) ^ made) ^ UInt64(stack.boot)
    }

    /// The number of the next message that a script sees on this process, from 1 (`$mi`).
    package func nextMessageNumber() -> Int {
        messagesShown += 1
        return messagesShown
    }

    /// A text that no other call on any process gives, hard to guess: a tag, or a part of a Call-ID.
    package func uniqueTag() -> ByteString { makeTag() }

    /// A tag for replies of one transaction.
    func makeTag() -> ByteString {
        var writer = ByteWriter(reserving: 18)
        writer.append(hex: makeUnique(), digits: 16)
        return writer.finishText()
    }

    /// The finaliser of SplitMix64: every input bit reaches every output bit.
    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A deadline of a transaction, wherever that is: nothing if it is over, or was armed anew.
struct TransactionDeadline: BitwiseCopyable {
    let place: UInt32
    let serial: UInt32
    let generation: UInt32
}
