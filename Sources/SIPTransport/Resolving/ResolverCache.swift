import Bytes
import Synchronization

/// Answers of name servers, shared by all processes, each until its TTL has passed. Bounded.
///
/// Sixteen shards with a lock each, held for one dictionary operation. When a shard is full, what has expired goes first,
/// then anything.
final class ResolverCache: Sendable {
    private struct Entry {
        var answer: DNSAnswer
        var expiresMilliseconds: Int
    }

    private final class Shard: Sendable {
        let entries = Mutex<[DNSQuestion: Entry]>([:])
    }

    private let shards: [Shard]
    private let entriesPerShardMax: Int

    init(entriesMax: Int) {
        shards = (0..<16).map { _ in Shard() }
        entriesPerShardMax = max(1, entriesMax / 16)
    }

    /// What is known of a question at a time (monotonic milliseconds), or nil.
    func answer(to question: DNSQuestion, nowMilliseconds now: Int) -> DNSAnswer? {
        shard(question).entries.withLock { entries in
            guard let entry = entries[question] else { return nil }
            guard entry.expiresMilliseconds > now else {
                entries[question] = nil
                return nil
            }
            return entry.answer
        }
    }

    func store(_ answer: DNSAnswer, to question: DNSQuestion, seconds: Int, nowMilliseconds now: Int) {
        guard seconds > 0 else { return }
        let entry = Entry(answer: answer, expiresMilliseconds: now + seconds * 1000)
        shard(question).entries.withLock { entries in
            if entries.count >= entriesPerShardMax, entries[question] == nil {
                entries = entries.filter { $0.value.expiresMilliseconds > now }
                if entries.count >= entriesPerShardMax, let victim = entries.keys.first { entries[victim] = nil }
            }
            entries[question] = entry
        }
    }

    /// Entries held, expired ones included.
    var count: Int { shards.reduce(0) { $0 + $1.entries.withLock { $0.count } } }

    func removeAll() { for shard in shards { shard.entries.withLock { $0.removeAll() } } }

    private func shard(_ question: DNSQuestion) -> Shard {
        shards[Int(question.name.stableHash() & 15)]
    }
}
