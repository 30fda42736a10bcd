import JSONRPC
import Testing

@Suite struct JSONParserTests {
    static let valid: [(String, JSONValue, String)] = [
        ("null", nil, "null"), (" true ", true, "true"), ("false", false, "false"),
        ("0", 0, "0"), ("-0", 0, "0"), ("-17", -17, "-17"),
        ("9223372036854775807", .integer(Int.max), "9223372036854775807"),
        ("-9223372036854775808", .integer(Int.min), "-9223372036854775808"),
        ("9007199254740993", .integer(9_007_199_254_740_993), "9007199254740993"),
        ("9223372036854775808", .double(9_223_372_036_854_775_808), "9.223372036854776e+18"),
        ("1.5", 1.5, "1.5"), ("1e3", .double(1000), "1000.0"), ("-2.5E-1", .double(-0.25), "-0.25"),
        (#""""#, "", #""""#), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{c}\n\r\t", #""a\"\\/\b\f\n\r\t""#),
        (#""\u0000\u001f""#, "\0\u{1f}", #""\u0000\u001f""#),
        (#""\u00e9 \ud83d\ude00 é""#, "é 😀 é", #""é 😀 é""#),
        ("[]", [], "[]"), ("[ 1 , [ ] , { } ]", [1, [], [:]], "[1,[],{}]"),
        (#"{"z":1,"a":{"z":[true,null]}}"#, ["z": 1, "a": ["z": [true, nil]]], #"{"z":1,"a":{"z":[true,null]}}"#),
        (#"{"a":1,"a":2}"#, .object(["a": 1, "a": 2]), #"{"a":1,"a":2}"#),
    ]

    @Test(arguments: valid) func acceptsAndSerializes(text: String, value: JSONValue, compact: String) throws {
        let parsed = try JSONParser.parse(text)
        #expect(parsed == value)
        #expect(parsed.description == compact)
        #expect(try JSONParser.parse(compact) == value)
    }

    static let invalid: [(String, JSONError)] = [
        ("", JSONError(.endOfText, at: 0)), ("  ", JSONError(.endOfText, at: 2)),
        ("nul", JSONError(.endOfText, at: 3)), ("nulL", JSONError(.unexpectedByte, at: 3)),
        ("1 2", JSONError(.trailingText, at: 2)), ("{}x", JSONError(.trailingText, at: 2)),
        ("01", JSONError(.badNumber, at: 0)), ("-", JSONError(.badNumber, at: 0)), ("1.", JSONError(.badNumber, at: 0)),
        ("1e", JSONError(.badNumber, at: 0)), ("+1", JSONError(.unexpectedByte, at: 0)),
        (".5", JSONError(.unexpectedByte, at: 0)), ("NaN", JSONError(.unexpectedByte, at: 0)),
        ("1e400", JSONError(.numberOutOfRange, at: 0)),
        ("\"a", JSONError(.endOfText, at: 2)), ("\"a\nb\"", JSONError(.controlCharacter, at: 2)),
        (#""\x""#, JSONError(.badEscape, at: 1)), (#""\u12g4""#, JSONError(.badEscape, at: 1)),
        (#""\ud800""#, JSONError(.badEscape, at: 1)), (#""\ud800\u0041""#, JSONError(.badEscape, at: 1)),
        (#""\udc00""#, JSONError(.badEscape, at: 1)), (#""\u00"#, JSONError(.endOfText, at: 5)),
        ("[1,]", JSONError(.unexpectedByte, at: 3)), ("[1 2]", JSONError(.unexpectedByte, at: 3)),
        ("[", JSONError(.endOfText, at: 1)), ("{\"a\"}", JSONError(.unexpectedByte, at: 4)),
        ("{\"a\":1,}", JSONError(.unexpectedByte, at: 7)), ("{a:1}", JSONError(.unexpectedByte, at: 1)),
        ("{\"a\":1", JSONError(.endOfText, at: 6)), ("'a'", JSONError(.unexpectedByte, at: 0)),
    ]

    @Test(arguments: invalid) func refusesWithReasonAndPlace(text: String, expected: JSONError) {
        #expect(throws: expected) { try JSONParser.parse(text) }
    }

    @Test func refusesWhatIsNotUTF8() {
        for tail: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80]] {
            #expect(throws: JSONError(.badUTF8, at: 1)) { try JSONParser.parse([0x22] + tail + [0x22]) }
            #expect(throws: JSONError(.badUTF8, at: 1)) { try JSONParser.parse(Array("\"\\n".utf8) + tail + [0x22]) }
        }
    }

    @Test func limitsHoldAtTheirEdge() throws {
        let limits = JSONLimits(textBytesMax: 200, depthMax: 5)
        let five = String(repeating: "[", count: 5) + String(repeating: "]", count: 5)
        #expect(try JSONParser.parse(five, limits: limits).arrayValue?.count == 1)
        #expect(throws: JSONError(.tooDeep, at: 5)) { try JSONParser.parse("[\(five)]", limits: limits) }
        let objects = String(repeating: "{\"a\":", count: 6) + "1" + String(repeating: "}", count: 6)
        #expect(throws: JSONError(.tooDeep, at: 25)) { try JSONParser.parse(objects, limits: limits) }
        let full = "\"" + String(repeating: "x", count: 198) + "\""
        #expect(try JSONParser.parse(full, limits: limits).stringValue?.count == 198)
        #expect(throws: JSONError(.tooLong, at: 200)) { try JSONParser.parse(full + " ", limits: limits) }
        #expect(throws: JSONError(.tooDeep, at: 64)) {
            try JSONParser.parse(String(repeating: "[", count: 100_000))
        }
    }

    /// Any bytes end in a value or in an error, and a value survives the way out and back.
    @Test func mutatedTextNeverTraps() throws {
        var random = SplitMix64(state: 0x51_9A_11)
        let seeds = Self.valid.map { Array($0.0.utf8) } + Self.invalid.map { Array($0.0.utf8) }
        var accepted = 0
        for _ in 0..<20_000 {
            var text = seeds[Int(random.next() % UInt64(seeds.count))]
            for _ in 0..<(1 + random.next() % 4) {
                let place = text.isEmpty ? 0 : Int(random.next() % UInt64(text.count))
                switch random.next() % 4 {
                case 0: text.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                case 1: if !text.isEmpty { text.remove(at: place) }
                case 2: if !text.isEmpty { text[place] = UInt8(truncatingIfNeeded: random.next()) }
                default: text.insert(contentsOf: seeds[Int(random.next() % UInt64(seeds.count))], at: place)
                }
            }
            _ = RPCIncoming.classify(text)
            guard let value = try? JSONParser.parse(text) else { continue }
            accepted += 1
            #expect(try JSONParser.parse(value.serialized()) == value)
        }
        #expect(accepted > 500)
    }
}

/// Sebastiano Vigna's public-domain generator, for repeatable test input.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
