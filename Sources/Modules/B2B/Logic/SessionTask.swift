import SIPStack

/// Something that a session does later; nothing when it is over by then.
final class SessionTask: WorkerTask {
    private let session: WeakSession
    private let body: @Sendable (B2BSession, StackWorker) -> Void

    init(_ session: B2BSession, _ body: @escaping @Sendable (B2BSession, StackWorker) -> Void) {
        self.session = WeakSession(session)
        self.body = body
    }

    func run(on worker: StackWorker) { session.session?.act(worker, body) }

    private final class WeakSession: @unchecked Sendable {
        // @unchecked: written once, before anybody else sees it.
        weak let session: B2BSession?
        init(_ session: B2BSession) { self.session = session }
    }
}
