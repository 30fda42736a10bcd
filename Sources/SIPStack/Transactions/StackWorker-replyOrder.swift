import Reactor

// Replies of one transaction leave in the order in which it was stepped, whichever process makes them. A process that
// queues a reply for its batch stays the sender for that transaction until the batch has left; what other processes have
// for the client meanwhile is handed to it. Costs one short lock per reply.

extension StackWorker: PassEndTarget {
    /// A reply of `transaction` lies in this process's batch.
    func noteReplying(_ transaction: Transaction) {
        guard let atEndOfPass = port.atEndOfPass else { return release(transaction) }
        if replying.isEmpty { atEndOfPass(self) }
        replying.append(transaction)
    }

    /// The pass ends: the batch leaves, then what waited for it.
    package func passEnded() {
        while !replying.isEmpty {
            port.flush()
            swap(&replying, &replyingInUse)
            for transaction in replyingInUse { release(transaction) }
            replyingInUse.removeAll(keepingCapacity: true)
        }
    }

    /// What this process sent has left: sends what others handed over, and stays the sender if there was anything.
    private func release(_ transaction: Transaction) {
        transaction.lock.lock()
        let waiting = transaction.repliesWaiting
        if waiting.isEmpty {
            transaction.replySender = -1
            transaction.lock.unlock()
            return
        }
        transaction.repliesWaiting = []
        transaction.lock.unlock()
        for reply in waiting { _ = port.send(reply, transaction.replyDestination) }
        noteReplying(transaction)
    }
}
