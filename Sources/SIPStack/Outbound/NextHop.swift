package import Bytes
package import SIPMessage
package import SIPTransport

/// Why a URI leads nowhere.
package enum NextHopError: Error, Sendable {
    case badURI
    case unresolvable(ResolveError)
}

extension StackWorker {
    /// The question to ask for a URI (RFC 3263 §4.1); nil when it is not one that SIP can be sent to.
    package static func query(for uri: ByteString) -> ResolveQuery? {
        guard let parsed = SIPURI(uri), parsed.scheme != .tel, !parsed.host.isEmpty else { return nil }
        return query(for: parsed)
    }

    package static func query(for uri: SIPURI) -> ResolveQuery {
        ResolveQuery(
            host: (uri.parameters.value("maddr") ?? uri.host).withoutBrackets, port: uri.port,
            transport: uri.transport.flatMap { Transport(name: $0) }, scheme: uri.isSecure ? .sips : .sip)
    }

    /// Where a URI leads. The continuation is called at once for an address literal or a cached name, else later, on this
    /// process.
    package func locate(
        _ uri: ByteString, completion: @escaping (Result<[Destination], NextHopError>) -> Void
    ) {
        guard let query = Self.query(for: uri) else {
            count(counters.badURIs)
            completion(.failure(.badURI))
            return
        }
        locate(query, completion: completion)
    }

    package func locate(
        _ query: ResolveQuery, completion: @escaping (Result<[Destination], NextHopError>) -> Void
    ) {
        if let destination = port.immediate(query) {
            completion(.success([destination]))
            return
        }
        port.resolve(query) { completion($0.mapError { .unresolvable($0) }) }
    }

    /// Where a URI leads when nothing has to be asked: without a closure, for the hot path.
    package func locateNow(_ uri: ByteString) -> Destination? {
        guard let query = Self.query(for: uri) else { return nil }
        return port.immediate(query)
    }

    package func locateNow(_ query: ResolveQuery) -> Destination? { port.immediate(query) }
}
