import SIPTransaction
import SIPTransport

/// What has to be done after a transaction was stepped and unlocked. Lives on the stack; the usual event fills one or two
/// fields and allocates nothing.
struct Effects {
    struct Datagram {
        var bytes: [UInt8]
        var destination: Destination
        var branch: Int
    }

    /// To the upstream client.
    var reply: [UInt8]?
    /// The performing process became the one that sends replies, until they have left.
    var beginsReplying = false
    var first: Datagram?
    var more: [Datagram] = []
    /// Branches whose CANCEL must be built and sent.
    var cancelled: BranchSet = []
    /// Branches that ended without a response, with the status that stands for it: a failover is tried first.
    var failed: BranchSet = []
    var failedStatus = 408
    var fork = ForkActions()
    var needsTrying = false
    /// To be armed on the performing process.
    var armed: (deadline: Int, generation: UInt32)?
    var isOver = false
    /// Nothing more is waited for (`fireOrphan`).
    var isExpired = false

    mutating func send(_ bytes: [UInt8], _ destination: Destination, branch: Int) {
        let datagram = Datagram(bytes: bytes, destination: destination, branch: branch)
        if first == nil { first = datagram } else { more.append(datagram) }
    }
}

extension Transaction {
    /// The soonest deadline of all machines. With `lock` held.
    private var soonest: Int {
        var soonest = min(serverDeadlines.next, orphanDeadline)
        for index in branches.indices {
            soonest = min(soonest, branches[index].deadlines.next)
            if let cancel = branches[index].cancel { soonest = min(soonest, cancel.deadlines.next) }
        }
        return soonest
    }

    /// To be called last, with `lock` held: puts a reply in its place, arms the timer if a deadline came nearer, and sees
    /// whether all is over.
    func settle(_ effects: inout Effects, by worker: StackWorker) {
        if effects.reply != nil { order(&effects, by: worker) }
        guard !isOver else { return }
        if isFinished {
            isOver = true
            generation &+= 1
            effects.isOver = true
            return
        }
        let next = soonest
        if next < armedDeadline {
            armedDeadline = next
            generation &+= 1
            effects.armed = (next, generation)
        }
    }

    /// Replies go upstream in the order of the steps that made them, also when two processes made them at once: while
    /// what one process sent has not left its batch, replies of others wait for that process. With `lock` held.
    private func order(_ effects: inout Effects, by worker: StackWorker) {
        guard let reply = effects.reply else { return }
        if replySender >= 0, replySender != worker.id {
            repliesWaiting.append(reply)
            effects.reply = nil
        } else if replySender < 0 {
            replySender = worker.id
            effects.beginsReplying = true
        }
    }

    /// Nothing is expected any more. With `lock` held.
    private var isFinished: Bool {
        if isServer, !server.isTerminated { return false }
        if !isServer, fork.phase != .answered { return false }
        for index in branches.indices {
            // A branch that was never sent, and never will be, has nothing to wait for.
            if branches[index].sendings == 0, fork.phase == .answered, relaysUnderWay == 0 { continue }
            guard branches[index].machine.isTerminated else { return false }
            if let cancel = branches[index].cancel, !cancel.machine.isTerminated { return false }
        }
        return true
    }
}
