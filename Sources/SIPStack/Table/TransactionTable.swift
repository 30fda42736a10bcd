import SIPTransaction
import Synchronization

/// All transactions of the server, in shards of their own lock each.
///
/// A transaction is in two indexes of its shard: a chain by the hash of its request, and a place by number, which its
/// branch ids carry. Looking up, adding and removing take the shard's lock once and allocate nothing in steady state.
final class TransactionTable: Sendable {
    static let shardsCount = 64
    private static let shardBits: UInt32 = 6
    private let shards: [Shard]
    private let inUse = Atomic<Int>(0)
    let transactionsMax: Int

    init(transactionsMax: Int) {
        self.transactionsMax = transactionsMax
        shards = (0..<Self.shardsCount).map { _ in Shard() }
    }

    /// Transactions in memory now.
    var count: Int { inUse.load(ordering: .relaxed) }

    enum Insertion {
        case inserted
        case found(Transaction)
        /// `transactionsMax` is reached.
        case full
    }

    /// Adds a server transaction unless one matches already.
    func insert(_ transaction: Transaction, matching: MatchingRules) -> Insertion {
        guard inUse.add(1, ordering: .relaxed).newValue <= transactionsMax else {
            inUse.subtract(1, ordering: .relaxed)
            return .full
        }
        let shard = shards[transaction.hash & (Self.shardsCount - 1)]
        shard.lock.lock()
        defer { shard.lock.unlock() }
        if let found = shard.find(hash: transaction.hash, key: transaction.key, as: .same, matching) {
            inUse.subtract(1, ordering: .relaxed)
            return .found(found)
        }
        shard.add(transaction, number: UInt32(transaction.hash & (Self.shardsCount - 1)), bits: Self.shardBits)
        return .inserted
    }

    /// Adds a client-only transaction, which no request is matched to. False when the table is full.
    func insertLocal(_ transaction: Transaction) -> Bool {
        guard inUse.add(1, ordering: .relaxed).newValue <= transactionsMax else {
            inUse.subtract(1, ordering: .relaxed)
            return false
        }
        let shard = shards[transaction.hash & (Self.shardsCount - 1)]
        shard.lock.lock()
        defer { shard.lock.unlock() }
        shard.add(transaction, number: UInt32(transaction.hash & (Self.shardsCount - 1)), bits: Self.shardBits)
        return true
    }

    /// The transaction that a request belongs to.
    func find(hash: Int, key: MatchKey, as purpose: MatchPurpose, _ matching: MatchingRules) -> Transaction? {
        let shard = shards[hash & (Self.shardsCount - 1)]
        shard.lock.lock()
        defer { shard.lock.unlock() }
        return shard.find(hash: hash, key: key, as: purpose, matching)
    }

    /// The transaction at a place, if it is still the one that the branch id means.
    func find(place: UInt32, serial: UInt32) -> Transaction? {
        let shard = shards[Int(place) & (Self.shardsCount - 1)]
        let slot = Int(place >> Self.shardBits)
        shard.lock.lock()
        defer { shard.lock.unlock() }
        guard slot < shard.places.count, let transaction = shard.places[slot], transaction.serial == serial else {
            return nil
        }
        return transaction
    }

    /// Takes a transaction out. Harmless when it is out already.
    func remove(_ transaction: Transaction) {
        let shard = shards[transaction.hash & (Self.shardsCount - 1)]
        shard.lock.lock()
        let removed = shard.remove(transaction, bits: Self.shardBits)
        shard.lock.unlock()
        if removed { inUse.subtract(1, ordering: .relaxed) }
    }

    /// The first transaction that satisfies the test. Walks everything, shard by shard: for management, not for traffic.
    func first(where test: (Transaction) -> Bool) -> Transaction? {
        for shard in shards {
            shard.lock.lock()
            let found = shard.places.first { $0.map(test) ?? false } ?? nil
            shard.lock.unlock()
            if let found { return found }
        }
        return nil
    }

    /// Transactions now and since the start, by shard (`tm:hash`).
    var load: [(current: Int, total: Int)] {
        shards.map { shard in
            shard.lock.withLock { (shard.count, Int(shard.serial)) }
        }
    }
}

/// One shard. Everything in it is guarded by its lock.
final class Shard: @unchecked Sendable {
    // @unchecked: all fields are read and written with `lock` held.
    static let chainsCount = 256

    let lock = StackLock()
    private var chains = ContiguousArray<Transaction?>(repeating: nil, count: Shard.chainsCount)
    fileprivate var places: ContiguousArray<Transaction?> = []
    private var free: ContiguousArray<UInt32> = []
    fileprivate var serial: UInt32 = 0
    fileprivate var count = 0

    /// Bits above those that chose the shard.
    private static func chain(_ hash: Int) -> Int { (hash >> 6) & (chainsCount - 1) }

    func find(hash: Int, key: MatchKey, as purpose: MatchPurpose, _ matching: MatchingRules) -> Transaction? {
        var next = chains[Self.chain(hash)]
        while let transaction = next {
            if transaction.hash == hash, transaction.isServer, transaction.key.matches(key, as: purpose, matching) {
                return transaction
            }
            next = transaction.next
        }
        return nil
    }

    func add(_ transaction: Transaction, number: UInt32, bits: UInt32) {
        let chain = Self.chain(transaction.hash)
        transaction.next = chains[chain]
        chains[chain] = transaction
        serial &+= 1
        let slot: UInt32
        if let reused = free.popLast() {
            slot = reused
            places[Int(slot)] = transaction
        } else {
            slot = UInt32(places.count)
            places.append(transaction)
        }
        transaction.place = slot << bits | number
        transaction.serial = serial
        count += 1
    }

    func remove(_ transaction: Transaction, bits: UInt32) -> Bool {
        let slot = Int(transaction.place >> bits)
        guard slot < places.count, places[slot] === transaction else { return false }
        places[slot] = nil
        free.append(UInt32(slot))
        count -= 1
        let chain = Self.chain(transaction.hash)
        if chains[chain] === transaction {
            chains[chain] = transaction.next
        } else {
            var previous = chains[chain]
            while let current = previous, current.next !== transaction { previous = current.next }
            previous?.next = transaction.next
        }
        transaction.next = nil
        return true
    }
}
