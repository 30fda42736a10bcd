import Bytes
import Profiling
import Reactor

/// One location of a server under way: drives the locator with answers from hosts file, cache and name servers.
///
/// Kept alive by what it waits for: the questions and its timer. Confined to its process's thread.
final class Lookup {
    private static let timerSite = ReactorSites.timer("dns-lookup")

    private let resolver: Resolver
    private unowned let process: ReactorProcess
    private var locator: ServerLocator
    private let request: ResolveRequest
    private let query: ResolveQuery
    private var timer: Timer?

    init(
        resolver: Resolver, process: ReactorProcess, locator: ServerLocator, request: ResolveRequest,
        query: ResolveQuery
    ) {
        self.resolver = resolver
        self.process = process
        self.locator = locator
        self.request = request
        self.query = query
    }

    func begin() {
        run(locator.start())
        guard request.isPending else { return }
        timer = process.reactor.schedule(
            afterMilliseconds: resolver.options.lookupMillisecondsMax, label: Self.timerSite
        ) { [self] in finish(.failure(.timeout(query.host.string))) }
    }

    private func run(_ first: ServerLocator.Action) {
        var action = first
        while true {
            switch action {
            case .wait: return
            case .done(let destinations): return finish(.success(destinations))
            case .failed(let error): return finish(.failure(error))
            case .ask(let questions): action = ask(questions)
            }
        }
    }

    /// Answers what is known, asks the rest. The action that follows when everything was known, else `.wait`.
    private func ask(_ questions: [DNSQuestion]) -> ServerLocator.Action {
        var missing: [DNSQuestion] = []
        var next = ServerLocator.Action.wait
        for question in questions {
            if let answer = resolver.known(question, on: process) {
                next = locator.received(answer, to: question)
            } else {
                missing.append(question)
            }
        }
        for question in missing {
            let isAsked = resolver.ask(question, on: process) { [self] answer in
                // A request that was cancelled or has timed out needs no more questions.
                guard request.isPending else { return finish(.failure(.timeout(""))) }
                run(locator.received(answer, to: question))
            }
            if !isAsked { return .failed(.tooMany(query.host.string)) }
        }
        return next
    }

    private func finish(_ result: Result<[Destination], ResolveError>) {
        timer?.cancel()
        timer = nil
        request.finish(result)
    }
}
