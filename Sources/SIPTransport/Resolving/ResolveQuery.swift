package import Bytes

/// What is to be located: the parts of a URI that RFC 3263 asks for.
package struct ResolveQuery: Hashable, Sendable {
    package enum Scheme: UInt8, BitwiseCopyable, Sendable { case sip, sips }

    /// The `maddr` parameter if there is one, else the host; an IPv6 address with or without brackets.
    package var host: ByteString
    package var port: UInt16?
    /// The `transport` parameter, or what the script forces.
    package var transport: Transport?
    package var scheme: Scheme

    package init(host: ByteString, port: UInt16? = nil, transport: Transport? = nil, scheme: Scheme = .sip) {
        self.host = host
        self.port = port
        self.transport = transport
        self.scheme = scheme
    }
}

/// Why a host could not be located.
package enum ResolveError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name does not exist, or has no address (404 is not meant here: RFC 3263 §4.3 gives 503 or the next branch).
    case notFound(String)
    /// No name server answered in time.
    case timeout(String)
    /// A name server refused or failed.
    case serverFailure(String)
    /// It is there, but over transports that this server does not have.
    case noTransport(String)
    /// Not a host name: empty, too long, a label of more than 63 bytes.
    case badName(String)
    /// Too many lookups wait in this process.
    case tooMany(String)

    package var description: String {
        switch self {
        case .notFound(let host): "\(host): no such name, or no address for it"
        case .timeout(let host): "\(host): no name server answered in time"
        case .serverFailure(let host): "\(host): the name servers failed"
        case .noTransport(let host): "\(host): only reachable over transports that this server does not have"
        case .badName(let host): "\(host): not a host name"
        case .tooMany(let host): "\(host): too many lookups wait"
        }
    }
}

/// A lookup that is under way. Confined to the process that asked.
package final class ResolveRequest {
    private var completion: ((Result<[Destination], ResolveError>) -> Void)?

    init(completion: @escaping (Result<[Destination], ResolveError>) -> Void) { self.completion = completion }

    package var isPending: Bool { completion != nil }

    /// The completion is not called any more. Harmless when it was called already.
    package func cancel() { completion = nil }

    func finish(_ result: Result<[Destination], ResolveError>) {
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
