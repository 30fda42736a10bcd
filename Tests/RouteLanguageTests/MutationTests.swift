import RouteLanguage
import Testing

/// Seeded damage to real scripts: reading them never traps and always ends in bounded time.
@Suite struct MutationTests {
    /// A small generator, so that a failing seed can be run again.
    struct Generator {
        var state: UInt64
        mutating func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(max(1, bound)))
        }
    }

    static let scripts: [[UInt8]] = ["stock_residential.cfg", "capture.cfg", "language.cfg"].map { name in
        guard case .success(let bytes) = SourceReader.disk.read(FixtureTests.directory + name, 1 << 20) else {
            return []
        }
        return bytes
    }

    static let snippets: [String] = [
        "\"", "'", "$", "$(", "(", ")", "{", "}", "[", "]", ";", ",", "/*", "*/", "#", "\\", "\\x", "\0", "\u{FF}",
        "//",
        "$(ru{s.select,", "route", "if (", "else", "case 1:", "0x", "99999999999", "::1", "1.2.3.4/33",
        "include_file \"t.cfg\"\n",
        "modparam(", "socket=udp:", "alias=", "$avp($avp($avp(", "!!!!", "{{{{", "((((", "[[[[", "&&", "=", "=~ \"(\"",
        "\r\n",
    ]

    @Test(arguments: 0..<24)
    func damagedScriptsAreRefusedInPeace(_ seed: Int) {
        var generator = Generator(state: 0x9E37_79B9_7F4A_7C15 &* UInt64(seed + 1) | 1)
        for _ in 0..<8 {
            var text = Self.scripts[generator.next(Self.scripts.count)]
            #expect(!text.isEmpty)
            for _ in 0...generator.next(6) { damage(&text, &generator) }
            let limits = ScriptLimits()
            let input = text
            let reader = SourceReader { path, _ in path == "t.cfg" ? .success(input) : .failure(.notFound) }
            let analysis = ScriptAnalysis.analyse(
                path: "t.cfg", catalogue: TestCatalogue.all, reader: reader, limits: limits)
            #expect(analysis.diagnostics.count <= limits.diagnosticsMax)
            #expect(analysis.isAccepted == analysis.diagnostics.allSatisfy { $0.severity == .warning })
            // Every place exists and can be drawn.
            for diagnostic in analysis.diagnostics.prefix(20) {
                #expect(!diagnostic.render(source: analysis.script.files).isEmpty)
                #expect(diagnostic.location.line >= 0)
            }
        }
    }

    private func damage(_ text: inout [UInt8], _ generator: inout Generator) {
        guard !text.isEmpty else { return }
        let place = generator.next(text.count)
        switch generator.next(6) {
        case 0: text.remove(at: place)
        case 1: text[place] = UInt8(generator.next(256))
        case 2: text.insert(contentsOf: Array(Self.snippets[generator.next(Self.snippets.count)].utf8), at: place)
        case 3: text.removeSubrange(place..<min(text.count, place + generator.next(200)))
        case 4:
            let end = min(text.count, place + generator.next(200))
            text.insert(contentsOf: Array(text[place..<end]), at: generator.next(text.count))
        default: text = Array(text[..<place])
        }
    }

    /// Nesting that would exhaust a native stack, and chains that must not count as nesting.
    @Test(arguments: ["(", "{", "!", "~", "[", "if ($ru) ", "while (1) ", "$(avp(x)[$(avp(x)[", "$avp("])
    func deepNestingIsRefused(_ piece: String) {
        let text = "route { $var(x) = " + String(repeating: piece, count: 20_000) + "\n; }"
        #expect(!analyse(text).isAccepted)
        #expect(!analyse("route { if (" + String(repeating: piece, count: 20_000) + ") exit; }").isAccepted)
        #expect(!analyse("route { " + String(repeating: piece, count: 20_000) + " }").isAccepted)
    }

    /// The hints of what nobody reads are not worked out.
    @Test func manyErrorsCostLittle() {
        let clock = ContinuousClock()
        let took = clock.measure {
            let text = "route { " + String(repeating: "nope($nope);\n", count: 20_000) + "}"
            #expect(analyse(text).errorCount == 40_000)
        }
        // 0.3 s in a debug build of an idle machine; with a hint for each it is minutes.
        #expect(took < .seconds(60))
    }

    @Test func longChainsAreNotNesting() {
        let condition = Array(repeating: "$ru == \"a\"", count: 5_000).joined(separator: " && ")
        let sum = Array(repeating: "1", count: 5_000).joined(separator: " + ")
        let branches = Array(repeating: "if ($ru) { exit; }", count: 2_000).joined(separator: " else ")
        #expect(analyse(statements: "if (\(condition)) exit;").isAccepted)
        #expect(analyse(statements: "$var(x) = \(sum);").isAccepted)
        #expect(analyse(statements: branches).isAccepted)
    }
}
