import Profiling

/// Lets a subscriber that comes in the midst of traffic have whole sessions only: of each process, those from the first
/// that it has seen begin. Used on the sender's thread only; a look-up and a comparison for each record.
final class SessionGate {
    /// By process: the first session to be let through.
    private var first = [UInt64](repeating: .max, count: Profiler.processesMax)

    /// Whether a record may pass. Session 0 stands for events that are no records.
    func admits(session: UInt64, isStart: Bool) -> Bool {
        guard session != 0 else { return true }
        let process = SessionToken(rawValue: session).process
        if isStart, first[process] == .max { first[process] = session }
        return session >= first[process]
    }
}
