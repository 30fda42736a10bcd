import Bytes
import Location
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage
import Synchronization

@testable import Modules

/// Runs scripts with the real modules on a process without a thread. Replies are collected instead of being sent.
final class ModuleHarness {
    let environment: ModuleEnvironment
    let engine: ScriptEngine
    let process: ScriptProcess
    let recorder = Recorder()

    /// What scripts noted, answered, logged and raised; and the clock.
    final class Recorder: Sendable {
        struct State {
            var notes: [String] = []
            var replies: [ScriptReply] = []
            var logs: [String] = []
            var events: [String] = []
            var now = 1_000_000
        }

        let state = Mutex(State())
        var notes: [String] { state.withLock { $0.notes } }
        var replies: [ScriptReply] { state.withLock { $0.replies } }
        var logs: [String] { state.withLock { $0.logs } }
        var events: [String] { state.withLock { $0.events } }
        var now: Int {
            get { state.withLock { $0.now } }
            set { state.withLock { $0.now = newValue } }
        }
    }

    enum Failure: Error { case refused(String), noRoute, waits }

    static let sockets = [
        ScriptSocket(id: 0, transport: "udp", address: "127.0.0.1", port: 5060, tag: "inside"),
        ScriptSocket(id: 1, transport: "udp", address: "192.0.2.1", port: 5070),
    ]

    /// - Parameters:
    ///   - head: `modparam` lines and aliases.
    ///   - body: the main route's statements, or whole routes.
    init(_ body: String, head: String = "") throws {
        let recorder = recorder
        let flags = FlagNames()
        let names = ["tm"] + ModuleLibrary.declarations.map(\.name).filter { $0 != "tm" }
        let catalogue = Catalogue.withCore(
            modules: [ModuleDeclaration("tm")] + ModuleLibrary.declarations.filter { $0.name != "tm" }
                + [Self.testDeclaration])
        let loads = (names + ["test"]).map { "loadmodule \"\($0).so\"\n" }.joined()
        let isWhole = body.contains("route {") || body.contains("route[")
        let source = "\(loads)\(head)\n" + (isWhole ? body : "route {\n\(body)\n}\n")
        let analysis = ScriptAnalysis.analyse(
            path: "test.cfg", catalogue: catalogue, reader: .table(["test.cfg": source]))
        guard analysis.isAccepted else { throw Failure.refused(analysis.render()) }
        let statistics = Statistics()
        environment = ModuleEnvironment(
            parameters: ModuleParameters(analysis.script.moduleParameters),
            addresses: LocalAddresses(sockets: Self.sockets, aliases: analysis.script.aliases), flags: flags,
            location: LocationStore(), statistics: statistics,
            events: EventOutlet(isWanted: { _ in true }) { name, values in
                let text = values.map { "\($0.name)=\($0.value.printed)" }.joined(separator: ",")
                recorder.state.withLock { $0.events.append("\(name) \(text)") }
            },
            now: { recorder.now },
            log: { level, text in recorder.state.withLock { $0.logs.append("\(level) \(text)") } })
        environment.replies.stateless = { reply, _, _ in
            recorder.state.withLock { $0.replies.append(reply) }
            return true
        }
        var host = CoreHost()
        let addresses = environment.addresses
        host.isMyself = { addresses.contains(host: $0, port: $1, transport: $2) }
        host.socket = { addresses.socket(described: $0) }
        let bindings =
            [CoreModule.binding(host, flags: flags), Self.testBinding(recorder)]
            + (try ModuleLibrary.bind(names.filter { $0 != "tm" }, environment))
        engine = try ScriptEngine(
            script: analysis.script, catalogue: catalogue, bindings: bindings, flags: flags,
            configuration: ScriptConfiguration { level, text in
                recorder.state.withLock { $0.logs.append("\(level) \(text)") }
            })
        let table = ProcessTable(profiler: nil, statistics: statistics)
        process = ScriptProcess(engine: engine, process: try table.make(description: "test", kind: .udp))
    }

    /// Runs a route; its code, and nil when it waits.
    @discardableResult
    func run(_ context: MessageContext, _ kind: RouteKind = .request, _ name: String? = nil) throws -> Int32? {
        guard let route = engine.route(kind, name) else { throw Failure.noRoute }
        switch process.run(TopRoute(route, as: kind, on: context)) {
        case .finished(let result): return result.code
        case .suspended: return nil
        }
    }

    var notes: [String] { recorder.notes }

    /// What a script notes on a message.
    static func notes(_ body: String, head: String = "", on context: MessageContext = sample()) throws -> [String] {
        let harness = try ModuleHarness(body, head: head)
        try harness.run(context)
        return harness.notes
    }

    /// The message as it would be sent after a script ran on it.
    static func sent(
        _ body: String, head: String = "", on context: MessageContext = sample(), by socket: ScriptSocket = sockets[0]
    ) throws -> String {
        let harness = try ModuleHarness(body, head: head)
        try harness.run(context)
        return sent(context, by: socket)
    }

    static func sent(_ context: MessageContext, by socket: ScriptSocket = sockets[0]) -> String {
        var edits = context.edits(for: socket)
        if context.message.isRequest {
            edits.replaceRequestURI(of: context.message, with: context.requestURI)
        }
        return String(decoding: edits.apply(to: context.message), as: UTF8.self)
    }

    private static let testDeclaration = ModuleDeclaration(
        "test", functions: [FunctionDeclaration("note", [.string("text", optional: true)])])

    private static func testBinding(_ recorder: Recorder) -> ModuleBinding {
        ModuleBinding(
            "test",
            functions: [
                "note": { call in
                    let text = call.string(0)?.string ?? "<null>"
                    recorder.state.withLock { $0.notes.append(text) }
                    return .yes
                }
            ])
    }

    // MARK: Messages

    static func sample(_ text: String = invite, socket: ScriptSocket = sockets[0]) -> MessageContext {
        do {
            let message = try Message.parse(Array(text.replacing("\n", with: "\r\n").utf8))
            return MessageContext(message: message, source: SocketAddress(10, 1, 2, 3, port: 5099), socketIn: socket)
        } catch {
            preconditionFailure("the sample message is broken: \(error)")
        }
    }

    static let invite = """
        INVITE sip:bob@example.net SIP/2.0
        Via: SIP/2.0/UDP 10.1.2.3:5099;branch=z9hG4bK1
        Max-Forwards: 70
        From: "Alice" <sip:alice@example.net>;tag=ft
        To: <sip:bob@example.net>
        Call-ID: call-1
        CSeq: 1 INVITE
        Contact: <sip:alice@10.1.2.3:5099>
        Supported: path, 100rel
        X-One: 1
        X-Two: 2
        Content-Type: application/sdp
        Content-Length: 61

        v=0
        o=a 1 1 IN IP4 10.0.0.1
        s=-
        m=audio 4000 RTP/AVP 0 8

        """

    /// A request of a dialog with these lines in place of Route and others.
    static func inDialog(_ method: String = "BYE", uri: String = "sip:bob@10.9.9.9", lines: String) -> String {
        """
        \(method) \(uri) SIP/2.0
        Via: SIP/2.0/UDP 10.1.2.3:5099;branch=z9hG4bK2
        From: <sip:alice@example.net>;tag=ft
        To: <sip:bob@example.net>;tag=tt
        Call-ID: call-1
        CSeq: 2 \(method)
        \(lines.isEmpty ? "" : lines + "\n")Content-Length: 0


        """
    }

    static func register(
        _ contacts: String, cseq: Int = 1, callID: String = "reg-1", to: String = "sip:alice@example.net",
        lines: String = ""
    ) -> String {
        """
        REGISTER sip:example.net SIP/2.0
        Via: SIP/2.0/UDP 10.1.2.3:5099;branch=z9hG4bKr\(cseq)
        From: <\(to)>;tag=ft
        To: <\(to)>
        Call-ID: \(callID)
        CSeq: \(cseq) REGISTER
        User-Agent: Phone/1
        \(contacts.isEmpty ? "" : "Contact: \(contacts)\n")\(lines.isEmpty ? "" : lines + "\n")Content-Length: 0


        """
    }
}
