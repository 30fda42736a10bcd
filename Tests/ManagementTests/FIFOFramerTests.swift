import JSONRPC
import Testing

@testable import Management

@Suite struct FIFOFramerTests {
    /// What is written, piece by piece (`nil` is the wait for the rest running out), and what comes out of it all.
    static let streams: [([String?], [String])] = [
        ([":r:{}"], ["r {}"]), ([":r:\n{}\n"], ["r {}"]), (["::{}"], [" {}"]), (["", " \n"], []),
        ([":a:{}:b:{}\n:c:{\"x\":[1,{}]}"], ["a {}", "b {}", #"c {"x":[1,{}]}"#]),
        ([":", "r", ":", "{", "\"a\"", ":", "1", "}"], [#"r {"a":1}"#]),
        ([#":r:{"a":"}:x:{\"{"}"#], [#"r {"a":"}:x:{\"{"}"#]), ([#":r:{"a":"\\"}"#], [#"r {"a":"\\"}"#]),
        ([":r:[1]"], ["r [1]"]), ([":r:garbage\n:s:{}"], ["r garbage", "s {}"]), ([":r:garbage"], ["r garbage"]),
        ([":r:"], []), ([":r:", nil], ["r !"]), ([":r:{\"a\"", nil], ["r !"]), (["garbage\n:r:{}"], ["- !", "r {}"]),
        (["garbage"], ["- !"]), ([":r\n:s:{}"], ["- !", "s {}"]), ([":../x:{}"], ["../x {}"]),
        // A half request, and what others write after it.
        ([":a:{\"jsonr", ":b:{\"x\":1}"], ["a !", #"b {"x":1}"#]),
        ([":a:{\"jsonr:b:{\"x\":1}", nil], ["a !", #"b {"x":1}"#]),
        ([":a:{\"x\"::b:{\"x\":1}}:c:{}"], ["a !", #"b {"x":1}"#, "- !", "c {}"]),
        ([":a:{", ":b:{", ":c:{}"], ["a !", "b !", "c {}"]),
        ([":a:{\"jsonr\n:b:{\"x\":1}"], ["a !", #"b {"x":1}"#]), (["::\n:b:{}"], [" !", "b {}"]),
        ([":a:{\"x:b:{\"y:c:{}", nil], ["a !", "b !", "c {}"]),
        ([":a:{\"jsonr\n:b:[{}]"], ["a !", "b [{}]"]), ([":a:{\"jsonr", ":b:[{}]"], ["a !", "b [{}]"]),
        ([":a:[{\"x:b:[{}]", nil], ["a !", "b [{}]"]), ([":a:{x:b:{y", ":c:{}"], ["a !", "b !", "c {}"]),
        ([":" + String(repeating: "n", count: 250)], ["- !"]),
        ([":a:" + String(repeating: " ", count: 2000), "x"], ["a !", "- !"]), ([":a:", " ", "{", " ", "}"], ["a { }"]),
        // So often it is gone on behind what was given up in one line, then with the last.
        ([String(repeating: ":a:{", count: 16) + ":b:{}", nil], Array(repeating: "a !", count: 16) + ["b {}"]),
        (
            [String(repeating: ":a:{", count: 17) + ":b:{}:c:{}", nil, ":d:{}"],
            Array(repeating: "a !", count: 17) + ["c {}", "d {}"]
        ),
        ([String(repeating: ":a:{", count: 99) + "\n:b:{", nil, ":c:{}"], ["a !", "b !", "c {}"]),
        ([":r:{\"a\":\"" + String(repeating: "x", count: 2000)], ["r !"]),
        ([":r:{\"a\":\"" + String(repeating: "x", count: 2000), "xxx\"}\n", ":s:{}"], ["r !", "- !", "s {}"]),
    ]

    @Test(arguments: streams) func cuts(pieces: [String?], expected: [String]) {
        var framer = FIFOFramer(requestBytesMax: 1000)
        var found: [String] = []
        for piece in pieces {
            let frames = piece.map { framer.append(Array($0.utf8)) } ?? framer.abandon()
            found += frames.map(Self.text)
        }
        #expect(found == expected)
    }

    static func text(_ frame: FIFOFrame) -> String {
        switch frame {
        case .request(let name, let json):
            String(decoding: name, as: UTF8.self) + " " + String(decoding: json, as: UTF8.self)
        case .bad(let name, _): (name.map { String(decoding: $0, as: UTF8.self) } ?? "-") + " !"
        }
    }

    /// Halves of requests, or whole ones inside each other, as many as a megabyte holds: each was looked for to the end of it all.
    @Test(.timeLimit(.minutes(1)), arguments: [":q:{x", ":q:{x:q:{}", ":q:{", "::[", ":q: ", "x:q:{\"", ":q:{x:q:{}x"])
    func takesTimeByLengthAlone(part: String) {
        let stream = Array(String(repeating: part, count: 300_000 / part.utf8.count).utf8)
        for size in [stream.count, 65_536] {
            var framer = FIFOFramer(requestBytesMax: 100_000)
            var count = 0
            for start in stride(from: 0, to: stream.count, by: size) {
                count += framer.append(Array(stream[start..<min(stream.count, start + size)])).count
            }
            for _ in 0..<20 where framer.isIncomplete { count += framer.abandon().count }
            #expect(!framer.isIncomplete && count > 0)
            #expect(framer.append(Array(":last:{}".utf8)).last.map(Self.text) == "last {}")
        }
    }

    /// Requests come out whole wherever the reads cut them; noise between them never loses the last one.
    @Test func survivesAnyCutAndAnyNoise() {
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let request = Array(#":r:{"jsonrpc":"2.0","id":1,"params":{"a":["}",":x:{"]}}"#.utf8)
        for _ in 0..<300 {
            var framer = FIFOFramer(requestBytesMax: 1000)
            var stream = (0..<5).flatMap { _ in request }
            var frames: [FIFOFrame] = []
            while !stream.isEmpty {
                let count = min(stream.count, 1 + next(40))
                // A read that begins like a request is one: those cuts stand for a client that wrote by half.
                if String(decoding: stream.dropFirst(count).prefix(4), as: UTF8.self) == ":x:{" { continue }
                frames += framer.append(Array(stream[..<count]))
                stream.removeFirst(count)
            }
            #expect(frames.count == 5, "seed \(seed)")
            #expect(!framer.isIncomplete)
        }
        for _ in 0..<2000 {
            var framer = FIFOFramer(requestBytesMax: 1000)
            for _ in 0..<4 {
                _ = framer.append((0..<next(60)).map { _ in Array(":r{}[]\"\\\n a".utf8)[next(11)] })
            }
            // What looks like a request inside the noise is waited for in its turn.
            var rounds = 0
            while framer.isIncomplete, rounds < 300 {
                _ = framer.abandon()
                rounds += 1
            }
            #expect(!framer.isIncomplete, "seed \(seed)")
            let last = framer.append(Array(":last:{}".utf8))
            #expect(last == [.request(replyName: Array("last".utf8), json: Array("{}".utf8))], "seed \(seed)")
        }
    }
}
