import JSONRPC
import Testing

@testable import Events

@Suite struct ReplyScannerTests {
    /// What comes in, piece by piece, and the ids of the replies found; `nil`: it is no such stream.
    static let streams: [([String], [Int]?)] = [
        ([#"{"jsonrpc":"2.0","result":8,"id":1}"#], [1]),
        ([#"{"jsonrpc":"2.0","result":8,"#, #""id":1}"#], [1]),
        (
            [#"{"jsonrpc":"2.0","result":"}{\"","id":1}{"jsonrpc":"2.0","error":{"code":1,"message":"x"},"id":2}"#],
            [1, 2]
        ),
        (["  \r\n\t", #"{"result":[{}],"id":3}"#, "\n", #"{"result":"#, "1,", #""id":4}"#], [3, 4]),
        ([#"{"method":"x","id":5}"#], []),
        (["x"], nil), (["[]"], nil), ([#"{"result":tru,"id":1}"#], nil), ([#"{"id":1}}"#], nil),
        ([#"{"result":""# + String(repeating: "x", count: ReplyScanner.replyBytesMax)], nil),
    ]

    @Test(arguments: streams) func findsReplies(pieces: [String], ids: [Int]?) {
        var scanner = ReplyScanner()
        var found: [Int]? = []
        for piece in pieces {
            guard let replies = scanner.append(Array(piece.utf8)[...]) else {
                found = nil
                break
            }
            found? += replies.compactMap(\.id.integerValue)
        }
        #expect(found == ids)
    }

    @Test func takesAnyCut() {
        let text = Array(#" {"result":"a\\\"}","id":7} {"result":{"b":[1]},"id":8}"#.utf8)
        for cut in 0...text.count {
            var scanner = ReplyScanner()
            let first = scanner.append(text[..<cut]) ?? []
            let second = scanner.append(text[cut...]) ?? []
            #expect((first + second).compactMap(\.id.integerValue) == [7, 8], "cut at \(cut)")
        }
    }
}
