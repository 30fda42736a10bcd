import Bytes
import SIPMessage
import Testing

@Suite struct MessageParsingTests {
    @Test func requestIsTakenApart() throws {
        let message = try Message.parse(Samples.invite)
        #expect(message.isRequest && message.method == .invite && message.methodText == "INVITE")
        #expect(message.requestURI == "sip:bob@biloxi.example.com;transport=udp")
        #expect(message.version == "SIP/2.0")
        #expect(message.headers.count == 15)
        #expect(message.callID == "3848276298220188511@atlanta.example.com")
        #expect(message.cseq?.number == 2 && message.cseq?.method == .invite)
        #expect(message.fromTag == "9fxced76sl")
        #expect(message.toTag == nil)
        #expect(message.maxForwards == 69 && message.contentLength == 151)
        #expect(message.body.count == 151 && message.body.hasPrefix("v=0\r\n"))
        #expect(message.wholeText.bytes == Samples.invite)
        #expect(message.value(.userAgent) == "Desk Phone 4.1")
        #expect(message.lists("TIMER", in: .supported) && !message.lists("100rel", in: .supported))
        try message.check(.strict)
    }

    @Test func responseIsTakenApart() throws {
        let message = try Message.parse(Samples.busy)
        #expect(!message.isRequest && message.statusCode == 486 && message.reasonPhrase == "Busy Here")
        #expect(message.method == .invite && message.methodText == "INVITE")
        #expect(message.toTag == "314159")
        #expect(message.secondVia?.host == "client.atlanta.example.com")
        #expect(message.body.isEmpty && message.requestURI.isEmpty)
        try message.check(.strict)
    }

    @Test func headersAreFoundByIdNameAndCompactForm() throws {
        let message = try Message.parse(Samples.request("X-Own: 1\nx-OWN: 2\ns: hello\nSupported: path\nk: gruu"))
        #expect(message.first(named: "subject").map { message.value(of: $0) } == "hello")
        #expect(message.first(named: "S").map { message.value(of: $0) } == "hello")
        #expect(message.all(named: "X-Own").map { message.value(of: $0).string } == ["1", "2"])
        #expect(message.elements(of: .supported).map { message.text($0.range).string } == ["path", "gruu"])
        #expect(message.count(of: .supported) == 2 && message.count(of: .other) == 2)
        #expect(message.last(.supported).map { message.value(of: $0) } == "gruu")
        #expect(message.first(.contact) == nil && message.first(named: "X-None") == nil && message.value(.date) == nil)
    }

    @Test func everyNameAndCompactFormIsKnown() {
        for id in HeaderID.allCases where id != .other {
            #expect(HeaderID(name: ByteString(id.name)) == id)
            #expect(HeaderID(name: ByteString(id.name).uppercased()) == id)
            if let letter = id.compactName { #expect(HeaderID(name: ByteString([ASCII.uppercased(letter)])) == id) }
        }
        for name in ["", "Vi", "Viaa", "z", "Contact-", "X-Via"] { #expect(HeaderID(name: ByteString(name)) == .other) }
    }

    @Test func everyMethodIsKnownByItsExactName() {
        for method in Method.allCases where method != .other {
            #expect(Method(ByteString(method.name)) == method)
            #expect(Method(ByteString(method.name).lowercased()) == .other)
        }
        #expect(Method("") == .other && Method("INVITES") == .other)
    }

    @Test func manyHeadersOverflowTheInlinePlaces() throws {
        let lines = (0..<100).map { "X-\($0): \($0)" } + ["Subject: last"]
        let message = try Message.parse(Samples.request(lines.joined(separator: "\n")))
        #expect(message.headers.count == 106)
        #expect(message.value(.subject) == "last")
        #expect(message.all(.other).map { message.value(of: $0).string } == (0..<100).map(String.init))
    }

    @Test func foldedValuesAreOneField() throws {
        let message = try Message.parse(Samples.request("Subject: one\n two\n\t three\nX: 1"))
        let field = try #require(message.first(.subject))
        #expect(field.isFolded)
        #expect(message.value(of: field) == "one\r\n two\r\n\t three")
        #expect(message.unfoldedValue(of: field) == "one two three")
        #expect(message.first(named: "X") != nil)
    }

    @Test func lineFeedAloneEndsALineToo() throws {
        let message = try Message.parse(Samples.busy.filter { $0 != 13 })
        #expect(message.headers.count == 7 && message.callID == "3848276298220188511@atlanta.example.com")
        try message.check(.strict)
    }

    @Test func lineEndsBeforeTheFirstLineAreStepedOver() throws {
        let message = try Message.parse([13, 10, 13, 10] + Samples.invite)
        #expect(message.wholeText.bytes == Samples.invite)
        #expect(MessageEdits().apply(to: message) == Samples.invite)
    }

    @Test func bytesAfterTheBodyAreLeftOut() throws {
        let message = try Message.parse(Samples.invite + Array("trailing".utf8))
        #expect(message.body.count == 151)
        #expect(MessageEdits().apply(to: message) == Samples.invite)
    }

    @Test func withoutContentLengthTheBodyReachesTheEnd() throws {
        let message = try Message.parse(Samples.request("Subject: x", body: "hello"))
        #expect(message.body == "hello" && message.contentLength == nil)
    }

    static let faults: [(String, MessageError.Kind, Int?)] = [
        ("", .keepAlive, nil),
        ("\r\n\r\n", .keepAlive, nil),
        ("GET / HTTP/1.1\r\n\r\n", .notSIP, nil),
        ("INVITE sip:a@b SIP/2.0", .notSIP, nil),
        ("\u{0}\u{1}\u{2}\r\n", .notSIP, nil),
        ("INVITE SIP/2.0\r\nVia: x\r\n\r\n", .requestLine, 400),
        ("INVITE sip:a@b SIP/3.0\r\nVia: x\r\n\r\n", .version, 505),
        ("ACK sip:a@b SIP/3.0\r\nVia: x\r\n\r\n", .version, nil),
        ("INVITE sip:a@b SIP/2.0\r\n\r\n", .missing(.via), nil),
        ("SIP/2.0 99 No\r\n\r\n", .statusLine, nil),
        ("SIP/2.0 700 No\r\n\r\n", .statusLine, nil),
        ("SIP/2.0 2x0 No\r\n\r\n", .statusLine, nil),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\nno colon\r\n\r\n", .headerLine, 400),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\n: no name\r\n\r\n", .headerLine, 400),
        ("BYE sip:a@b SIP/2.0\r\n folded first\r\nVia: x\r\n\r\n", .headerLine, 400),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\n", .headersUnterminated, 400),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\nTo: y", .headersUnterminated, 400),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\nl: 5\r\n\r\nabc", .bodyTruncated, 400),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\nl: five\r\n\r\n", .contentLength, 400),
        ("BYE sip:a@b SIP/2.0\r\nVia: x\r\nl: 99999999999999999999999\r\n\r\n", .contentLength, 400),
    ]

    @Test(arguments: faults)
    func faultsAreTyped(_ text: String, _ kind: MessageError.Kind, _ status: Int?) throws {
        let error = try #require(throws: MessageError.self) {
            try Message.parse(Array(text.utf8)).check(.transaction)
        }
        #expect(error.kind == kind)
        #expect(error.reply?.status == status)
        #expect(error.offset <= text.utf8.count)
    }

    @Test func faultyRequestCanBeAnswered() throws {
        let bytes = Samples.request("Content-Length: -1")
        let error = try #require(throws: MessageError.self) { try Message.parse(bytes) }
        let partial = try #require(error.partial)
        let reply = try #require(error.reply)
        let response = try Message.parse(
            ReplyBuilder(to: partial, status: reply.status, reason: ByteString(reply.reason)).build())
        #expect(response.statusCode == 400 && response.callID == "1" && response.reasonPhrase == "Bad Content-Length")
        #expect(ByteString(Array(bytes)).slice(error.offset..<(error.offset + 2)) == "-1")
    }
}
