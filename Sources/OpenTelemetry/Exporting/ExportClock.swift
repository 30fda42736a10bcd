import CPlatform

/// The times that the exporter goes by; tests have one that stands still.
package protocol ExportClock: Sendable {
    /// Never set back; all waits and deadlines go by it.
    func monotonicNanoseconds() -> UInt64
    /// Since 1970; may step. For dates that collectors name, and for showing.
    func wallNanoseconds() -> UInt64
    /// - Throws: `CancellationError`.
    func sleep(nanoseconds: UInt64) async throws
}

package struct SystemExportClock: ExportClock {
    package init() {}
    package func monotonicNanoseconds() -> UInt64 { cplatform_monotonic_nanoseconds() }
    package func wallNanoseconds() -> UInt64 { cplatform_wall_nanoseconds() }
    package func sleep(nanoseconds: UInt64) async throws { try await Task.sleep(nanoseconds: nanoseconds) }
}
