import JSONRPC
import Management
import Synchronization
import Testing

/// Calls a dispatcher with request text and gives the reply text; `nil` for silence.
func replyText(_ dispatcher: CommandDispatcher, _ request: String) -> String? {
    let box = Box()
    dispatcher.dispatch(Array(request.utf8)) { reply in
        box.state.withLock { $0 = ($0.calls + 1, reply.map { String(decoding: $0.serialized(), as: UTF8.self) }) }
    }
    let (calls, text) = box.state.withLock { $0 }
    #expect(calls == 1, "delivered \(calls) times")
    return text
}

private final class Box: Sendable {
    let state = Mutex<(calls: Int, text: String?)>((0, nil))
}

@Suite struct CommandTests {
    static let dispatcher: CommandDispatcher = {
        var registry = CommandRegistry()
        registry.add("core:ps", "Lists processes.") { _ in ["Processes": []] }
        registry.add("a:list", aliases: ["a_list", "old:list"], "Lists.", [[], ["x"]]) { call in
            ["x": call.value("x") ?? .null, "as": .string(call.method)]
        }
        registry.add("b:list", "Lists too.") { _ in "b" }
        registry.add("t:types", "Takes all types.", [["n", "s", "l"], ["n"], ["s"]]) { call throws(RPCError) in
            if call.has("l") {
                let texts = try call.strings("l").map { JSONValue.string($0) }
                return [.integer(try call.integer("n")), .string(try call.string("s")), .array(texts)]
            }
            if call.has("n") { return .integer(try call.integer("n", allowed: "a number")) }
            return .string(try call.string("s"))
        }
        registry.add("t:fails", "Fails.") { _ throws(RPCError) in throw RPCError(code: 400, message: "Value not found")
        }
        registry.addLater("t:forgets", "Never answers.") { _, _ in }
        registry.addLater("t:twice", "Answers twice.") { _, reply in
            reply.succeed(1)
            reply.succeed(2)
        }
        return CommandDispatcher(registry: registry)
    }()

    static let calls: [(String, String, String)] = [
        ("core:ps", "", #""result":{"Processes":[]}"#), ("ps", "", #""result":{"Processes":[]}"#),
        ("ps", #","params":[]"#, #""result":{"Processes":[]}"#),
        ("ps", #","params":{}"#, #""result":{"Processes":[]}"#),
        ("b:ps", "", #""error":{"code":-32601,"message":"Method not found"}"#),
        ("PS", "", #""error":{"code":-32601,"message":"Method not found"}"#),
        ("", "", #""error":{"code":-32601,"message":"Method not found"}"#),
        (":", "", #""error":{"code":-32601,"message":"Method not found"}"#),
        ("list", "", #""error":{"code":-32001,"message":"Method ambiguous","data":"use one of a:list, b:list"}"#),
        ("a_list", "", #""result":{"x":null,"as":"a_list"}"#),
        ("old:list", "", #""result":{"x":null,"as":"old:list"}"#),
        ("a:list", #","params":[7]"#, #""result":{"x":7,"as":"a:list"}"#),
        ("a:list", #","params":{"x":[1]}"#, #""result":{"x":[1],"as":"a:list"}"#),
        ("a:list", #","params":{"X":1}"#, Self.invalid("Named parameters do not match")),
        ("a:list", #","params":{"x":1,"y":2}"#, Self.invalid("Too few or too many parameters")),
        ("a:list", #","params":[1,2]"#, Self.invalid("Too few or too many parameters")),
        ("b:list", #","params":[1]"#, Self.invalid("Too few or too many parameters")),
        ("t:types", "", Self.invalid("Too few or too many parameters")),
        ("t:types", #","params":[1]"#, Self.invalid("Ambiguous call, use named parameters instead")),
        ("t:types", #","params":[1,2,["a",3]]"#, #""result":[1,"2",["a","3"]]"#),
        ("t:types", #","params":{"l":"one","s":"x","n":"-12"}"#, #""result":[-12,"x",["one"]]"#),
        ("t:types", #","params":{"n":1.5}"#, Self.invalid("Bad type for parameter 'n': allowed is a number")),
        ("t:types", #","params":{"n":"2abc"}"#, Self.invalid("Bad type for parameter 'n': allowed is a number")),
        ("t:types", #","params":{"n":null}"#, Self.invalid("Bad type for parameter 'n': allowed is a number")),
        ("t:types", #","params":{"s":{}}"#, Self.invalid("Bad type for parameter 's'")),
        ("t:types", #","params":[1,"a",[{}]]"#, Self.invalid("Bad type for parameter 'l'")),
        ("t:fails", "", #""error":{"code":400,"message":"Value not found"}"#),
        (
            "t:forgets", "",
            #""error":{"code":-32000,"message":"Server error","data":"the command ended without an answer"}"#
        ),
        ("t:twice", "", #""result":1"#),
    ]

    static func invalid(_ data: String) -> String {
        #""error":{"code":-32602,"message":"Invalid params","data":"\#(data)"}"#
    }

    @Test(arguments: calls) func answers(method: String, rest: String, expected: String) {
        let request = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)"\#(rest)}"#
        #expect(replyText(Self.dispatcher, request) == #"{"jsonrpc":"2.0",\#(expected),"id":1}"#)
        // The same as a notification: carried out, never answered.
        let notification = #"{"jsonrpc":"2.0","method":"\#(method)"\#(rest)}"#
        #expect(replyText(Self.dispatcher, notification) == nil)
    }

    @Test func keepsTheIdAsItCame() {
        for id in [#""abc""#, #""10""#, "null", "1.5", "-3"] {
            let reply = replyText(Self.dispatcher, #"{"jsonrpc":"2.0","method":"ps","id":\#(id)}"#)
            #expect(reply == #"{"jsonrpc":"2.0","result":{"Processes":[]},"id":\#(id)}"#)
        }
    }

    @Test func refusesWhatIsNoRequest() throws {
        for (text, code) in [("garbage", -32700), ("", -32700), ("[]", -32600), (#"{"jsonrpc":"2.0","id":1}"#, -32600)]
        {
            let reply = try #require(replyText(Self.dispatcher, text))
            #expect(try JSONParser.parse(reply)["error"]?["code"] == .integer(code))
        }
    }

    @Test func answersBatches() {
        let batch =
            #"[{"jsonrpc":"2.0","method":"b:list","id":1},{"jsonrpc":"2.0","method":"b:list"},7,"#
            + #"{"jsonrpc":"2.0","method":"nope","id":"x"}]"#
        #expect(
            replyText(Self.dispatcher, batch)
                == #"[{"jsonrpc":"2.0","result":"b","id":1},{"jsonrpc":"2.0","error":{"code":-32600,"#
                + #""message":"Invalid Request","data":"a JSON object is expected"},"id":null},"#
                + #"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":"x"}]"#)
        #expect(replyText(Self.dispatcher, #"[{"jsonrpc":"2.0","method":"b:list"}]"#) == nil)
    }

    @Test func namesAndUsage() {
        let registry = Self.dispatcher.registry
        #expect(registry.canonicalNames(matching: "list") == ["a:list", "b:list"])
        #expect(registry.canonicalNames(matching: "a_list") == ["a:list"])
        #expect(registry.canonicalNames(matching: "nope") == [])
        #expect(registry.commands[1].usage == "a:list\na:list <x>")
        #expect(registry.commands[1].module == "a")
    }
}

@Suite struct ManagementEndpointTests {
    static let valid: [(String, ManagementEndpoint)] = [
        ("/tmp/f", .fifo(path: "/tmp/f", replyDirectory: "/tmp")),
        ("fifo:/tmp/f", .fifo(path: "/tmp/f", replyDirectory: "/tmp")),
        ("fifo:rel", .fifo(path: "rel", replyDirectory: "/tmp")), ("unix:/tmp/s", .unix(path: "/tmp/s")),
        ("udp:127.0.0.1:8080", .udp(host: "127.0.0.1", port: 8080)), ("udp:[::1]:1", .udp(host: "::1", port: 1)),
        ("udp:localhost:65535", .udp(host: "localhost", port: 65535)),
    ]

    @Test(arguments: valid) func reads(text: String, endpoint: ManagementEndpoint) throws {
        #expect(try ManagementEndpoint.parse(text) == endpoint)
        #expect(try ManagementEndpoint.parse(endpoint.description) == endpoint)
    }

    @Test(arguments: ["", "x", "fifo:", "unix:", "udp:", "udp:1.2.3.4", "udp:1.2.3.4:0", "udp::5", "udp:h:65536"])
    func refuses(text: String) {
        #expect(throws: ManagementEndpoint.ParseError.self) { try ManagementEndpoint.parse(text) }
    }
}
