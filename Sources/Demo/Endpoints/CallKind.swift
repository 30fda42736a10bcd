/// What a called number makes the server do.
package enum CallKind: CaseIterable, Sendable {
    /// Looked up and relayed.
    case plain
    /// Busy: the failure route tries the mailbox.
    case busy
    /// Answered and called anew by the server itself (`b2b_logic`).
    case trunk
    /// Moved: the script asks the directory over HTTP first.
    case ported

    /// By the last digit, so that a short demo has every kind.
    static func of(_ number: Int) -> CallKind {
        switch number % 10 {
        case 0: .busy
        case 3: .trunk
        case 7: .ported
        default: .plain
        }
    }

    /// The name that is dialled.
    func dialled(_ number: Int) -> String {
        switch self {
        case .plain: "user\(number)"
        case .busy: "busy\(number)"
        case .trunk: "trunk\(number)"
        case .ported: "ported\(number)"
        }
    }

    /// The name under which its telephone registers.
    func registered(_ number: Int) -> String { self == .ported ? "moved\(number)" : dialled(number) }
}
