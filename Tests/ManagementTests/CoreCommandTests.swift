import JSONRPC
import Management
import Profiling
import Reactor
import Testing

@Suite struct CoreCommandTests {
    private static func invalid(_ data: String) -> String {
        #""error":{"code":-32602,"message":"Invalid params","data":"\#(data)"}"#
    }

    private static let levels = "allowed is 0 (off), 1 (SIP stack), 2 (extra processes), 3 (timer jobs)"

    /// The peer's conversation, step by step; `P6` stands for the PID of process 6.
    @Test func profilingProcFollowsThePeer() throws {
        let bench = try ManagementBench()
        let ok = #""result":"OK""#
        let off = [Int](repeating: 0, count: 8)
        let one = { (id: Int, level: Int) in #""result":{"Processes":[\#(bench.entry(id, level))]}"# }
        let steps: [(String, String)] = [
            ("", bench.listing(off)), ("[]", bench.listing(off)), ("{}", bench.listing(off)),
            (#"{"id":3}"#, one(3, 0)), (#"{"pid":P6}"#, one(6, 0)), (#"{"id":"3"}"#, one(3, 0)),
            (#"{"id":3,"pid":P6}"#, Self.invalid("Named parameters do not match")),
            (#"{"id":3,"pid":P6,"level":1}"#, Self.invalid("Too few or too many parameters")),
            (#"{"id":99}"#, Self.invalid("Bad process ID")), (#"{"id":-1}"#, Self.invalid("Bad process ID")),
            (#"{"pid":1}"#, Self.invalid("Bad PID")), (#"{"pid":0}"#, Self.invalid("Bad PID")),
            (#"{"level":99}"#, ok), ("", bench.listing([Int](repeating: 3, count: 8))),
            (#"{"level":-1}"#, ok), (#"{"id":3}"#, one(3, 0)),
            (#"{"level":"abc"}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (#"{"level":"2abc"}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (#"{"level":1.5}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (#"{"level":""}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (#"{"level":null}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (#"{"level":true}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (#"{"level":99999999999999999999}"#, Self.invalid("Bad type for parameter 'level': \(Self.levels)")),
            (
                #"{"id":"abc"}"#,
                Self.invalid("Bad type for parameter 'id': allowed is the ID of a process, see ps")
            ),
            (#"{"id":99,"level":2}"#, Self.invalid("Bad process ID")),
            ("", bench.listing(off)),
            (#"{"id":3,"level":2}"#, ok), (#"{"pid":P6,"level":1}"#, ok),
            (#"{"foo":1}"#, Self.invalid("Named parameters do not match")),
            (#"{"level":1,"foo":1}"#, Self.invalid("Named parameters do not match")),
            (#"{"ID":3}"#, Self.invalid("Named parameters do not match")),
            ("", bench.listing([0, 0, 0, 2, 0, 0, 1, 0])),
            (#"{"level":"2"}"#, ok), (#"{"id":3}"#, one(3, 2)), ("", bench.listing([Int](repeating: 2, count: 8))),
            ("[1]", Self.invalid("Ambiguous call, use named parameters instead")),
            ("[3,2]", Self.invalid("Ambiguous call, use named parameters instead")),
            ("[1,2,3]", Self.invalid("Too few or too many parameters")),
            ("5", #""error":{"code":-32600,"message":"Invalid Request"}"#),
        ]
        for (number, (parameters, expected)) in steps.enumerated() {
            let parameters = parameters.replacing("P6", with: String(bench.pid(6)))
            for method in ["core:profiling_proc", "profiling_proc"] {
                #expect(bench.reply(method, parameters) == expected, "step \(number): \(method) \(parameters)")
            }
        }
        #expect(bench.profiler.level(process: 3) == .extra)
    }

    /// What SIPRay knows besides: levels that are held for a time.
    @Test func levelsAreHeld() throws {
        let bench = try ManagementBench()
        let ok = #""result":"OK""#
        let levels = { (0..<8).map { bench.profiler.level(process: $0)?.rawValue ?? -1 } }
        let expire = Self.invalid("Bad type for parameter 'expire': allowed is 1 to 86400 seconds; 0 lets go")
        #expect(bench.reply("core:profiling_hold", #"{"level":1,"holder":"a","expire":60}"#) == ok)
        #expect(bench.reply("core:profiling_hold", #"{"id":3,"level":9,"holder":"b","expire":"60"}"#) == ok)
        #expect(levels() == [1, 1, 1, 3, 1, 1, 1, 1])
        let listed = try #require(bench.reply("profiling_proc", #"{"id":3}"#))
        #expect(
            listed.contains(#""Profiling level":3,"Type":"MI FIFO","Own level":0,"Held by":"a level 1 for "#),
            "\(listed)")
        #expect(bench.reply("core:profiling_hold", #"{"level":0,"holder":"a","expire":0}"#) == ok)
        #expect(levels() == [0, 0, 0, 3, 0, 0, 0, 0])
        #expect(bench.reply("profiling_proc", #"{"pid":\#(bench.pid(3)),"level":2}"#) == ok)
        #expect(bench.reply("core:profiling_hold", #"{"id":3,"level":0,"holder":"b","expire":0}"#) == ok)
        #expect(levels() == [0, 0, 0, 2, 0, 0, 0, 0])
        #expect(bench.reply("core:profiling_hold", #"{"level":1,"holder":"a","expire":-1}"#) == expire)
        #expect(bench.reply("core:profiling_hold", #"{"level":1,"holder":"a","expire":86401}"#) == expire)
        #expect(
            bench.reply("core:profiling_hold", #"{"level":1,"holder":"","expire":1}"#)
                == Self.invalid("Bad type for parameter 'holder': allowed is a name of up to 200 bytes"))
        for number in 0..<64 {
            #expect(bench.reply("core:profiling_hold", #"{"level":1,"holder":"h\#(number)","expire":60}"#) == ok)
        }
        #expect(
            bench.reply("core:profiling_hold", #"{"level":1,"holder":"more","expire":60}"#)
                == #""error":{"code":503,"message":"Too many holders"}"#)
        // Whoever sets a level ends them all.
        #expect(bench.reply("profiling_proc", #"{"level":0}"#) == ok)
        #expect(levels() == [0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func listsAndTells() throws {
        let bench = try ManagementBench()
        let listed = (0..<8).map {
            #"{"ID":\#($0),"PID":\#(bench.pid($0)),"Type":"\#(ManagementBench.descriptions[$0])"}"#
        }
        #expect(bench.reply("ps") == #""result":{"Processes":[\#(listed.joined(separator: ","))]}"#)
        #expect(Set((0..<8).map(bench.pid)).count == 8)
        #expect(bench.reply("version") == #""result":{"Server":"SIPRay (0.1.0 (x86_64/linux))"}"#)
        #expect(bench.reply("arg") == #""result":["sipray","serve","x.cfg"]"#)
        #expect(bench.reply("pwd")?.hasPrefix(#""result":{"WD":"/"#) == true)
        let uptime = try JSONParser.parse("{\(try #require(bench.reply("uptime")))}")["result"]
        #expect(uptime?.objectValue?.members.map(\.key) == ["Now", "Up since", "Up time"])
        #expect(uptime?["Now"]?.stringValue?.count == "Mon Jul 21 17:41:03 2008".count)
        #expect(uptime?["Up time"]?.stringValue?.hasSuffix(" [sec]") == true)
        #expect(bench.reply("which", #"["get_statistics"]"#) == #""result":["statistics:get"]"#)
        #expect(bench.reply("which")?.hasPrefix(#""result":["core:ps","core:version","#) == true)
        #expect(bench.reply("which", #"{"command":"nope"}"#) == #""result":[]"#)
        #expect(bench.reply("help")?.hasPrefix(#""result":"usage: "#) == true)
        #expect(
            bench.reply("help", #"["core:version"]"#)
                == #""result":{"Help":"Tells the name and version of the server.\ncore:version","Exported by":"core"}"#)
        #expect(bench.reply("help", #"["nope"]"#) == #""error":{"code":-32601,"message":"Method not found"}"#)
        #expect(bench.reply("nosuchcmd") == #""error":{"code":-32601,"message":"Method not found"}"#)
        #expect(bench.reply("kill") == #""result":"OK""#)
        #expect(bench.terminated.value.load(ordering: .relaxed) == 1)
    }

    @Test func logLevels() throws {
        let bench = try ManagementBench()
        let listed = (0..<8).map {
            #"{"PID":\#(bench.pid($0)),"Log level":2,"Type":"\#(ManagementBench.descriptions[$0])"}"#
        }
        #expect(bench.reply("log_level") == #""result":{"Processes":[\#(listed.joined(separator: ","))]}"#)
        #expect(bench.reply("log_level", #"[4,\#(bench.pid(5))]"#) == #""result":{"Log level":4}"#)
        #expect(bench.logLevels.level(process: 5) == 4)
        #expect(bench.logLevels.level(process: 4) == 2)
        #expect(bench.logLevels.level(process: nil) == 2)
        #expect(bench.reply("log_level", #"{"level":3}"#) == #""result":{"New global log level":3}"#)
        #expect(bench.logLevels.level(process: 5) == 3)
        #expect(bench.reply("log_level", "[3,1]") == Self.invalid("Bad PID"))
        #expect(
            bench.reply("log_level", "[5]")
                == Self.invalid("Bad value for parameter 'level': allowed is -3 (alert) to 4 (debug)"))
        #expect(bench.reply("xlog_level") == #""result":{"xLog Level":2}"#)
        #expect(bench.reply("xlog_level", "[-2]") == #""result":{"New xLog level":-2}"#)
        #expect(bench.logLevels.xlogLevel == -2)
        #expect(bench.reply("log_level", "[3]") == #""result":{"New global log level":3}"#)
        #expect(bench.logLevels.xlogLevel == -2)
    }

    @Test func statistics() throws {
        let bench = try ManagementBench()
        let requests = bench.statistics.counter(group: "t", name: "requests")
        bench.statistics.gauge(group: "t", name: "open") { 7 }
        bench.statistics.shared.add(requests, 5)
        #expect(bench.reply("get_statistics", #"{"statistics":["t:"]}"#) == #""result":{"t:requests":5,"t:open":7}"#)
        #expect(bench.reply("statistics:get", #"[["requests","t:"]]"#) == #""result":{"t:requests":5,"t:open":7}"#)
        #expect(bench.reply("statistics:get", #"["requests"]"#) == #""result":{"t:requests":5}"#)
        #expect(bench.reply("statistics:get", #"[["nope"]]"#) == #""result":{}"#)
        #expect(bench.reply("statistics:get", #"[["all"]]"#)?.contains(#""t:open":7"#) == true)
        #expect(bench.reply("statistics:get", #"["a","b"]"#) == Self.invalid("Too few or too many parameters"))
        #expect(
            bench.reply("list_statistics", #"[["t:"]]"#)
                == #""result":{"t:requests":"incremental","t:open":"non-incremental"}"#)
        #expect(bench.reply("statistics:list")?.contains(#""t:open":"non-incremental""#) == true)
        #expect(bench.reply("reset_statistics", #"[["requests","open"]]"#) == #""result":"OK""#)
        #expect(bench.reply("statistics:get", #"[["t:"]]"#) == #""result":{"t:requests":0,"t:open":7}"#)
        bench.statistics.shared.add(requests, 2)
        #expect(bench.reply("statistics:reset_all") == #""result":"OK""#)
        #expect(bench.reply("statistics:get", #"[["requests"]]"#) == #""result":{"t:requests":0}"#)
    }
}
