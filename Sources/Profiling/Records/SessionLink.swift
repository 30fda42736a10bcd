/// What a session has to do with an earlier one, for who goes on with its work later or elsewhere. Two words; kept by
/// whoever carries the work on (a transaction, a suspended run).
public struct SessionLink: BitwiseCopyable, Hashable, Sendable {
    /// The session to be named as the one before.
    public var session: SessionToken
    /// The first session of the same work; `session` itself where that was the first.
    public var origin: SessionToken

    /// Nobody was interested when the work began.
    public static let none = SessionLink(session: .none, origin: .none)

    /// A link to `session`, which began the work or goes on with what `origin` began.
    public init(session: SessionToken, origin: SessionToken) {
        self.session = session
        self.origin = origin
    }
}
