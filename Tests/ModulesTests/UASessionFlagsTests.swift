import Bytes
import Testing

@testable import Modules

@Suite("Flags of user agent sessions")
struct UASessionFlagsTests {
    @Test(
        "each letter stands for one thing",
        arguments: [
            ("", "", nil), ("a", "a", nil), ("arhb", "arhb", nil), ("t3600", "", 3600), ("at60nd", "adn", 60),
            ("t1t2", "", 2),
        ] as [(String, String, Int?)])
    func letters(text: String, set: String, seconds: Int?) throws {
        let flags = try #require(UASessionFlags(ByteString(text)))
        #expect(flags.reportsAcks == set.contains("a"))
        #expect(flags.reportsReplies == set.contains("r"))
        #expect(flags.leavesAcks == set.contains("d"))
        #expect(flags.showsHeaders == set.contains("h"))
        #expect(flags.showsBodies == set.contains("b"))
        #expect(flags.isNewSilent == set.contains("n"))
        #expect(flags.lifeSeconds == seconds)
    }

    @Test("anything else is refused", arguments: ["x", "t", "ta", "t0", "a r", "t99999999999", "A", "3600"])
    func nonsense(text: String) {
        #expect(UASessionFlags(ByteString(text)) == nil)
    }
}
