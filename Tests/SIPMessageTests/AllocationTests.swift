import AllocationCounting
import Bytes
import SIPMessage
import Testing

/// Gates: how many allocations the parts of the hot path make. The budgets are those of a release build; a debug
/// build, whose generic code is not specialised, gates on what it makes today, so that a new allocation shows there
/// too.
@Suite(.serialized, .enabled(if: canCountAllocations)) struct AllocationTests {
    /// The greatest count that passes in this build.
    private func budget(_ release: Int, debug: Int) -> Int {
        #if DEBUG
            debug
        #else
            release
        #endif
    }

    /// Runs `body` once to warm caches, then counts.
    private func count(_ body: () throws -> Void) rethrows -> Int {
        try body()
        return try allocations(body)
    }

    @Test func parsingCostsOneBesidesTheBuffer() throws {
        let bytes = Samples.invite
        let made = try count { _ = try Message.parse(bytes) }
        #expect(made <= budget(1, debug: 41))
    }

    @Test func readingWhatATransactionNeedsCostsNone() throws {
        let message = try Message.parse(Samples.invite)
        var found = 0
        let made = count {
            found += message.topVia?.branch?.count ?? 0
            found += message.secondVia?.host.count ?? 0
            found += message.callID.count + (message.fromTag?.count ?? 0) + (message.toTag?.count ?? 0)
            found += Int(message.cseq?.number ?? 0) + Int(message.maxForwards ?? 0)
            found += message.routes.first?.uri?.host.count ?? 0
            found += message.requestURI == "sip:x" ? 1 : 0
        }
        #expect(made <= budget(0, debug: 0))
        #expect(found > 0)
    }

    @Test func checkingATransactionsNeedsCostsNone() throws {
        let message = try Message.parse(Samples.invite)
        let made = try count { try message.check(.transaction) }
        #expect(made <= budget(0, debug: 0))
    }

    @Test func theForwardedMessageCostsOne() throws {
        let message = try Message.parse(Samples.invite)
        let via: ByteString = "Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKabc.1\r\n"
        let uri: ByteString = "sip:bob@192.0.2.4:5060"
        let hops: ByteString = "68"
        var edits = MessageEdits()
        // Besides the bytes to send: the list of edits and the store of their texts, once per message.
        let editing = count {
            edits = MessageEdits()
            edits.reserve(count: 4, bytes: 256)
            edits.prepend(line: via, to: message)
            edits.replaceRequestURI(of: message, with: uri)
            if let field = message.first(.maxForwards) { edits.replaceValue(of: field, with: hops) }
        }
        #expect(editing <= budget(2, debug: 5))
        let applying = count { _ = edits.apply(to: message) }
        #expect(applying <= budget(1, debug: 10))
    }

    @Test func aReplyCostsOne() throws {
        let message = try Message.parse(Samples.invite)
        var builder = ReplyBuilder(to: message, status: 180)
        builder.toTag = "a6c85cf"
        let made = count { _ = builder.build() }
        #expect(made <= budget(1, debug: 16))
    }
}
