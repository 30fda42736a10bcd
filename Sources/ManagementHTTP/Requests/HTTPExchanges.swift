import JSONRPC
import Management
import Profiling
import Reactor
import Synchronization

/// Brings requests from the connections to the process that carries them out, and the answers back. Any thread may ask.
///
/// A request is a job of the process: one session, whose record has the command's name and the HTTP status. A command
/// that answers later holds up nobody.
final class HTTPExchanges: Sendable {
    private struct State {
        var waiting: [Int: CheckedContinuation<HTTPAnswer, Never>] = [:]
        var nextID = 0
        var isClosed = false
    }

    private let process: ReactorProcess
    private let rules: HTTPRules
    private let runner: RequestRunner
    private let requestsMax: Int
    private let state = Mutex(State())

    init(_ configuration: HTTPConfiguration, dispatcher: CommandDispatcher, process: ReactorProcess) {
        self.process = process
        rules = HTTPRules(configuration)
        requestsMax = configuration.requestsMax
        runner = RequestRunner(
            dispatcher: dispatcher, process: process, site: HTTPSites.command,
            // An error is an answer, too: 200. What is not answered yet has no status.
            status: { call, code in call.id == nil ? 204 : code == nil ? 0 : 200 },
            rest: RequestRunner.Rest(site: HTTPSites.request) { isSilent in isSilent ? 204 : 200 })
    }

    /// Waits for the answer. Always gives one, at the latest when the process ends.
    func ask(_ question: HTTPQuestion) async -> HTTPAnswer {
        await withCheckedContinuation { continuation in
            let id: Int? = state.withLock { state in
                guard !state.isClosed, state.waiting.count < requestsMax else { return nil }
                state.nextID += 1
                state.waiting[state.nextID] = continuation
                return state.nextID
            }
            guard let id else { return continuation.resume(returning: .busy) }
            if !process.reactor.submit(.silent, as: .own, { [self] in handle(question, id) }) { answer(id, .ending) }
        }
    }

    /// Answers whoever still waits. On the process's thread, at its end.
    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return state.waiting.values.map(\.self)
        }
        for continuation in waiting { continuation.resume(returning: .ending) }
    }

    private func answer(_ id: Int, _ answer: HTTPAnswer) {
        let continuation = state.withLock { $0.waiting.removeValue(forKey: id) }
        continuation?.resume(returning: answer)
    }

    private func handle(_ question: HTTPQuestion, _ id: Int) {
        let probe = process.probe
        probe.begin(process.reactor.processSite)
        defer { probe.end() }
        if let refusal = rules.refusal(of: question) {
            probe.enter(HTTPSites.request)
            answer(id, refusal)
            probe.exit(HTTPSites.request, status: Int32(refusal.status))
            return
        }
        runner.run(question.body) { [self] reply in
            answer(
                id,
                reply.map { HTTPAnswer(status: 200, contentType: "application/json", body: $0.serialized()) }
                    ?? HTTPAnswer(status: 204))
        }
    }
}
