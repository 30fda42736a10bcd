import Bytes
import Synchronization
import Testing

@testable import Modules

/// The store of `cachedb_local`: lifetimes, numbers and room.
@Suite struct LocalCacheTests {
    private final class Clock: Sendable {
        let milliseconds = Atomic<Int>(0)
        func advance(_ seconds: Int) { milliseconds.add(seconds * 1000, ordering: .relaxed) }
    }

    private static func make(bytesMax: Int = 1 << 20) -> (LocalCache, Clock) {
        let clock = Clock()
        return (LocalCache(bytesMax: bytesMax) { clock.milliseconds.load(ordering: .relaxed) }, clock)
    }

    @Test func valuesLiveAsLongAsTheyWereToldTo() {
        let (cache, clock) = Self.make()
        let stored = cache.store("a", "1", seconds: 10) && cache.store("b", "2", seconds: 0)
        #expect(stored && cache.fetch("a") == "1" && cache.fetch("c") == nil)
        clock.advance(9)
        #expect(cache.fetch("a") == "1")
        clock.advance(1)
        #expect(cache.fetch("a") == nil && cache.fetch("b") == "2" && cache.count == 1)
        cache.remove("b")
        #expect(cache.count == 0 && cache.bytes == 0)
    }

    @Test func numbersCount() {
        let (cache, clock) = Self.make()
        #expect(cache.add("n", 5, seconds: 10) == 5 && cache.add("n", -7, seconds: 0) == -2)
        #expect(cache.count("n") == -2 && cache.fetch("n") == "-2")
        clock.advance(10)
        #expect(cache.count("n") == nil && cache.add("n", 1, seconds: 0) == 1)
        // A lifetime given later begins then; none given leaves the one that there is.
        _ = cache.add("n", 1, seconds: 10)
        clock.advance(5)
        _ = cache.add("n", 1, seconds: 0)
        clock.advance(5)
        #expect(cache.count("n") == nil)
        _ = cache.store("text", "12", seconds: 0)
        #expect(cache.add("text", 1, seconds: 0) == 13)
        _ = cache.store("text", "x", seconds: 0)
        #expect(cache.add("text", 1, seconds: 0) == nil && cache.count("text") == nil && cache.fetch("text") == "x")
        _ = cache.add("top", .max, seconds: 0)
        #expect(cache.add("top", 1, seconds: 0) == nil && cache.count("top") == .max)
    }

    @Test func roomIsBounded() {
        let (cache, clock) = Self.make(bytesMax: 10_000)
        let key = ByteString(String(repeating: "k", count: LocalCache.keyBytesMax + 1))
        let value = ByteString(String(repeating: "v", count: LocalCache.valueBytesMax + 1))
        #expect(!cache.store(key, "", seconds: 0) && !cache.store("k", value, seconds: 0) && cache.bytes == 0)
        var kept = 0
        while cache.store(ByteString("k\(kept)"), ByteString(String(repeating: "v", count: 100)), seconds: 60) {
            kept += 1
        }
        #expect(kept > 40 && kept < 100 && cache.count == kept && cache.bytes <= 10_000)
        // In the place of what is there: no more room is needed.
        #expect(cache.store("k0", ByteString(String(repeating: "w", count: 100)), seconds: 60))
        #expect(!cache.store("k0", ByteString(String(repeating: "w", count: 5000)), seconds: 60))
        #expect(cache.fetch("k0")?.count == 100)
        clock.advance(60)
        cache.removeExpired()
        #expect(cache.count == 0 && cache.bytes == 0 && cache.store("k", "v", seconds: 0))
    }

    @Test func patternsRemove() {
        let (cache, _) = Self.make()
        for key in ["call_1", "call_2", "other", "c"] { _ = cache.store(ByteString(key), "x", seconds: 0) }
        #expect(cache.removeAll(matching: "call_?") && cache.count == 2 && cache.fetch("other") == "x")
        #expect(!cache.removeAll(matching: ByteString(String(repeating: "*", count: LocalCache.patternBytesMax + 1))))
        #expect(cache.removeAll(matching: "*") && cache.bytes == 0)
    }
}
