/// The kinds of top routes by the `type` of their records (docs/events.md).
enum RouteTypes {
    static func name(_ type: Int) -> String {
        switch type {
        case 1: "request"
        case 2: "failure"
        case 4: "onreply"
        case 8: "branch"
        case 16: "error"
        case 32: "local"
        case 64: "startup"
        case 128: "timer"
        case 256: "event"
        default: "route"
        }
    }

    /// A request that is made here.
    static let local = 32
}
