import CPlatform

/// Which probe speaks for the thread that calls, for code that hands work to another process and does not know on which it
/// runs itself.
extension Probe {
    /// Runs `body` as the work of this probe's process: ``sessionOfThread`` is its session meanwhile. May nest.
    package func whileOnThisThread<Result>(_ body: () -> Result) -> Result {
        let outer = cplatform_thread_object()
        cplatform_thread_set_object(Unmanaged.passUnretained(self).toOpaque())
        defer { cplatform_thread_set_object(outer) }
        return body()
    }

    /// The session that is open on the calling thread's process; `none` on a thread that is no process's, or when nobody
    /// listens. Costs a call and two loads.
    package static var sessionOfThread: SessionToken {
        guard let object = cplatform_thread_object() else { return .none }
        // Set by `whileOnThisThread` only, which holds the probe.
        return Unmanaged<Probe>.fromOpaque(object)._withUnsafeGuaranteedRef { $0.openSession }
    }
}
