import Bytes
import Profiling
import Reactor
import RouteLanguage
import SIPMessage
import Synchronization

@testable import RouteRuntime

/// Runs scripts on a process that has no thread: everything happens when the test asks for it.
final class ScriptHarness {
    let engine: ScriptEngine
    let process: ScriptProcess
    let flags: FlagNames
    let recorder: Recorder

    /// What scripts noted and logged. Shared with closures that must be Sendable.
    final class Recorder: Sendable {
        private let notesStored = Mutex<[String]>([])
        private let logsStored = Mutex<[String]>([])
        nonisolated(unsafe) var waiting: [ScriptRun] = []
        nonisolated(unsafe) var held: [Resumption] = []
        nonisolated(unsafe) var earlyOutcome: Int32?

        var notes: [String] { notesStored.withLock { $0 } }
        var logs: [String] { logsStored.withLock { $0 } }
        func note(_ text: String) { notesStored.withLock { $0.append(text) } }
        func log(_ text: String) { logsStored.withLock { $0.append(text) } }
        func clear() {
            notesStored.withLock { $0 = [] }
            logsStored.withLock { $0 = [] }
        }
    }

    /// - Parameter script: statements of the main route when it does not begin with a block, else whole routes.
    init(
        _ script: String, profiler: Profiler? = nil, host: CoreHost = CoreHost(),
        configure: (inout ScriptConfiguration) -> Void = { _ in }
    ) throws {
        let recorder = Recorder()
        let flags = FlagNames()
        let catalogue = Catalogue.withCore(modules: [TestModule.declaration])
        var configuration = ScriptConfiguration { level, text in recorder.log("\(level): \(text)") }
        configure(&configuration)
        let isWhole = script.contains("route {") || script.contains("route[")
        let source = "loadmodule \"test.so\" " + (isWhole ? script : "route {\n\(script)\n}\n")
        let analysis = ScriptAnalysis.analyse(
            path: "test.cfg", catalogue: catalogue, reader: .table(["test.cfg": source]))
        guard analysis.isAccepted else { throw HarnessError.refused(analysis.render()) }
        engine = try ScriptEngine(
            script: analysis.script, catalogue: catalogue,
            bindings: [CoreModule.binding(host, flags: flags), TestModule.binding(recorder)], flags: flags,
            configuration: configuration)
        let table = ProcessTable(profiler: profiler, statistics: Statistics())
        process = ScriptProcess(engine: engine, process: try table.make(description: "test", kind: .udp))
        self.flags = flags
        self.recorder = recorder
    }

    var notes: [String] { recorder.notes }

    /// Runs a route to its end or its first wait.
    @discardableResult
    func run(
        _ kind: RouteKind = .request, _ name: String? = nil, on context: MessageContext = Sample.context()
    ) throws -> RunState {
        guard let route = engine.route(kind, name) else { throw HarnessError.noRoute }
        return process.run(TopRoute(route, as: kind, on: context))
    }

    /// Runs the main route and gives its code; fails when it waits.
    @discardableResult
    func code(on context: MessageContext = Sample.context()) throws -> Int32 {
        guard case .finished(let result) = try run(on: context) else { throw HarnessError.waits }
        return result.code
    }

    /// Resumes what `wait()` left waiting, oldest first.
    func resume(_ code: Int32) throws {
        guard !recorder.waiting.isEmpty else { throw HarnessError.nothingWaits }
        recorder.waiting.removeFirst().resume(.done(code))
    }

    enum HarnessError: Error { case noRoute, waits, nothingWaits, refused(String) }

    /// What statements note on a sample INVITE.
    static func notes(_ script: String, on context: MessageContext = Sample.context()) throws -> [String] {
        let harness = try ScriptHarness(script)
        try harness.run(on: context)
        return harness.notes
    }

    /// What a format string prints on a sample INVITE after some statements.
    static func print(
        _ format: String, after statements: String = "", on context: MessageContext = Sample.context()
    ) throws -> String {
        try notes("\(statements)\nnote(\"\(format)\");", on: context).joined(separator: "|")
    }
}

/// Functions for tests.
enum TestModule {
    static let declaration = ModuleDeclaration(
        "test",
        functions: [
            FunctionDeclaration("note", [.string("text", optional: true)]),
            FunctionDeclaration("code", [.integer("code")]),
            FunctionDeclaration("wait", [.string("text", optional: true)], hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("wait_into", [.output("result")], hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("hold", [.output("result", optional: true)], hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("branches", [.route("route", .branch), .integer("count")], isSlow: true),
            FunctionDeclaration("leave"), FunctionDeclaration("discard"),
            FunctionDeclaration("number", [.integer("number")]), FunctionDeclaration("cause"),
            FunctionDeclaration("pause", [.integer("seconds"), .output("result", optional: true)], hasAsyncForm: true),
            FunctionDeclaration("takes", [.string("text"), .integer("number", optional: true)]),
            FunctionDeclaration("matching", [.string("text"), .regularExpression("pattern")]),
        ])

    static func binding(_ recorder: ScriptHarness.Recorder) -> ModuleBinding {
        ModuleBinding(
            "test",
            functions: [
                "note": { call in
                    recorder.note(call.string(0)?.string ?? "<null>")
                    return .yes
                },
                "code": { call in .done(Int32(call.integer(0) ?? -1)) },
                "wait": { call in
                    if let early = recorder.earlyOutcome {
                        call.run.resume(.done(early))
                    } else {
                        recorder.waiting.append(call.run)
                    }
                    return .suspended
                },
                "wait_into": { call in
                    call.assign(0, .string("out"))
                    recorder.waiting.append(call.run)
                    return .suspended
                },
                "hold": { call in
                    let number = recorder.held.count
                    recorder.held.append(call.wait { recorder.note("abandoned \(number)") })
                    return .suspended
                },
                "branches": { call in
                    guard let route = call.route(0) else { return .no }
                    return branch(route, call.context, left: call.integer(1) ?? 0)
                },
                "number": { call in .number(Int32(call.integer(0) ?? -1)) },
                "cause": { call in
                    guard let route = call.process.engine.route(.local) else { return .no }
                    _ = call.process.run(TopRoute(route, as: .local, on: call.context))
                    return .yes
                },
                "pause": { call in
                    recorder.note("pause \(call.integer(0) ?? -1)")
                    return .yes
                },
                "leave": { _ in .exit },
                "discard": { _ in .drop },
                "takes": { call in
                    recorder.note("\(call.string(0)?.string ?? "nil"),\(call.integer(1).map(String.init) ?? "nil")")
                    return .yes
                },
                "matching": { call in
                    guard let text = call.string(0), let pattern = call.regularExpression(1) else { return .no }
                    return Outcome(pattern.matches(text))
                },
            ])
    }

    /// Runs a branch route once per branch, then is done with the number of those that were not dropped.
    private static func branch(_ route: RouteHandle, _ context: MessageContext, left: Int, kept: Int32 = 0) -> Outcome {
        guard left > 0 else { return .done(kept) }
        let copy = context.copyForBranch(ScriptBranch(uri: context.requestURI), index: left)
        return .run(TopRoute(route, as: .branch, on: copy)) { _, result in
            branch(route, context, left: left - 1, kept: kept + (result.isDropped ? 0 : 1))
        }
    }
}

/// Messages for tests.
enum Sample {
    static let invite = """
        INVITE sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi SIP/2.0
        Via: SIP/2.0/UDP pc33.atlanta.example.com:5066;branch=z9hG4bK776asdhds;rport
        Via: SIP/2.0/TCP [2001:db8::9]:5061;branch=z9hG4bK1
        Max-Forwards: 70
        To: Bob <sip:bob@biloxi.example.com>
        From: "Alice L" <sip:alice@atlanta.example.com>;tag=1928301774
        Call-ID: a84b4c76e66710@pc33
        CSeq: 314159 INVITE
        Contact: "Al" <sip:alice@pc33.atlanta.example.com>;q=0.7;expires=60, <sip:alice@10.0.0.9>
        User-Agent: Softphone 1.0
        P-Asserted-Identity: <sip:pai@example.com>
        P-Preferred-Identity: "Pat" <sip:ppi@pref.example.com>
        Remote-Party-ID: <sip:rpid@example.com>;party=calling
        Diversion: <sip:div@example.com>;reason=busy;privacy=off
        Refer-To: <sip:refer@example.com>
        Authorization: Digest username="alice@wonder.com", realm="atlanta", nonce="nnn", uri="sip:uri", response="rrr", cnonce="ccc", nc=00000001, qop=auth, opaque="ooo", algorithm=MD5
        X-Test: one
        X-Test: two
        Content-Type: application/sdp
        Content-Length: 88

        v=0
        o=a 1 1 IN IP4 10.0.0.1
        s=-
        t=0 0
        m=audio 4000 RTP/AVP 0
        a=x
        m=video 4002 RTP/AVP 31

        """

    static let reply = """
        SIP/2.0 180 Ringing
        Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1
        To: Bob <sip:bob@biloxi.example.com>;tag=tt
        From: Alice <sip:alice@atlanta.example.com>;tag=1928301774
        Call-ID: a84b4c76e66710@pc33
        CSeq: 314159 INVITE
        Content-Length: 0


        """

    static func message(_ text: String) throws -> Message {
        try Message.parse(Array(text.replacing("\n", with: "\r\n").utf8))
    }

    static let socket = ScriptSocket(
        id: 0, transport: "udp", address: "127.0.0.1", port: 5060, advertisedAddress: "sip.example.com", tag: "main")

    static func context(_ text: String = invite) -> MessageContext {
        do {
            return MessageContext(
                message: try message(text), number: 7, source: SocketAddress(10, 1, 2, 3, port: 5099),
                socketIn: socket)
        } catch {
            preconditionFailure("the sample message is broken: \(error)")
        }
    }
}
