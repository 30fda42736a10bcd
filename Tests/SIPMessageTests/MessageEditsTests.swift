import Bytes
import SIPMessage
import Testing

@Suite struct MessageEditsTests {
    private let message: Message
    init() throws { message = try Message.parse(Samples.invite) }

    private func applied(_ edit: (inout MessageEdits) throws -> Void) throws -> Message {
        var edits = MessageEdits()
        try edit(&edits)
        return try Message.parse(edits.apply(to: message))
    }

    @Test func withoutEditsTheBytesStayThemselves() {
        #expect(MessageEdits().isEmpty)
        #expect(MessageEdits().apply(to: message) == Samples.invite)
    }

    @Test func whatAProxyChanges() throws {
        let out = try applied { edits in
            edits.replaceRequestURI(of: message, with: "sip:bob@192.0.2.4")
            edits.prepend(line: "Record-Route: <sip:p;lr>\r\n", to: message)
            edits.prepend(line: "Via: SIP/2.0/UDP p;branch=z9hG4bKp\r\n", to: message)
            edits.replaceValue(of: try #require(message.first(.maxForwards)), with: "68")
            edits.remove(try #require(message.first(.userAgent)))
            edits.append(line: "X-Last: 1\r\n", to: message)
        }
        #expect(out.requestURI == "sip:bob@192.0.2.4" && out.maxForwards == 68)
        #expect(out.topVia?.host == "p" && out.secondVia?.host == "192.0.2.10")
        #expect(out.headers.prefix(2).map(\.id) == [.via, .recordRoute])
        #expect(!out.contains(.userAgent) && out.value(of: out.headers[out.headers.count - 1]) == "1")
        #expect(out.body == message.body)
    }

    @Test func insertionsKeepTheirOrder() throws {
        let field = try #require(message.first(.to))
        let out = try applied { edits in
            edits.append(line: "X: 1\r\n", to: message)
            edits.insert(line: "X: 3\r\n", after: field)
            edits.append(line: "X: 2\r\n", to: message)
            edits.insert(line: "X: 4\r\n", after: field)
            edits.insert(line: "X: 5\r\n", before: field)
        }
        #expect(out.all(named: "X").map { out.value(of: $0).string } == ["5", "4", "3", "1", "2"])
    }

    @Test func insertionsAtTheBorderOfARemovalStay() throws {
        let field = try #require(message.first(.subject) ?? message.first(.userAgent))
        let out = try applied { edits in
            edits.remove(field)
            edits.insert(line: "X: before\r\n", before: field)
            edits.insert(line: "X: after\r\n", after: field)
            edits.replaceValue(of: field, with: "inside, lost")
        }
        #expect(out.all(named: "X").map { out.value(of: $0).string } == ["before", "after"])
        #expect(!out.contains(.userAgent))
        #expect(out.headers.count == message.headers.count + 1)
    }

    @Test func theLaterReplacementWins() throws {
        let out = try applied { edits in
            edits.replaceRequestURI(of: message, with: "sip:one")
            edits.replaceRequestURI(of: message, with: "sip:two")
        }
        #expect(out.requestURI == "sip:two")
    }

    @Test func bodyChangesSetContentLength() throws {
        #expect(try applied { $0.setBody("hello") }.body == "hello")
        #expect(try applied { $0.setBody("hello") }.contentLength == 5)
        #expect(try applied { $0.setBody("") }.contentLength == 0)
        let patched = try applied { edits in
            edits.replace(ByteRange(message.bodyRange.start, message.bodyRange.start + 3), with: "v=1234")
            edits.insert("a=x\r\n", at: message.bodyRange.end)
        }
        #expect(
            patched.contentLength == 151 + 3 + 5 && patched.body.hasPrefix("v=1234\r\n")
                && patched.body.hasSuffix("a=x\r\n"))
        let bare = try Message.parse(Samples.request("Subject: x", body: "old"))
        var edits = MessageEdits()
        edits.setBody("longer")
        let out = try Message.parse(edits.apply(to: bare))
        #expect(out.contentLength == 6 && out.body == "longer")
    }

    @Test(arguments: [
        ("Subject: x", 0, 5), ("Content-Length: 5", 0, 5), ("l: 5", 0, 5), ("Content-Length: 5", 1, 5),
        ("Subject: x", 2, 11), ("Content-Length: 5", 3, 11),
    ])
    func aStreamGetsALength(line: String, edit: Int, length: Int) throws {
        let message = try Message.parse(Samples.request(line, body: "hello"))
        var edits = MessageEdits()
        if edit & 1 != 0 { edits.remove(try #require(message.first(.contentLength))) }
        if edit & 2 != 0 { edits.insert(" there", at: message.bodyRange.end) }
        let out = try Message.parse(edits.apply(to: message, onStream: true))
        #expect(out.contentLength.map(Int.init) == length && out.body.count == length)
        #expect(Array(out.all(.contentLength)).count == 1)
    }

    @Test func aDatagramGetsNone() throws {
        let message = try Message.parse(Samples.request("Subject: x", body: "hello"))
        #expect(MessageEdits().apply(to: message) == message.buffer)
    }

    @Test func branchesShareTheScriptsEdits() throws {
        var script = MessageEdits()
        script.append(line: "X-Script: 1\r\n", to: message)
        var branch = script
        branch.replaceRequestURI(of: message, with: "sip:branch")
        #expect(try Message.parse(script.apply(to: message)).requestURI == message.requestURI)
        let out = try Message.parse(branch.apply(to: message))
        #expect(out.requestURI == "sip:branch" && out.first(named: "X-Script") != nil)
    }

    @Test func listElementsGoWithTheirComma() throws {
        let routes = Array(message.elements(of: .route))
        let first = try applied { $0.remove(routes[0], from: message) }
        #expect(first.value(.route) == "<sip:ss2.example.com;lr>")
        let last = try applied { $0.remove(routes[1], from: message) }
        #expect(last.value(.route) == "<sip:ss1.example.com;lr>")
        let contact = try #require(message.elements(of: .contact).first)
        #expect(try !applied { $0.remove(contact, from: message) }.contains(.contact))
    }

    @Test func statusOfAResponse() throws {
        let busy = try Message.parse(Samples.busy)
        var edits = MessageEdits()
        edits.replaceStatus(of: busy, code: 600, reason: "Busy Everywhere")
        let isChanged = edits.replaceRequestURI(of: busy, with: "sip:x")
        #expect(!isChanged)
        let out = try Message.parse(edits.apply(to: busy))
        #expect(out.statusCode == 600 && out.reasonPhrase == "Busy Everywhere" && out.callID == busy.callID)
    }

    @Test func topViaIsFilled() throws {
        let source = ViaSource(address: "198.51.100.7", port: 1024)
        let out = try applied { $0.fillTopVia(of: message, from: source) }
        #expect(out.topVia?.text == "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74b43;received=198.51.100.7;rport=1024")
        #expect(out.secondVia?.text == message.secondVia?.text)
    }
}
