import SIPTransaction

extension StackWorker {
    /// The net below everything else: a transaction that has waited for so long is still under way by the timers of a branch, or
    /// it is brought to an end. No mistake of a script, a module or the stack keeps one for ever. With the lock held.
    ///
    /// Who was asked (a failure or onreply route that waits, a relay that waits for DNS) gets the same time again.
    func fireOrphan(_ transaction: Transaction, _ effects: inout Effects, _ now: Int) {
        transaction.orphanDeadline = .max
        let isOpen = transaction.isServer ? transaction.server.isOpen : transaction.fork.phase != .answered
        guard isOpen else { return }
        guard
            transaction.branches.contains(where: { $0.machine.isPending }) || !transaction.fork.pending.isEmpty
                || transaction.fork.phase == .deciding || !transaction.isServer
        else {
            // Nobody answers it, and nobody said that somebody will.
            effects.fork.formUnion(transaction.fork.release().actions)
            return
        }
        let isUnderWay = transaction.branches.contains { $0.machine.isPending && $0.deadlines.lifetime != .max }
        guard transaction.isOrphanSuspected, !isUnderWay else {
            transaction.isOrphanSuspected = !isUnderWay
            transaction.orphanDeadline = now + Int(transaction.settings.finalInviteResponse)
            return
        }
        for index in transaction.branches.indices where transaction.branches[index].machine.isPending {
            _ = transaction.branches[index].machine.transportFailed()
        }
        transaction.fork.expire()
        effects.isExpired = true
    }
}
