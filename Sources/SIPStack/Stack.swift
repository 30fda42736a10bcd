import Bytes
package import Reactor
import SIPMessage
import SIPTransport

/// The SIP stack of a server: configuration, hooks and the table of transactions, shared by all processes.
///
/// Each process has a `StackWorker`, which does the work. Constant after its making but for the table.
package final class Stack: Sendable {
    package let configuration: StackConfiguration
    package let hooks: StackHooks
    package let counters: StackStatistics
    let table: TransactionTable
    /// Differs from start to start: part of every branch id, tag and Call-ID made here.
    let boot: UInt32
    /// Makes stateless tags and branches unpredictable.
    let secret: UInt64

    /// `boot` and `secret` are for tests that must repeat exactly; nil takes them from the system's random numbers.
    package init(
        configuration: StackConfiguration, hooks: StackHooks, statistics: Statistics, boot: UInt32? = nil,
        secret: UInt64? = nil
    ) {
        self.configuration = configuration
        self.hooks = hooks
        counters = StackStatistics(statistics)
        table = TransactionTable(transactionsMax: configuration.transactionsMax)
        self.boot = boot ?? UInt32.random(in: .min ... .max)
        self.secret = secret ?? UInt64.random(in: .min ... .max)
        let table = table
        statistics.gauge(group: "tm", name: "inuse_transactions") { table.count }
    }

    /// Transactions in memory now.
    package var transactionCount: Int { table.count }

    /// Load of the table by shard: transactions now, and since the start (`tm:hash`).
    package var tableLoad: [(current: Int, total: Int)] { table.load }

    /// The transaction with that place and serial, as management names it; nil when it is over.
    package func transaction(place: UInt32, serial: UInt32) -> Transaction? {
        table.find(place: place, serial: serial)
    }

    /// The INVITE transaction of a Call-ID and CSeq number. Walks the whole table: for management.
    package func inviteTransaction(callID: some StringProtocol, cseq: UInt32) -> Transaction? {
        let wanted = Array(callID.utf8)
        return table.first { transaction in
            guard transaction.isInvite, let request = transaction.originalRequest else { return false }
            return request.cseq?.number == cseq && request.callID.elements.elementsEqual(wanted)
        }
    }
}
