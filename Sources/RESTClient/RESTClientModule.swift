import AsyncHTTPClient
import Bytes
import Glibc
package import Modules
import NIOCore
import NIOHTTP1
import NIOSSL
import Reactor
package import RouteRuntime
import Synchronization

/// `rest_client` at work. A function hands its request to the client's event loop and lets the script wait; the reply comes
/// back as a job of the script's process.
package final class RESTClientModule: Sendable {
    /// Header fields that `rest_append_hf()` may gather for one request, and their bytes.
    static let headersMax = 64
    static let headerBytesMax = 8192

    private let settings: RESTSettings
    private let service: HTTPService
    private let gate: ConnectGate
    /// By the names that `rest_init_client_tls()` takes.
    private let domains: [ByteString: TLSConfiguration]
    /// Transfers under way, by process.
    private let underWay = Mutex<[Int: Int]>([:])

    /// Binds the module for a script that loads it.
    package static func bind(_ environment: ModuleEnvironment) throws(ModuleError) -> ModuleBinding {
        let settings = try RESTSettings(environment.parameters)
        for note in RESTSettings.notes(environment.parameters) { environment.log(.notice, note) }
        var domains: [ByteString: TLSConfiguration] = [:]
        for domain in environment.tlsClientDomains { domains[domain.name] = try settings.configuration(of: domain) }
        let module = RESTClientModule(settings, domains)
        // Its thread and its certificates take tens of milliseconds, which no SIP process has.
        environment.atStart { _ = module.service.running }
        environment.atStop { module.service.stop() }
        return ModuleBinding(
            "rest_client",
            functions: [
                "rest_get": { call in module.transfer(call, .GET, outputs: 1) },
                "rest_post": { call in module.transfer(call, .POST, outputs: 3) },
                "rest_put": { call in module.transfer(call, .PUT, outputs: 3) },
                "rest_append_hf": { call in appendHeader(call) },
                "rest_init_client_tls": { call in module.chooseDomain(call) },
            ], transformations: RESTTransformations.all)
    }

    private init(_ settings: RESTSettings, _ domains: [ByteString: TLSConfiguration]) {
        self.settings = settings
        self.domains = domains
        service = HTTPService(settings)
        gate = ConnectGate(lifetimeSeconds: settings.connectionLifetimeSeconds)
    }

    // MARK: What the next request is to have

    /// What `rest_append_hf()` gathered in a run for its next request, and the domain that `rest_init_client_tls()` named.
    private final class Headers {
        var fields: [(name: String, value: String)] = []
        var bytes = 0
        var domain: TLSConfiguration?
    }

    private static func headers(_ run: ScriptRun) -> Headers {
        let key = ObjectIdentifier(Headers.self)
        if let known = run.nextCallState[key] as? Headers { return known }
        let made = Headers()
        run.nextCallState[key] = made
        return made
    }

    private func chooseDomain(_ call: borrowing Call) -> Outcome {
        guard let name = call.string(0), let domain = domains[name] else {
            call.log(.error, "rest_init_client_tls: tls_mgm has no client_domain `\(call.string(0) ?? "")`")
            return .no
        }
        Self.headers(call.run).domain = domain
        return .yes
    }

    private static func appendHeader(_ call: borrowing Call) -> Outcome {
        guard let text = call.string(0)?.trimmed(), let colon = text.first(of: ASCII.colon),
            isFieldName(text.prefix(colon).trimmed()), !text.elements.contains(where: isControl)
        else {
            call.log(.error, "rest_append_hf: \"\(call.string(0) ?? "")\" is not of the form Field: Value")
            return .no
        }
        let headers = headers(call.run)
        guard headers.fields.count < headersMax, headers.bytes + text.count <= headerBytesMax else {
            call.log(
                .error, "rest_append_hf: more than \(headersMax) fields or \(headerBytesMax) bytes for one request")
            return .no
        }
        headers.fields.append((text.prefix(colon).trimmed().string, text.dropFirst(colon + 1).trimmed().string))
        headers.bytes += text.count
        return .yes
    }

    /// A token (RFC 9110 §5.6.2).
    private static func isFieldName(_ text: ByteString) -> Bool {
        !text.isEmpty
            && text.elements.allSatisfy {
                ASCII.isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0)
            }
    }

    /// What no value of a field may have (RFC 9110 §5.5).
    private static func isControl(_ byte: UInt8) -> Bool { byte < ASCII.space && byte != ASCII.tab || byte == 0x7F }

    private static func takeHeaders(_ run: ScriptRun) -> (fields: HTTPHeaders, domain: TLSConfiguration?) {
        guard let headers = run.nextCallState[ObjectIdentifier(Headers.self)] as? Headers else {
            return (HTTPHeaders(), nil)
        }
        defer { (headers.fields, headers.bytes, headers.domain) = ([], 0, nil) }
        return (HTTPHeaders(headers.fields), headers.domain)
    }

    // MARK: Transfers

    /// - Parameter outputs: the place of the variable for the body; those for type and status follow it.
    private func transfer(_ call: borrowing Call, _ method: HTTPMethod, outputs: Int) -> Outcome {
        let isUpload = outputs == 3
        let prepared = Self.takeHeaders(call.run)
        let order = RESTOrder(
            method: method, url: call.string(0) ?? .empty, headers: prepared.fields, domain: prepared.domain,
            body: isUpload ? call.string(1) ?? .empty : nil, contentType: isUpload ? call.string(2) : nil,
            process: call.process.process.id, outputs: outputs)
        // Until something arrives there is no status.
        call.assign(outputs + 2, .integer(0))
        guard let (client, loop) = service.running else { return .done(RESTCode.internalError) }
        warn(call, order.process)
        let cancellation = Cancellation()
        let resumption = call.wait { cancellation.cancel() }
        // To put a request together costs more than to hand it over: the SIP process does the latter only.
        loop.execute { [self] in begin(order, client, loop, cancellation, resumption) }
        return .suspended
    }

    /// On the event loop.
    private func begin(
        _ order: RESTOrder, _ client: HTTPClient, _ loop: any EventLoop, _ cancellation: Cancellation,
        _ resumption: Resumption
    ) {
        func fail(_ code: Int32, _ problem: String) {
            finished(order.process)
            Self.deliver(RESTResult(), code, problem, to: resumption, order.outputs)
        }
        let request: HTTPClient.Request
        do {
            request = try order.request
        } catch {
            return fail(RESTCode.internalError, "no URL that can be asked: \(error)")
        }
        let host = request.host
        let process = order.process
        let connecting: Bool
        if settings.serializesConnects {
            guard let mustLeave = gate.enter(host, process: process, now: Self.now()) else {
                return fail(RESTCode.alreadyConnecting, "another process is connecting")
            }
            connecting = mustLeave
        } else {
            connecting = false
        }
        let leave = Once { [gate] isConnected in
            if connecting { gate.leave(host, process: process, isConnected: isConnected, now: Self.now()) }
        }
        let delegate = RESTTransfer(bytesMax: settings.transferBytesMax) { leave(true) }
        let task = client.execute(
            request: request, delegate: delegate, eventLoop: .delegateAndChannel(on: loop),
            deadline: .now() + .seconds(Int64(settings.timeoutSeconds)))
        cancellation.follow { task.cancel() }
        task.futureResult.whenComplete { [self] result in
            leave(false)
            finished(process)
            switch result {
            case .success:
                Self.deliver(delegate.result, 1, nil, to: resumption, order.outputs)
            case .failure(let error):
                let result = delegate.result
                let code = RESTCode.code(for: error, isConnected: result.isConnected)
                Self.deliver(result, code, "\(error)", to: resumption, order.outputs)
            }
        }
    }

    /// Hands the result to the script's process.
    private static func deliver(
        _ result: RESTResult, _ code: Int32, _ problem: String?, to resumption: Resumption, _ outputs: Int
    ) {
        resumption.submit { call in
            if let problem {
                call.log(.error, "\(call.name): \(URLCredentials.removed(from: call.string(0) ?? "")): \(problem)")
            }
            if code == 1 || code == RESTCode.transferTimeout {
                call.assign(outputs, .string(ByteString(result.body)))
                call.assign(outputs + 1, result.contentType.map { .string(ByteString($0)) } ?? .null)
            }
            call.assign(outputs + 2, .integer(result.status))
            return .done(code)
        }
    }

    // MARK: Counting

    private func warn(_ call: borrowing Call, _ process: Int) {
        let count = underWay.withLock { underWay in
            underWay[process, default: 0] += 1
            return underWay[process, default: 0]
        }
        guard settings.transfersWarning > 0, count == settings.transfersWarning + 1 else { return }
        call.log(
            .warning, "\(call.name): more than \(settings.transfersWarning) transfers under way (max_async_transfers)")
    }

    private func finished(_ process: Int) {
        underWay.withLock { $0[process, default: 1] -= 1 }
    }

    /// Seconds that only go forward.
    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
