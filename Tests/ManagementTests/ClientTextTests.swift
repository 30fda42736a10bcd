import JSONRPC
import Management
import Testing

@Suite struct ClientTextTests {
    static let words: [(String, [String], RPCParameters)] = [
        ("ps", [], .none), ("x", ["level=2"], .named(["level": 2])), ("x", ["level=-1"], .named(["level": -1])),
        ("x", ["aor=007", "b="], .named(["aor": "007", "b": ""])), ("x", [#"aor="1001""#], .named(["aor": "1001"])),
        ("x", ["a=1=2", "socket=udp:127.0.0.1:9000"], .named(["a": "1=2", "socket": "udp:127.0.0.1:9000"])),
        ("x", ["location", "sip:a@b;x=y", "5"], .positional(["location", "sip:a@b;x=y", 5])),
        (
            "x", ["=a", "[1,2]", #"{"a":1}"#, "[1", "9223372036854775808"],
            .positional(["=a", [1, 2], ["a": 1], "[1", "9223372036854775808"])
        ),
        ("statistics:get", ["tm:", "core:"], .positional([["tm:", "core:"]])),
        ("get_statistics", ["tm:"], .positional([["tm:"]])),
        ("get_statistics", [#"["tm:"]"#], .positional([["tm:"]])),
        ("get_statistics", ["statistics=tm:"], .named(["statistics": ["tm:"]])),
        ("evi:raise", ["E_X"], .positional(["E_X"])),
        ("evi:raise", ["E_X", "a", "1"], .positional(["E_X", ["a", 1]])),
        ("evi:raise", ["E_X", #"{"a":1}"#], .positional(["E_X", ["a": 1]])),
    ]

    @Test(arguments: words) func readsWords(command: String, words: [String], expected: RPCParameters) throws {
        #expect(try ManagementArguments.parameters(command: command, words) == expected)
    }

    @Test func refusesAMixture() {
        #expect(throws: ManagementArguments.Mixed.self) {
            try ManagementArguments.parameters(command: "x", ["a", "b=1"])
        }
        #expect(throws: ManagementArguments.Mixed.self) {
            try ManagementArguments.parameters(command: "x", ["b=1", "a", "c"])
        }
    }

    static let texts: [(String, [String])] = [
        (#""OK""#, ["OK"]), ("5", ["5"]), ("null", ["null"]), ("[]", ["(none)"]), ("{}", ["(nothing)"]),
        (#"["a","b"]"#, ["a", "b"]), (#""one\ntwo""#, ["one", "two"]),
        (#"{"Server":"X","Up time":1}"#, ["Server:  X", "Up time: 1"]),
        (
            #"{"Processes":[{"ID":0,"PID":9,"Type":"attendant"},{"ID":10,"PID":1234,"Type":"timer"}]}"#,
            ["ID   PID  Type", " 0     9  attendant", "10  1234  timer"]
        ),
        (#"{"Events":[]}"#, ["(none)"]),
        (
            #"{"Events":[{"name":"E","id":1,"Subscribers":[{"socket":"udp:1","ttl":5}]}]}"#,
            ["name:        E", "id:          1", "Subscribers:", "  socket  ttl", "  udp:1     5"]
        ),
        // What a stranger wrote moves no cursor, in a key, a cell or a line.
        (
            #"{"A":[{"agent\u001b[2J":"\u001b]0;x\u0007y","n":1,"c":"\u009b2J\u007f\u202e\n"}]}"#,
            ["agent\u{FFFD}[2J  n  c", "\u{FFFD}]0;x\u{FFFD}y    1  \u{FFFD}2J\u{FFFD}\u{FFFD}\u{FFFD}"]
        ),
        (#"{"a\u001b":"\u001b","b":[]}"#, ["a\u{FFFD}: \u{FFFD}", "b:", "  (none)"]),
        (#""one\r\ntwo\u009b""#, ["one", "two\u{FFFD}"]),
    ]

    @Test(arguments: texts) func laysOut(json: String, expected: [String]) throws {
        #expect(ManagementText.lines(try JSONParser.parse(json)) == expected)
    }
}
