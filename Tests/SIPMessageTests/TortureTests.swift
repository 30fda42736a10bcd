import Bytes
import Foundation
import SIPMessage
import Testing

/// One row of `Tests/Torture/verdicts.tsv`.
struct TortureCase: Sendable, CustomTestStringConvertible {
    let file: String
    let source: String
    let verdict: String

    var testDescription: String { "\(file) (\(source))" }
    var bytes: [UInt8] {
        get throws { Array(try Data(contentsOf: Torture.folder.appendingPathComponent(file))) }
    }
}

enum Torture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Torture")

    static let cases: [TortureCase] = {
        let table = (try? String(contentsOf: folder.appendingPathComponent("verdicts.tsv"), encoding: .utf8)) ?? ""
        return table.split(separator: "\n").dropFirst().map { row in
            let columns = row.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return TortureCase(file: columns[0], source: columns[1], verdict: columns[2])
        }
    }()

    /// What becomes of `bytes`, in the words of the table.
    static func verdict(_ bytes: [UInt8]) -> (String, MessageError?) {
        do {
            try Message.parse(bytes).check(.strict)
            return ("valid", nil)
        } catch {
            return (error.reply.map { "reply \($0.status)" } ?? "drop", error)
        }
    }
}

@Suite struct TortureTests {
    @Test func everyFileHasItsRow() throws {
        var files: Set<String> = []
        for folder in ["valid", "invalid"] {
            let path = Torture.folder.appendingPathComponent(folder).path
            for name in try FileManager.default.contentsOfDirectory(atPath: path) { files.insert("\(folder)/\(name)") }
        }
        #expect(files == Set(Torture.cases.map(\.file)))
        #expect(Torture.cases.count >= 61)
    }

    @Test(arguments: Torture.cases)
    func verdict(_ row: TortureCase) throws {
        let (verdict, error) = Torture.verdict(try row.bytes)
        if row.verdict.hasPrefix("known-failure") {
            #expect((verdict == "valid") != row.file.hasPrefix("valid/"), "it no longer fails: give it its verdict")
        } else {
            #expect(verdict == row.verdict, "\(error.map(String.init(describing:)) ?? "no error")")
            #expect((verdict == "valid") == row.file.hasPrefix("valid/"))
        }
    }

    @Test(arguments: Torture.cases.filter { $0.verdict.hasPrefix("reply") })
    func refusedRequestsAreAnswered(_ row: TortureCase) throws {
        guard let error = Torture.verdict(try row.bytes).1, let partial = error.partial, let reply = error.reply else {
            Issue.record("not refused")
            return
        }
        let response = try Message.parse(
            ReplyBuilder(to: partial, status: reply.status, reason: ByteString(reply.reason)).build())
        #expect(response.statusCode == reply.status && response.contains(.via))
    }

    @Test func valuesOfTheTortuousInvite() throws {
        let row = try #require(Torture.cases.first { $0.file == "valid/wsinv.sip" })
        let message = try Message.parse(try row.bytes)
        #expect(message.maxForwards == 68 && message.cseq?.number == 9 && message.cseq?.method == .invite)
        #expect(message.toTag == "1918181833n" && message.fromTag == "98asjd8")
        #expect(
            (0..<4).map { message.via($0)?.host.string } == [
                "192.0.2.2", "spindle.example.com", "192.168.255.111", nil,
            ])
        #expect(message.via(2)?.branch == "z9hG4bK30239" && message.via(0)?.branch == "390skdjuw")
        #expect(message.contacts.first?.qThousandths == 330)
        #expect(message.routes.first?.uri?.isLooseRouter == true)
        #expect(message.value(.subject) == "")
    }
}
