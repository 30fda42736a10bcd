import Bytes
import SIPStack
import Synchronization

/// Early dialogs that a script made by a provisional reply of its own before it handed the INVITE to an entity: the caller may end
/// them by BYE (RFC 3261 §15). As many as there are entities at most; while there are none, a look-up is one load.
final class ScriptedDialogs: Sendable {
    private let count = Atomic<Int>(0)
    private let entities = Mutex<[ByteString: B2BEntity]>([:])

    func add(_ entity: B2BEntity, tag: ByteString) {
        entities.withLock { entities in
            entities[tag] = entity
            count.store(entities.count, ordering: .relaxed)
        }
    }

    func remove(_ entity: B2BEntity, tag: ByteString) {
        entities.withLock { entities in
            if entities[tag] === entity { entities[tag] = nil }
            count.store(entities.count, ordering: .relaxed)
        }
    }

    func entity(tag: ByteString, callID: ByteString) -> B2BEntity? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        return entities.withLock { $0[tag] }.flatMap { $0.callID == callID ? $0 : nil }
    }
}
