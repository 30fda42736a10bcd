import JSONRPC
import Testing

@Suite struct RPCMessageTests {
    static let calls: [(String, RPCRequest)] = [
        (#"{"jsonrpc":"2.0","id":1,"method":"ps"}"#, RPCRequest(method: "ps", id: 1)),
        (
            #"{"jsonrpc":"2.0","id":"10","method":"ps","params":{}}"#,
            RPCRequest(method: "ps", parameters: .named([:]), id: "10")
        ),
        (#"{"jsonrpc":"2.0","id":null,"method":"ps","params":null}"#, RPCRequest(method: "ps", id: .null)),
        (
            #"{"id":1.5,"params":[1,"a"],"method":"x","jsonrpc":"2.0"}"#,
            RPCRequest(method: "x", parameters: .positional([1, "a"]), id: 1.5)
        ),
        (
            #"{"jsonrpc":"2.0","method":"ps","params":{"id":3}}"#,
            RPCRequest(method: "ps", parameters: .named(["id": 3]))
        ),
    ]

    @Test(arguments: calls) func readsCalls(text: String, expected: RPCRequest) {
        #expect(RPCIncoming.classify(Array(text.utf8)) == .call(expected))
        #expect(RPCIncoming.classify(expected.serialized()) == .call(expected))
    }

    static let refused: [(String, Int, JSONValue)] = [
        ("", -32700, .null), ("garbage", -32700, .null), (#"{"jsonrpc":"2.0","id":1,"#, -32700, .null),
        ("[]", -32600, .null), ("5", -32600, .null),
        (#"{"jsonrpc":"2.0","id":1}"#, -32600, 1), (#"{"jsonrpc":"2.0","id":"q","method":5}"#, -32600, "q"),
        (#"{"jsonrpc":"1.0","id":1,"method":"ps"}"#, -32600, 1), (#"{"id":1,"method":"ps"}"#, -32600, 1),
        (#"{"jsonrpc":"2.0","id":1,"method":"ps","params":5}"#, -32600, 1),
        (#"{"jsonrpc":"2.0","id":1,"method":"ps","method":"kill"}"#, -32600, 1),
        (#"{"jsonrpc":"2.0","id":{},"method":"ps"}"#, -32600, .null),
        (#"{"jsonrpc":"2.0","id":true,"method":"ps"}"#, -32600, .null),
        (#"{"jsonrpc":"2.0","params":"bar"}"#, -32600, .null),
    ]

    @Test func takesBatches() {
        func classify(_ text: String) -> RPCIncoming { RPCIncoming.classify(Array(text.utf8)) }
        let call = #"{"jsonrpc":"2.0","method":"ps","id":1}"#
        let request = RPCRequest(method: "ps", id: 1)
        #expect(classify("[\(call)]") == .batch([.call(request)]))
        guard case .batch(let calls) = classify("[1,\(call),[\(call)],{}]") else {
            Issue.record("no batch")
            return
        }
        #expect(calls[1] == .call(request))
        for index in [0, 2, 3] {
            guard case .refused = calls[index] else {
                Issue.record("taken for a call: \(index)")
                continue
            }
        }
        let many = Array(repeating: call, count: RPCIncoming.batchCallsMax + 1).joined(separator: ",")
        for text in ["[]", "[\(many)]"] {
            guard case .refused(let reply) = classify(text) else {
                Issue.record("taken for a batch: \(text.prefix(20))")
                continue
            }
            #expect(reply.id == .null)
        }
    }

    @Test(arguments: refused) func refusesTheRest(text: String, code: Int, id: JSONValue) {
        guard case .refused(let reply) = RPCIncoming.classify(Array(text.utf8)) else {
            Issue.record("taken for a call: \(text)")
            return
        }
        #expect(reply.id == id)
        guard case .failure(let error) = reply.outcome else {
            Issue.record("no error: \(reply)")
            return
        }
        #expect(error.code == code)
    }

    /// Up to the limit it is read, beyond it is no request, whatever it holds.
    @Test(arguments: [(0, -32700), (1, -32600)]) func tooLongIsNoRequest(beyond: Int, code: Int) {
        let text = Array(repeating: UInt8(ascii: "x"), count: 100 + beyond)
        guard case .refused(let reply) = RPCIncoming.classify(text, limits: JSONLimits(textBytesMax: 100)),
            case .failure(let error) = reply.outcome
        else {
            Issue.record("taken for a call")
            return
        }
        #expect(error.code == code)
    }

    @Test func writesRepliesInThePeersOrder() {
        #expect(
            String(decoding: RPCReply(result: "OK", id: 1).serialized(), as: UTF8.self)
                == #"{"jsonrpc":"2.0","result":"OK","id":1}"#)
        #expect(
            String(decoding: RPCReply(error: .invalidParameters("Bad PID"), id: "a").serialized(), as: UTF8.self)
                == #"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params","data":"Bad PID"},"id":"a"}"#)
        #expect(
            String(decoding: RPCReply(error: .methodNotFound, id: .null).serialized(), as: UTF8.self)
                == #"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":null}"#)
        #expect(
            String(decoding: RPCNotification(method: "E_X").serialized(), as: UTF8.self)
                == #"{"jsonrpc":"2.0","method":"E_X"}"#)
    }

    @Test func readsRepliesAndNotifications() throws {
        let replies = [
            RPCReply(result: ["a": [1]], id: 7), RPCReply(result: .null, id: 7),
            RPCReply(error: RPCError(code: 400, message: "Bad", data: nil), id: "x"),
            RPCReply(error: .invalidParameters("why"), id: .null),
        ]
        for reply in replies { #expect(RPCReply(.object(reply.json)) == reply) }
        for text in ["{}", "[]", #"{"error":5}"#, #"{"result":1,"error":{"code":1}}"#] {
            let reply = RPCReply(try JSONParser.parse(text))
            #expect((reply != nil) == text.contains("code"), "\(text)")
        }
        let event = RPCNotification(method: "E_X", parameters: .named(["k": "v", "n": 2]))
        #expect(RPCNotification(try JSONParser.parse(event.serialized())) == event)
        #expect(RPCNotification(try JSONParser.parse(#"{"params":{}}"#)) == nil)
    }

    /// Text that is copied as it is, and text in which each kind of byte has to be looked at, first, last and alone.
    @Test(arguments: [
        "", "a", "~", "plain text-1@host", "é", "\"", "\\", "\n", "\u{1}", "\"in front", "behind\\", "in\tthe middle",
        "ü\u{7F}",
    ])
    func writerQuotesText(text: String) throws {
        var asText = JSONWriter()
        asText.append(string: text)
        var asBytes = JSONWriter()
        asBytes.append(bytes: Array(text.utf8))
        #expect(asText.bytes == asBytes.bytes)
        #expect(try JSONParser.parse(asText.bytes) == .string(text))
        let isCopied = !text.utf8.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }
        #expect((asText.count == text.utf8.count + 2) == isCopied)
    }

    @Test func writerMendsForeignBytes() {
        var writer = JSONWriter()
        writer.append(bytes: [0x41, 0xFF, 0x22, 0x0D, 0x0A, 0xC3, 0xA9])
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #""A�\"\r\né""#)
        writer.truncate(to: 2)
        writer.append(integer: Int.min)
        writer.append(raw: UInt8(ascii: "|"))
        writer.append(unsigned: UInt.max)
        writer.append(raw: UInt8(ascii: "|"))
        writer.append(double: .infinity)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"A-9223372036854775808|18446744073709551615|null")
    }
}
