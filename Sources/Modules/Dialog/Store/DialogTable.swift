import Bytes
import SIPStack
import Synchronization

/// All dialogs of the server: chains by Call-ID in shards of their own lock each. Looking up by id, adding and removing take one lock and
/// allocate nothing.
final class DialogTable: Sendable {
    private static let shardsCount = 64
    private let shards: [DialogShard]
    private let chainsCount: Int
    private let stored = Atomic<Int>(0)
    private let seed: UInt64
    let dialogsMax: Int

    /// - Parameter chainsCount: `hash_size`, a power of two.
    init(chainsCount: Int, dialogsMax: Int) {
        self.chainsCount = chainsCount
        self.dialogsMax = dialogsMax
        seed = UInt64.random(in: .min ... .max)
        let inShard = max(1, chainsCount / Self.shardsCount)
        shards = (0..<min(chainsCount, Self.shardsCount)).map { _ in
            DialogShard(chainsCount: inShard, counter: UInt64.random(in: .min ... .max))
        }
    }

    /// Dialogs in memory, those included that are over and only read.
    var count: Int { stored.load(ordering: .relaxed) }

    func hash(_ callID: ByteString) -> Int { Int(truncatingIfNeeded: callID.stableHash(seed: seed) & 0x7FFF_FFFF) }

    /// Adds the dialog that `make` makes of its chain and number; nil when there are too many.
    func add(callID: ByteString, _ make: (_ chain: UInt32, _ number: UInt32, _ hash: Int) -> Dialog) -> Dialog? {
        guard stored.add(1, ordering: .relaxed).newValue <= dialogsMax else {
            stored.subtract(1, ordering: .relaxed)
            return nil
        }
        let hash = hash(callID)
        let chain = hash & (chainsCount - 1)
        let shard = shards[chain & (shards.count - 1)]
        let number = shard.lock.withLock { shard.makeNumber(seed) }
        let dialog = make(UInt32(chain), number, hash)
        shard.lock.withLock { shard.add(dialog, at: chain / shards.count) }
        return dialog
    }

    /// Harmless when it is out already. True: it was in.
    @discardableResult
    func remove(_ dialog: Dialog) -> Bool {
        let chain = Int(dialog.chain)
        let shard = shards[chain & (shards.count - 1)]
        let wasStored = shard.lock.withLock { shard.remove(dialog, at: chain / shards.count) }
        if wasStored { stored.subtract(1, ordering: .relaxed) }
        return wasStored
    }

    func find(chain: UInt32, number: UInt32) -> Dialog? {
        guard chain < UInt32(chainsCount) else { return nil }
        let shard = shards[Int(chain) & (shards.count - 1)]
        shard.lock.lock()
        defer { shard.lock.unlock() }
        var next = shard.chains[Int(chain) / shards.count]
        while let dialog = next, dialog.number != number { next = dialog.next }
        return next
    }

    /// The first dialog of a Call-ID that satisfies the test, the newest first.
    func find(callID: ByteString, where test: (Dialog) -> Bool = { _ in true }) -> Dialog? {
        let hash = hash(callID)
        let chain = hash & (chainsCount - 1)
        let shard = shards[chain & (shards.count - 1)]
        shard.lock.lock()
        // Tests look at dialogs, which takes their locks: collected first, under this lock only.
        var next = shard.chains[chain / shards.count]
        var found: [Dialog] = []
        while let dialog = next {
            if dialog.hash == hash, dialog.callID == callID { found.append(dialog) }
            next = dialog.next
        }
        shard.lock.unlock()
        return found.first(where: test)
    }

    /// All dialogs, shard by shard. For management and for scripts that search.
    var all: [Dialog] {
        var all: [Dialog] = []
        for shard in shards {
            shard.lock.lock()
            let chains = shard.chains
            shard.lock.unlock()
            for index in chains.indices {
                shard.lock.lock()
                var next = shard.chains[index]
                while let dialog = next {
                    all.append(dialog)
                    next = dialog.next
                }
                shard.lock.unlock()
            }
        }
        return all
    }
}

/// One shard. Everything in it is guarded by its lock.
final class DialogShard: @unchecked Sendable {
    // @unchecked: all fields are read and written with `lock` held.
    let lock = StackLock()
    fileprivate var chains: ContiguousArray<Dialog?>
    private var counter: UInt64

    init(chainsCount: Int, counter: UInt64) {
        chains = ContiguousArray(repeating: nil, count: chainsCount)
        self.counter = counter
    }

    /// A number that is hard to guess: it lets requests into a dialog.
    func makeNumber(_ seed: UInt64) -> UInt32 {
        counter &+= 1
        var mixed = (counter ^ seed) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return UInt32(truncatingIfNeeded: (mixed ^ (mixed >> 31)) >> 16)
    }

    func add(_ dialog: Dialog, at chain: Int) {
        dialog.next = chains[chain]
        dialog.isStored = true
        chains[chain] = dialog
    }

    func remove(_ dialog: Dialog, at chain: Int) -> Bool {
        guard dialog.isStored else { return false }
        dialog.isStored = false
        if chains[chain] === dialog {
            chains[chain] = dialog.next
        } else {
            var previous = chains[chain]
            while let current = previous, current.next !== dialog { previous = current.next }
            previous?.next = dialog.next
        }
        dialog.next = nil
        return true
    }
}
