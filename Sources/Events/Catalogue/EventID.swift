/// A published event: its place in the catalogue, as `evi:list` shows it.
package struct EventID: BitwiseCopyable, Hashable, Sendable {
    package let index: Int

    package init(index: Int) { self.index = index }
}

/// The names of the events that SIPRay itself publishes, with the peer's names, in the peer's order.
package enum EventNames {
    package static let threshold = "E_CORE_THRESHOLD"
    package static let profilingScript = "E_PROFILING_SCRIPT"
    package static let profilingProcess = "E_PROFILING_PROC"

    /// Published by every server.
    package static let core = [threshold, profilingScript, profilingProcess]
    /// Published when the script loads `usrloc`.
    package static let location = [
        "E_UL_AOR_INSERT", "E_UL_AOR_DELETE", "E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE", "E_UL_CONTACT_DELETE",
        "E_UL_CONTACT_REFRESH", "E_UL_LATENCY_UPDATE",
    ]
    /// Published when the script loads `dialog`.
    package static let dialog = ["E_DLG_STATE_CHANGED"]
    /// Published when the script loads `acc`.
    package static let accounting = ["E_ACC_CDR", "E_ACC_EVENT", "E_ACC_MISSED_EVENT"]
    /// Published when the script loads `b2b_entities`.
    package static let backToBack = ["E_UA_SESSION"]
}
