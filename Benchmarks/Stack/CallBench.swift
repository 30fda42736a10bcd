import Bytes
import Location
import Modules
import Profiling
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransaction
import SIPTransport

/// A worker on one thread without a network: it keeps what it sent last, and time stands until told otherwise.
final class CallBench: @unchecked Sendable {
    // @unchecked: one thread.

    enum Failure: Error { case refused(String) }

    static let server = SocketAddress(10, 0, 0, 1, port: 5060)
    static let caller = SocketAddress(10, 1, 1, 1, port: 5060)
    static let callee = SocketAddress(10, 2, 2, 2, port: 5060)

    /// Benchmarks/calls/sipray.cfg without its modules for management.
    static let proxy = """
        route {
            if (!mf_process_maxfwd_header(10)) { send_reply(483, "Too Many Hops"); exit; }
            if (has_totag()) {
                if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
                if (!loose_route()) { send_reply(404, "No Way Known"); exit; }
                t_relay();
                exit;
            }
            if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
            t_check_trans();
            record_route();
            t_on_branch("branch");
            t_on_reply("replies");
            t_on_failure("failure");
            $ru = "sip:callee@10.2.2.2:5060";
            if (!t_relay()) send_reply(500, "Internal Error");
        }
        branch_route[branch] { return; }
        onreply_route[replies] { return; }
        failure_route[failure] { if (t_was_cancelled()) exit; }
        """

    private let socket = ListenSocket(id: 0, transport: .udp, address: CallBench.server)
    private var worker: StackWorker!
    private var now = 0
    private var toCallee: [UInt8] = []
    private var host: ScriptHost?

    init(script: String?) throws {
        let statistics = Statistics()
        let table = ProcessTable(profiler: nil, statistics: statistics)
        let process = try table.make(description: "bench", kind: .udp)
        var configuration = StackConfiguration()
        configuration.trying = .never
        let socket = socket
        let destination = Destination(transport: .udp, address: Self.callee, socket: socket)
        let stack: Stack
        if let script {
            let (host, engine, hooks) = try Self.assemble(script, socket, statistics)
            self.host = host
            stack = Stack(configuration: configuration, hooks: hooks, statistics: statistics)
            worker = makeWorker(stack, process, socket, destination)
            host.attach(worker, ScriptProcess(engine: engine, process: process))
        } else {
            let hooks = StackHooks { request, worker in
                if request.message.method == .ack {
                    worker.forwardStateless(
                        request, edits: MessageEdits(), requestURI: request.message.requestURI, to: destination)
                } else if case .created(let transaction) = worker.makeTransaction(for: request) {
                    let branch = OutgoingBranch(
                        requestURI: request.message.requestURI, destinations: [destination])
                    _ = worker.relay(transaction, [branch])
                }
            }
            stack = Stack(configuration: configuration, hooks: hooks, statistics: statistics)
            worker = makeWorker(stack, process, socket, destination)
        }
    }

    private func makeWorker(
        _ stack: Stack, _ process: ReactorProcess, _ socket: ListenSocket, _ destination: Destination
    ) -> StackWorker {
        StackWorker(
            stack: stack, id: process.id, probe: process.probe, cells: process.statistics,
            port: WorkerPort(
                now: { [unowned self] in now }, arm: { _ in },
                send: { [unowned self] bytes, destination in
                    if destination.address == Self.callee { toCallee = bytes }
                    return true
                },
                socket: { _, _ in socket },
                resolve: { _, completion in completion(.failure(.notFound("nothing"))) },
                immediate: { _ in destination }))
    }

    private static func assemble(
        _ script: String, _ socket: ListenSocket, _ statistics: Statistics
    ) throws -> (ScriptHost, ScriptEngine, StackHooks) {
        let flags = FlagNames()
        let names = ["signaling", "sl", "tm", "rr", "maxfwd", "sipmsgops", "proto_udp"]
        let loads = names.map { "loadmodule \"\($0).so\"\n" }.joined()
        let catalogue = ModuleLibrary.catalogue
        let analysis = ScriptAnalysis.analyse(
            path: "bench.cfg", catalogue: catalogue,
            reader: .table(["bench.cfg": "socket=udp:10.0.0.1:5060\n\(loads)\(script)\n"]))
        guard analysis.isAccepted else { throw Failure.refused(analysis.render()) }
        let scriptSockets = [ScriptSocket(socket)]
        let host = ScriptHost(scriptSockets: scriptSockets, flags: flags)
        let environment = ModuleEnvironment(
            parameters: ModuleParameters(analysis.script.moduleParameters),
            addresses: LocalAddresses(sockets: scriptSockets), flags: flags, location: LocationStore(),
            statistics: statistics, host: host, now: { 0 }, log: { _, _ in })
        host.sockets = [socket]
        host.bindReplies(environment.replies)
        var core = CoreHost()
        CoreFunctions.connect(&core, host: host, addresses: environment.addresses)
        let bindings = [CoreModule.binding(core, flags: flags)] + (try ModuleLibrary.bind(names, environment))
        let engine = try ScriptEngine(
            script: analysis.script, catalogue: catalogue, bindings: bindings, flags: flags,
            configuration: ScriptConfiguration { _, _ in })
        host.prepare(engine)
        return (host, engine, host.makeHooks(hasReplyRoute: false, hasLocalRoute: false))
    }

    private func receive(_ bytes: [UInt8], _ source: SocketAddress) {
        worker.receive(InboundDatagram(bytes: bytes, source: source, socket: socket))
    }

    /// The messages of a call, as sipp would send them.
    private func request(_ method: String, _ number: Int, _ cseq: Int) -> [UInt8] {
        let isInside = method != "INVITE"
        let route = isInside && host != nil ? "Route: <sip:10.0.0.1;lr>\r\n" : ""
        let body = isInside ? "" : Self.sdp
        let text = """
            \(method) sip:callee@10.2.2.2:5060 SIP/2.0\r
            Via: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bK-\(method)-\(number)\r
            \(route)From: sipp <sip:sipp@10.1.1.1:5060>;tag=uac\(number)\r
            To: <sip:callee@10.0.0.1:5060>\(isInside ? ";tag=uas" : "")\r
            Call-ID: \(number)-1234@10.1.1.1\r
            CSeq: \(cseq) \(method)\r
            Contact: <sip:sipp@10.1.1.1:5060>\r
            Max-Forwards: 70\r
            Subject: Benchmark\r
            \(isInside ? "" : "Content-Type: application/sdp\r\n")Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """
        return Array(text.utf8)
    }

    private static let sdp =
        "v=0\r\no=sipp 1 1 IN IP4 10.1.1.1\r\ns=-\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

    private func reply(_ status: Int) -> [UInt8] {
        guard let request = try? Message.parse(toCallee) else { return [] }
        var builder = ReplyBuilder(to: request, status: status)
        builder.toTag = "uas"
        builder.extraLines = "Contact: <sip:callee@10.2.2.2:5060>\r\n"
        return builder.build()
    }

    /// Plays a call; each message is given to `measured` with its index, to be run there.
    func play(_ number: Int, _ measured: (Int, () -> Void) -> Void) {
        func step(_ index: Int, _ bytes: [UInt8], _ source: SocketAddress) {
            var isRun = false
            measured(index) {
                receive(bytes, source)
                isRun = true
            }
            if !isRun { receive(bytes, source) }
        }
        step(0, request("INVITE", number, 1), Self.caller)
        let (ringing, answer) = (reply(180), reply(200))
        step(1, ringing, Self.callee)
        step(2, answer, Self.callee)
        step(3, request("ACK", number, 1), Self.caller)
        step(4, request("BYE", number, 2), Self.caller)
        step(5, reply(200), Self.callee)
        now += 20_000
        worker.timerFired()
    }
}
