import Bytes
import Testing

@testable import Modules

@Suite("Keys of back-to-back entities and sessions")
struct B2BKeysTests {
    private let keys = EntityKeys(prefix: "B2B", startedAt: 1_649_338_095)

    @Test("a key is its shard, its number and the second of the start")
    func text() {
        #expect(keys.text(TableKey(shard: 436, number: 1_925_389)) == "B2B.436.1925389.1649338095")
        #expect(SessionKeys.text(TableKey(shard: 1020, number: 30)) == "1020.30")
    }

    @Test(
        "what was written is read, with the number of a leg behind it",
        arguments: [
            ("B2B.436.1925389.1649338095", 436, 1_925_389, 0), ("B2B.0.1.1649338095-2", 0, 1, 2),
            ("B2B.511.2147483647.1649338095-31", 511, 2_147_483_647, 31),
        ])
    func read(text: String, shard: Int, number: Int, leg: Int) throws {
        let found = try #require(keys.read(ByteString(text)))
        #expect(found.key == TableKey(shard: shard, number: UInt32(number)))
        #expect(found.leg == leg)
    }

    @Test(
        "others are none of this server's",
        arguments: [
            "", "B2B", "B2B.", "B2B.1.2", "B2B.1.2.3", "B2B.1.2.1649338096", "B2BX1.2.1649338095", "X.1.2.1649338095",
            "B2B.1.2.1649338095.4", "B2B.a.2.1649338095", "B2B.1.-2.1649338095", "B2B.1.4294967296.1649338095",
            "B2B.1.2.1649338095-1-2", "B2B.99999999999999999999.2.1649338095", "b2b.1.2.1649338095",
        ])
    func foreign(text: String) {
        #expect(keys.read(ByteString(text)) == nil)
    }

    @Test("session keys that are none", arguments: ["", "1", "1.2.3", "a.b", "1.", ".1", "1.4294967296", "1;2;3"])
    func foreignSession(text: String) {
        #expect(SessionKeys.read(ByteString(text)) == nil)
    }

    private final class Thing: Sendable {}

    @Test("a table takes as many as it may, and each place once")
    func limit() throws {
        let table = KeyedTable<Thing>(bits: 1, countMax: 2)
        let (one, two) = (Thing(), Thing())
        let first = try #require(table.freeKey())
        #expect(table.add(one, at: first))
        #expect(!table.add(two, at: first))
        let second = try #require(table.freeKey())
        #expect(table.add(two, at: second))
        #expect(table.freeKey() == nil)
        #expect(!table.add(Thing(), at: TableKey(shard: 0, number: 5)))
        #expect(table.count == 2)
        #expect(table.find(first) === one)
        #expect(table.find(TableKey(shard: 7, number: 1)) == nil)
        // Only who lies there is removed.
        table.remove(two, at: first)
        #expect(table.count == 2)
        table.remove(one, at: first)
        table.remove(one, at: first)
        #expect(table.count == 1)
        #expect(table.all.count == 1)
    }
}

@Suite("Session descriptions on hold")
struct B2BHoldTests {
    @Test(
        "every stream is inactive, whatever it was (RFC 3264 §8.4)",
        arguments: [
            ("m=audio 1 RTP/AVP 8\r\n", "m=audio 1 RTP/AVP 8\r\na=inactive\r\n"),
            (
                "v=0\r\nm=audio 1 RTP/AVP 8\r\na=sendrecv\r\na=rtpmap:8 PCMA/8000\r\n",
                "v=0\r\nm=audio 1 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=inactive\r\n"
            ),
            (
                "v=0\r\na=sendonly\r\nm=audio 1 RTP/AVP 8\r\nm=video 2 RTP/AVP 9\r\na=recvonly\r\n",
                "v=0\r\nm=audio 1 RTP/AVP 8\r\na=inactive\r\nm=video 2 RTP/AVP 9\r\na=inactive\r\n"
            ),
            ("v=0\nm=audio 1 RTP/AVP 8\na=inactive", "v=0\r\nm=audio 1 RTP/AVP 8\r\na=inactive\r\n"),
            ("v=0\r\n", "v=0\r\n"),
        ])
    func hold(body: String, held: String) {
        let media = B2BMedia(body: ByteString(body), type: "application/sdp")
        #expect(media.onHold.body == ByteString(held))
    }

    @Test("what is no description stays")
    func other() {
        #expect(B2BMedia(body: "m=x", type: "text/plain").onHold.body == "m=x")
        #expect(B2BMedia().onHold.isEmpty)
    }
}
