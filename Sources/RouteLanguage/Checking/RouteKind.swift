/// The kinds of top-level routes. Raw values are the `type` of script records on the wire (DESIGN §2.8).
package enum RouteKind: Int, Sendable, CaseIterable, Hashable {
    case request = 1
    case failure = 2
    case onreply = 4
    case branch = 8
    case error = 16
    case local = 32
    case startup = 64
    case timer = 128
    case event = 256

    /// The word that opens such a block.
    package var keyword: String {
        switch self {
        case .request: "route"
        case .failure: "failure_route"
        case .onreply: "onreply_route"
        case .branch: "branch_route"
        case .error: "error_route"
        case .local: "local_route"
        case .startup: "startup_route"
        case .timer: "timer_route"
        case .event: "event_route"
        }
    }
}

/// A set of route kinds: where a function may be used.
package struct RouteKinds: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package init(_ kind: RouteKind) { self.rawValue = kind.rawValue }

    package static let request = RouteKinds(.request)
    package static let failure = RouteKinds(.failure)
    package static let onreply = RouteKinds(.onreply)
    package static let branch = RouteKinds(.branch)
    package static let error = RouteKinds(.error)
    package static let local = RouteKinds(.local)
    package static let startup = RouteKinds(.startup)
    package static let timer = RouteKinds(.timer)
    package static let event = RouteKinds(.event)
    package static let all: RouteKinds = [
        .request, .failure, .onreply, .branch, .error, .local, .startup, .timer, .event,
    ]

    package func contains(_ kind: RouteKind) -> Bool { contains(RouteKinds(kind)) }

    /// `route, failure_route`: for diagnostics.
    package var description: String {
        RouteKind.allCases.filter { contains($0) }.map(\.keyword).joined(separator: ", ")
    }
}
