import Bytes
import Location
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

@testable import Modules

/// A server with a script on one process without a thread: what is fed to it is handled at once, what it sends is
/// collected, and time stands until told otherwise.
final class TMHarness: @unchecked Sendable {
    // @unchecked: everything happens on the test's thread.

    struct Sent {
        let to: SocketAddress
        let message: Message
        var firstLine: String { message.text(message.startLine.line).trimmed().string }
    }

    enum Failure: Error { case refused(String) }

    static let address = SocketAddress(127, 0, 0, 1, port: 5060)
    static let caller = SocketAddress(10, 1, 1, 1, port: 5060)
    static let callee = SocketAddress(10, 2, 2, 2, port: 5080)
    static let other = SocketAddress(10, 3, 3, 3, port: 5090)

    let host: ScriptHost
    let stack: Stack
    let environment: ModuleEnvironment
    private(set) var worker: StackWorker!
    private(set) var sent: [Sent] = []
    private(set) var logs: [String] = []
    /// Lines that modules write, such as those of accounting.
    private(set) var accounts: [String] = []
    private var now = 1_000
    private var deadline = Int.max
    private let socket = ListenSocket(id: 0, transport: .udp, address: TMHarness.address)

    init(_ routes: String, modparams: String = "", modules: [String] = []) throws {
        let flags = FlagNames()
        let names =
            ["signaling", "sl", "tm", "rr", "maxfwd", "sipmsgops", "textops", "cfgutils", "proto_udp"] + modules
        let loads = names.map { "loadmodule \"\($0).so\"\n" }.joined()
        let source = "socket=udp:127.0.0.1:5060\n\(loads)\(modparams)\n\(routes)\n"
        let catalogue = ModuleLibrary.catalogue
        let analysis = ScriptAnalysis.analyse(
            path: "test.cfg", catalogue: catalogue, reader: .table(["test.cfg": source]))
        guard analysis.isAccepted else { throw Failure.refused(analysis.render()) }
        let statistics = Statistics()
        let scriptSockets = [ScriptSocket(socket)]
        let parameters = ModuleParameters(analysis.script.moduleParameters)
        let logBox = LogBox()
        host = ScriptHost(scriptSockets: scriptSockets, flags: flags)
        environment = ModuleEnvironment(
            parameters: parameters, addresses: LocalAddresses(sockets: scriptSockets), flags: flags,
            location: LocationStore(), statistics: statistics, host: host, now: { 0 }, log: { _, _ in },
            print: { _, text in logBox.harness?.accounts.append(text) })
        host.sockets = [socket]
        host.bindReplies(environment.replies)
        var core = CoreHost()
        core.forward = host.forwardFunction
        core.send = host.sendFunction
        CoreFunctions.connect(&core, host: host, filter: DestinationFilter(analysis.script.blacklists))
        let addresses = environment.addresses
        core.isMyself = { addresses.contains(host: $0, port: $1, transport: $2) }
        let bindings =
            [CoreModule.binding(core, flags: flags)] + (try ModuleLibrary.bind(names, environment))
        let engine = try ScriptEngine(
            script: analysis.script, catalogue: catalogue, bindings: bindings, flags: flags,
            configuration: ScriptConfiguration { _, text in logBox.harness?.logs.append(text) })
        var configuration = StackConfiguration()
        configuration.apply(parameters)
        stack = Stack(
            configuration: configuration,
            hooks: host.makeHooks(
                hasReplyRoute: engine.route(.onreply) != nil, hasLocalRoute: engine.route(.local) != nil),
            statistics: statistics, boot: 1, secret: 1)
        host.prepare(engine)
        let table = ProcessTable(profiler: nil, statistics: statistics)
        let process = try table.make(description: "test", kind: .udp)
        let socket = socket
        worker = StackWorker(
            stack: stack, id: process.id, probe: process.probe, cells: process.statistics,
            port: WorkerPort(
                now: { [unowned self] in now }, arm: { [unowned self] in deadline = $0 },
                send: { [unowned self] bytes, destination in
                    guard let message = try? Message.parse(bytes) else { return false }
                    sent.append(Sent(to: destination.address, message: message))
                    return true
                },
                socket: { _, _ in socket },
                resolve: { _, completion in completion(.failure(.notFound("nothing"))) },
                immediate: { query in
                    SocketAddress(host: query.host.string, port: query.port ?? 5060).map {
                        Destination(transport: .udp, address: $0)
                    }
                }))
        host.attach(worker, ScriptProcess(engine: engine, process: process))
        logBox.harness = self
    }

    private final class LogBox: @unchecked Sendable { weak var harness: TMHarness? }

    /// First lines and destinations of what was sent since the last call: `callee: INVITE …`.
    func takeSent() -> [String] {
        defer { sent = [] }
        return sent.map { sent in
            let name =
                switch sent.to {
                case Self.caller: "caller"
                case Self.callee: "callee"
                case Self.other: "other"
                default: "\(sent.to)"
                }
            return "\(name): \(sent.firstLine)"
        }
    }

    /// The last message sent whose first line starts so.
    func last(_ start: String) -> Message? { sent.last { $0.firstLine.hasPrefix(start) }?.message }

    func advance(_ milliseconds: Int) {
        let end = now + milliseconds
        while deadline <= end {
            now = max(now, deadline)
            deadline = .max
            worker.timerFired()
        }
        now = end
    }

    func receive(_ bytes: [UInt8], from source: SocketAddress) {
        worker.receive(InboundDatagram(bytes: bytes, source: source, socket: socket))
    }

    /// A request of the caller's.
    func request(
        _ method: String, _ uri: String = "sip:bob@127.0.0.1", branch: String = "z9hG4bK1", cseq: Int = 1,
        toTag: String = "", lines: String = ""
    ) {
        let text = """
            \(method) \(uri) SIP/2.0\r
            Via: SIP/2.0/UDP 10.1.1.1:5060;branch=\(branch)\r
            Max-Forwards: 70\r
            From: <sip:alice@127.0.0.1>;tag=a\r
            To: <sip:bob@127.0.0.1>\(toTag.isEmpty ? "" : ";tag=\(toTag)")\r
            Call-ID: call-1\r
            CSeq: \(cseq) \(method)\r
            \(lines)Content-Length: 0\r
            \r

            """
        receive(Array(text.utf8), from: Self.caller)
    }

    /// A reply of whom a request was sent to.
    func reply(_ status: Int, to request: Message, from source: SocketAddress = callee, tag: String = "b") {
        var builder = ReplyBuilder(to: request, status: status)
        builder.toTag = ByteString(tag)
        receive(builder.build(), from: source)
    }
}
