import Bytes
import Foundation
import SIPMessage
import Testing

/// A small, fast, seeded generator (SplitMix64): the same seed, the same bytes, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Changes bytes as a fuzzer would: single bytes, cuts, repeats, words of the grammar, and halves of other messages.
struct Mutator {
    var generator: SeededGenerator
    let corpus: [[UInt8]]
    private static let words: [[UInt8]] = [
        "\r\n", "\n", "\r\n ", "\r\n\r\n", ",", ";", "=", "\"", "\\", "<", ">", "@", "%", "%00", "[::1]", "sip:",
        "tel:", ":",
        "?", "&", "*", ";tag=", ";branch=", ";rport", ";received=", "Via: ", "v:", "To:", "l: 0\r\n",
        "Content-Length: 4294967296",
        "Contact: *\r\n", "\u{0}", "\u{FF}", "SIP/2.0", "ACK ", "INVITE", "--b", "99999999999999999999",
    ].map { Array($0.utf8) }

    mutating func mutate(_ seed: [UInt8]) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 0...24, using: &generator))
            switch Int.random(in: 0..<7, using: &generator) {
            case 0 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 3, 4: bytes.insert(contentsOf: Self.words.randomElement(using: &generator) ?? [], at: place)
            case 5: bytes.replaceSubrange(place..<end, with: Self.words.randomElement(using: &generator) ?? [])
            default:
                let other = corpus.randomElement(using: &generator) ?? []
                let half = Int.random(in: 0...other.count, using: &generator)
                bytes.replaceSubrange(place..., with: other[half...])
            }
        }
        return bytes
    }
}

@Suite struct FuzzTests {
    /// Mutations per run; more with `SIPRAY_FUZZ_MUTATIONS`, from another `SIPRAY_FUZZ_SEED`.
    static let mutations = number("SIPRAY_FUZZ_MUTATIONS") ?? 20_000
    static let seed = number("SIPRAY_FUZZ_SEED") ?? 4475

    private static func number(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

    static let corpus: [(String, [UInt8])] = {
        let root = Torture.folder.deletingLastPathComponent().deletingLastPathComponent()
        let seeds = root.appendingPathComponent("Fuzz/corpus/message")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: seeds.path)) ?? []
        let files = names.sorted().map { ($0, seeds.appendingPathComponent($0)) }
        let torture = Torture.cases.map { ($0.file, Torture.folder.appendingPathComponent($0.file)) }
        return (files + torture).map { ($0.0, (try? Data(contentsOf: $0.1)).map { Array($0) } ?? []) }
    }()

    /// However a stream of the corpus is cut, it holds the same messages.
    @Test func theCorpusOfStreamsBreaksNoLaw() throws {
        let root = Torture.folder.deletingLastPathComponent().deletingLastPathComponent()
        let seeds = root.appendingPathComponent("Fuzz/corpus/framing")
        let names = try FileManager.default.contentsOfDirectory(atPath: seeds.path).sorted()
        #expect(names.count > 5)
        for name in names {
            let bytes = Array(try Data(contentsOf: seeds.appendingPathComponent(name)))
            #expect(FramingExerciser.violation(bytes) == nil, "\(name)")
        }
    }

    @Test func theCorpusBreaksNoLaw() {
        #expect(Self.corpus.count > 65)
        for (name, bytes) in Self.corpus {
            #expect(!bytes.isEmpty, "\(name) cannot be read")
            #expect(MessageExerciser.violation(bytes) == nil, "\(name)")
        }
    }

    @Test func everyTruncationBreaksNoLaw() {
        for bytes in [Samples.invite, Samples.busy] {
            for length in 0..<bytes.count { #expect(MessageExerciser.violation(Array(bytes[..<length])) == nil) }
        }
    }

    @Test func mutationsBreakNoLaw() {
        let corpus = Self.corpus.map(\.1).filter { $0.count < 2_000 }
        var mutator = Mutator(generator: SeededGenerator(state: UInt64(Self.seed)), corpus: corpus)
        var parsed = 0
        for round in 0..<Self.mutations {
            let bytes = mutator.mutate(corpus[round % corpus.count])
            if (try? Message.parse(bytes)) != nil { parsed += 1 }
            if let broken = MessageExerciser.violation(bytes) {
                Issue.record("round \(round): \(broken)\n\(ByteString(bytes).string.debugDescription)")
                return
            }
        }
        // A mutator that only makes rubbish would show nothing.
        #expect(parsed > Self.mutations / 4)
    }
}
