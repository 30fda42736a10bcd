import Bytes
import Testing

@testable import SIPMessage

/// The boundary of a multipart body separates its parts and stands in none.
@Suite struct BoundaryTests {
    private func part(_ body: ByteString) -> BodyParts.Part {
        BodyParts.Part(headers: .empty, contentType: "text/plain", body: body)
    }

    private func boundaryParameter(_ type: ByteString) -> ByteString? {
        ParameterizedValue(type).parameters.value("boundary")
    }

    @Test func noneIsMadeTwice() throws {
        var seen: Set<ByteString> = []
        for _ in 0..<100 {
            var parts = BodyParts("v=0\r\n", contentType: "application/sdp")
            parts.add(part("hello"))
            let boundary = try #require(boundaryParameter(parts.serialized.contentType))
            #expect(boundary.count >= 20 && boundary.isToken)
            seen.insert(boundary)
        }
        #expect(seen.count == 100)
    }

    /// One that stands in a part, in its headers too, is not taken.
    @Test func aBoundaryThatStandsInAPartIsNotTaken() {
        var parts = BodyParts("--one\r\n\r\nforged\r\n--one--", contentType: "text/plain")
        parts.add(BodyParts.Part(headers: "X: two\r\n", contentType: "text/plain", body: "b"))
        var made = ["one", "two", "three"] as [ByteString]
        let new = parts.serialized { made.removeFirst() }
        #expect(new.contentType == "multipart/mixed;boundary=three" as ByteString && made.isEmpty)
        #expect(BodyParts(new.body, contentType: new.contentType).parts.map(\.body) == parts.parts.map(\.body))
    }

    /// The message's own boundary is another when a script puts a part into it that has such a line; what only looks like it
    /// is no reason.
    @Test(
        arguments: [
            ("b", "--b\r\n\r\nforged", true), ("b", "text\r\n--b--", true), ("b", "--bb\r\n", false),
            ("b", "text --b\r\n", false), ("b", "hello", false),
        ] as [(String, String, Bool)])
    func theMessagesOwn(own: String, added: String, isReplaced: Bool) {
        let type = ByteString("multipart/related;type=\"a/b\";boundary=\(own);start=x")
        var parts = BodyParts("--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", contentType: type)
        parts.add(part(ByteString(added)))
        let new = parts.serialized { "made" }
        let expected: ByteString =
            isReplaced ? "multipart/related;type=\"a/b\";start=x;boundary=made" : type
        #expect(new.contentType == expected)
        let read = BodyParts(new.body, contentType: new.contentType).parts.map(\.body.string)
        #expect(read == ["one", "two", added])
    }
}
