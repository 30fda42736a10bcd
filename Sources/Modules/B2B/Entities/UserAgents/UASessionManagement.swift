package import Bytes
import SIPMessage
import SIPStack
import SIPTransport

/// What management commands do with user agent sessions: `ua_session_*`.
///
/// Any thread may call. Completions come on a SIP process.
package struct UASessionManagement: Sendable {
    let sessions: UASessions

    /// What can be wrong with a call that is to be made.
    package enum StartError: Error { case badURI(String), badFlags, noSocket, busy }

    /// Calls somebody. `to` and `from` are `[name,]uri`. The completion gets the session's key, nil when there are too many.
    package func start(
        requestURI: ByteString, to: ByteString, from: ByteString, proxy: ByteString?, content: UAContent,
        flags: ByteString, socket: ByteString?, completion: @escaping @Sendable (ByteString?) -> Void
    ) throws(StartError) {
        guard SIPURI(requestURI) != nil else { throw .badURI("ruri") }
        guard let to = Self.address(to) else { throw .badURI("to") }
        guard let from = Self.address(from) else { throw .badURI("from") }
        guard proxy.map({ SIPURI($0) != nil }) ?? true else { throw .badURI("proxy") }
        guard let flags = UASessionFlags(flags) else { throw .badFlags }
        var order = UACallOrder(
            requestURI: requestURI, from: from, to: to, proxy: proxy, content: content, flags: flags)
        if let socket {
            let found = sessions.entities.host.sockets.first {
                ByteString($0.description) == socket || $0.tag.map { ByteString($0) } == socket
            }
            guard let found else { throw .noSocket }
            order.socket = found
        }
        let ready = order
        let isTaken = sessions.onProcess { [sessions] worker in completion(sessions.call(ready, worker)) }
        guard isTaken else { throw .busy }
    }

    /// `name,uri` or `uri` as an address value.
    private static func address(_ text: ByteString) -> ByteString? {
        if SIPURI(text) != nil { return text.bracketed }
        guard let comma = text.first(of: ASCII.comma) else { return nil }
        let uri = text.dropFirst(comma + 1).trimmed()
        guard SIPURI(uri) != nil else { return nil }
        let name = text.prefix(comma).trimmed()
        return name.isEmpty ? uri.bracketed : uri.bracketed.named(name)
    }

    package func update(
        _ key: ByteString, method: ByteString, _ content: UAContent,
        completion: @escaping @Sendable (UAOrderError?) -> Void
    ) {
        act(
            key,
            { session, entity, worker throws(UAOrderError) in
                try session.send(method, content, entity, worker)
            }, completion)
    }

    package func reply(
        _ key: ByteString, method: ByteString, code: Int, reason: ByteString, _ content: UAContent,
        completion: @escaping @Sendable (UAOrderError?) -> Void
    ) {
        act(
            key,
            { session, entity, worker throws(UAOrderError) in
                try session.reply(method, code, reason, content, entity, worker)
            }, completion)
    }

    package func terminate(
        _ key: ByteString, lines: ByteString, completion: @escaping @Sendable (UAOrderError?) -> Void
    ) {
        act(
            key, { session, entity, worker throws(UAOrderError) in session.terminate(lines, entity, worker) },
            completion)
    }

    private func act(
        _ key: ByteString, _ body: @escaping @Sendable (UASession, B2BEntity, StackWorker) throws(UAOrderError) -> Void,
        _ completion: @escaping @Sendable (UAOrderError?) -> Void
    ) {
        let isTaken = sessions.onProcess { [sessions] worker in
            sessions.act(key, worker, body, completion: completion)
        }
        if !isTaken { completion(.busy) }
    }

    /// A session as management shows it.
    package struct Shown: Sendable {
        package let entity: B2BManagement.Entity
        /// Seconds that are left.
        package let lifetime: Int
    }

    /// All sessions, or the one with a key; nil: there is none of that key.
    package func list(_ key: ByteString?) -> [Shown]? {
        let found = sessions.list(key)
        if key != nil, found.isEmpty { return nil }
        let now = sessions.now()
        return found.map { entity in
            Shown(
                entity: B2BManagement.show(entity.view),
                lifetime: max(0, ((entity.owner as? UASession)?.endsAt ?? now) - now))
        }
    }
}
