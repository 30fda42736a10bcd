import Bytes
import SIPMessage
import Testing

/// Each limit with a message at it, which passes, and one beyond it, which does not.
@Suite struct MessageLimitsTests {
    private func kind(_ bytes: [UInt8], _ limits: MessageLimits) -> MessageError.Kind? {
        do {
            _ = try Message.parse(bytes, limits: limits)
            return nil
        } catch {
            return error.kind
        }
    }

    @Test func messageBytes() {
        var limits = MessageLimits()
        limits.messageBytesMax = Samples.invite.count
        #expect(kind(Samples.invite, limits) == nil)
        #expect(kind(Samples.invite + [0], limits) == .messageTooLong)
    }

    @Test func startLineBytes() throws {
        var limits = MessageLimits()
        limits.startLineBytesMax = "OPTIONS sip:bob@example.com SIP/2.0".utf8.count
        #expect(kind(Samples.request(""), limits) == nil)
        limits.startLineBytesMax -= 1
        let error = try #require(throws: MessageError.self) {
            try Message.parse(Samples.request(""), limits: limits)
        }
        #expect(error.kind == .startLineTooLong && error.reply?.status == 414)
    }

    @Test func headerCount() throws {
        var limits = MessageLimits()
        limits.headerCountMax = 15
        #expect(kind(Samples.invite, limits) == nil)
        limits.headerCountMax = 14
        let error = try #require(throws: MessageError.self) { try Message.parse(Samples.invite, limits: limits) }
        #expect(error.kind == .headersTooMany && error.reply?.status == 513 && error.partial?.headers.count == 14)
    }

    @Test func headerBytes() {
        var limits = MessageLimits()
        let long = "Subject: " + String(repeating: "x", count: 300)
        limits.headerBytesMax = long.utf8.count + 1
        #expect(kind(Samples.request(long), limits) == nil)
        limits.headerBytesMax -= 1
        #expect(kind(Samples.request(long), limits) == .headerTooLong)
    }

    @Test func headerBytesNeverPass16Bits() {
        var limits = MessageLimits()
        limits.messageBytesMax = 1 << 20
        limits.headerBytesMax = 1 << 20
        #expect(kind(Samples.request("Subject: " + String(repeating: "x", count: 70_000)), limits) == .headerTooLong)
    }

    @Test func editsAreBounded() throws {
        let message = try Message.parse(Samples.invite)
        var edits = MessageEdits()
        for _ in 0..<MessageEdits.countMax { edits.insert("X: 1\r\n", at: message.headersEnd) }
        let size = edits.apply(to: message).count
        #expect(size == Samples.invite.count + MessageEdits.countMax * 6)
        #expect(!edits.hasRoom(for: 1) && !edits.insert("X: 1\r\n", at: message.headersEnd))
        #expect(edits.apply(to: message).count == size)
    }

    /// What a script has added takes no room from what the message needs to go on.
    @Test func theServersEditsHaveRoomOfTheirOwn() throws {
        let message = try Message.parse(Samples.invite)
        var edits = MessageEdits()
        for _ in 0..<MessageEdits.countMax { edits.insert("X: 1\r\n", at: message.headersEnd) }
        let field = try #require(message.first(.maxForwards))
        var accepted = [
            edits.replaceRequestURI(of: message, with: "sip:new"), edits.replaceValue(of: field, with: "7"),
            edits.remove(try #require(message.first(.userAgent))),
            edits.insert(at: message.startLine.line.end, first: true) { $0.append("Via: SIP/2.0/UDP p\r\n") },
        ]
        edits.admitServer()
        accepted.append(edits.append(line: "Y: 1\r\n", to: message))
        #expect(accepted == [true, true, true, true, true])
        var limits = MessageLimits()
        limits.headerCountMax = 2 * MessageEdits.countMax
        let out = try Message.parse(edits.apply(to: message), limits: limits)
        #expect(out.requestURI == "sip:new" && out.maxForwards == 7 && out.topVia?.host == "p")
        #expect(!out.contains(.userAgent) && out.first(named: "Y") != nil)
        for _ in 5..<MessageEdits.countReserved { edits.insert("X: 1\r\n", at: message.headersEnd) }
        let refused = [
            edits.insert("X: 1\r\n", at: message.headersEnd), edits.remove(ByteRange(0, 1)),
            edits.replace(ByteRange(0, 1), with: "x"), edits.insert(at: message.headersEnd) { $0.append("X: 1\r\n") },
        ]
        #expect(refused == [false, false, false, false])
    }

    @Test func multipartPartsAreBounded() {
        let body = String(repeating: "--b\r\n\r\nx\r\n", count: BodyParts.countMax + 5) + "--b--"
        #expect(BodyParts(ByteString(body), contentType: "multipart/x;boundary=b").parts.count == BodyParts.countMax)
    }
}
