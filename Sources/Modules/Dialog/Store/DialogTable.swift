import Bytes
import SIPStack
import Synchronization

/// All dialogs of the server, in shards of their own lock each, which chain them by Call-ID and by number. Looking up, adding and removing
/// take one lock, allocate nothing, and walk a few dialogs; those of one Call-ID are at most `DialogSettings.ofCallIDMax`.
final class DialogTable: Sendable {
    /// Why a dialog was not added.
    enum Full: Error { case all, ofCallID }

    private static let shardsCount = 64
    /// Chains of a kind, beyond what `hash_size` asks for.
    private static let chainsMax = 1 << 16
    private let shards: [DialogShard]
    /// What the first part of an id is below.
    private let chainsCount: Int
    private let stored = Atomic<Int>(0)
    private let seed: UInt64
    let dialogsMax: Int

    /// - Parameter chainsCount: `hash_size`, a power of two.
    init(chainsCount: Int, dialogsMax: Int) {
        self.chainsCount = chainsCount
        self.dialogsMax = dialogsMax
        seed = UInt64.random(in: .min ... .max)
        var kept = chainsCount
        while kept < min(Self.chainsMax, dialogsMax / 8) { kept *= 2 }
        let count = min(chainsCount, Self.shardsCount)
        shards = (0..<count).map { _ in
            DialogShard(chainsCount: kept / count, counter: UInt64.random(in: .min ... .max))
        }
    }

    /// Dialogs in memory, those included that are over and only read.
    var count: Int { stored.load(ordering: .relaxed) }

    func hash(_ callID: ByteString) -> Int { Int(truncatingIfNeeded: callID.stableHash(seed: seed) & 0x7FFF_FFFF) }

    /// The shard of a hash, or of the chain that an id begins with.
    private func shard(_ hash: Int) -> DialogShard { shards[hash & (shards.count - 1)] }

    /// Adds the dialog that `make` makes of its chain and number.
    func add(
        callID: ByteString, _ make: (_ chain: UInt32, _ number: UInt32, _ hash: Int) -> Dialog
    ) throws(Full) -> Dialog {
        guard stored.add(1, ordering: .relaxed).newValue <= dialogsMax else {
            stored.subtract(1, ordering: .relaxed)
            throw .all
        }
        let hash = hash(callID)
        let shard = shard(hash)
        let number = shard.lock.withLock { shard.makeNumber(seed) }
        let dialog = make(UInt32(hash & (chainsCount - 1)), number, hash)
        guard shard.lock.withLock({ shard.add(dialog, at: hash / shards.count) }) else {
            stored.subtract(1, ordering: .relaxed)
            throw .ofCallID
        }
        return dialog
    }

    /// Harmless when it is out already. True: it was in.
    @discardableResult
    func remove(_ dialog: Dialog) -> Bool {
        let shard = shard(dialog.hash)
        let wasStored = shard.lock.withLock { shard.remove(dialog, at: dialog.hash / shards.count) }
        if wasStored { stored.subtract(1, ordering: .relaxed) }
        return wasStored
    }

    func find(chain: UInt32, number: UInt32) -> Dialog? {
        guard chain < UInt32(chainsCount) else { return nil }
        let shard = shard(Int(chain))
        shard.lock.lock()
        defer { shard.lock.unlock() }
        var next = shard.first(number: number)
        while let dialog = next, dialog.number != number || dialog.chain != chain { next = dialog.nextByNumber }
        return next
    }

    /// The first dialog of a Call-ID that satisfies the test, the newest first.
    func find(callID: ByteString, where test: (Dialog) -> Bool = { _ in true }) -> Dialog? {
        let hash = hash(callID)
        let shard = shard(hash)
        shard.lock.lock()
        // Tests look at dialogs, which takes their locks: collected first, under this lock only.
        var next = shard.first(at: hash / shards.count)
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
            for index in 0..<shard.chainsCount {
                shard.lock.lock()
                var next = shard.first(at: index)
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
    // @unchecked: all fields are read and written with `lock` held, `chainsCount` is constant.
    let lock = StackLock()
    /// A power of two.
    let chainsCount: Int
    private var chains: ContiguousArray<Dialog?>
    private var byNumber: ContiguousArray<Dialog?>
    private var counter: UInt64

    init(chainsCount: Int, counter: UInt64) {
        self.chainsCount = chainsCount
        chains = ContiguousArray(repeating: nil, count: chainsCount)
        byNumber = chains
        self.counter = counter
    }

    /// A number that is hard to guess: it lets requests into a dialog.
    func makeNumber(_ seed: UInt64) -> UInt32 {
        counter &+= 1
        var mixed = (counter ^ seed) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return UInt32(truncatingIfNeeded: (mixed ^ (mixed >> 31)) >> 16)
    }

    /// - Parameter place: any number; what is above the chains is cut off.
    func first(at place: Int) -> Dialog? { chains[place & (chainsCount - 1)] }

    func first(number: UInt32) -> Dialog? { byNumber[Int(number) & (chainsCount - 1)] }

    /// False when there are as many of that Call-ID as may be.
    func add(_ dialog: Dialog, at place: Int) -> Bool {
        var others = 0
        var next = first(at: place)
        while let other = next {
            if other.hash == dialog.hash { others += 1 }
            next = other.next
        }
        guard others < DialogSettings.ofCallIDMax else { return false }
        dialog.next = first(at: place)
        chains[place & (chainsCount - 1)] = dialog
        dialog.nextByNumber = first(number: dialog.number)
        byNumber[Int(dialog.number) & (chainsCount - 1)] = dialog
        dialog.isStored = true
        return true
    }

    func remove(_ dialog: Dialog, at place: Int) -> Bool {
        guard dialog.isStored else { return false }
        dialog.isStored = false
        if first(at: place) === dialog {
            chains[place & (chainsCount - 1)] = dialog.next
        } else {
            var previous = first(at: place)
            while let current = previous, current.next !== dialog { previous = current.next }
            previous?.next = dialog.next
        }
        if first(number: dialog.number) === dialog {
            byNumber[Int(dialog.number) & (chainsCount - 1)] = dialog.nextByNumber
        } else {
            var previous = first(number: dialog.number)
            while let current = previous, current.nextByNumber !== dialog { previous = current.nextByNumber }
            previous?.nextByNumber = dialog.nextByNumber
        }
        dialog.next = nil
        dialog.nextByNumber = nil
        return true
    }
}
