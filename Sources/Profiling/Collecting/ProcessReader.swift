import Synchronization

/// The reading end of one process's ring, with what the reader knows of its sessions. Used under the profiler's
/// collection lock only, but for the two counters.
final class ProcessReader: @unchecked Sendable {
    // @unchecked: the collection lock guards everything that is not atomic.
    private let probe: Probe
    private var decoder: SessionDecoder
    private var position: UInt64
    private var raw: [RawRecord] = []

    /// Records overwritten before they were read.
    let overrun = Atomic<UInt64>(0)
    /// Records read whose session's beginning was lost.
    let orphaned = Atomic<UInt64>(0)
    /// Orphans of sessions that began before this reader did are not a loss: only those after an overrun are.
    private var hasOverrun = false

    /// How many records are read at a time.
    static let batchRecords = 1024

    init(probe: Probe, type: Int, sites: SiteTable) {
        self.probe = probe
        decoder = SessionDecoder(process: probe.process, type: type, table: sites)
        position = probe.ring.head
        raw.reserveCapacity(ProcessReader.batchRecords)
    }

    /// Whether a session is open as far as it has read.
    var isOpen: Bool { decoder.isOpen }

    /// Begins anew with what comes from now on.
    func skipToPresent() {
        position = probe.ring.head
        decoder.forget()
        hasOverrun = false
    }

    /// Reads and decodes the next batch into `out`; adds what is lost to `lost`. Says how many records it read.
    func read(
        calibration: Calibration, generation: UInt64, into out: inout [Delivery], lost: inout ConsumerLosses
    ) -> Int {
        let first = probe.ring.read(from: position, limit: ProcessReader.batchRecords, into: &raw)
        if first > position {
            let missing = first - position
            lost.overrun += missing
            overrun.wrappingAdd(missing, ordering: .relaxed)
            hasOverrun = true
            decoder.cut(into: &out)
        }
        position = first
        let orphanedBefore = decoder.orphaned
        for record in raw {
            decoder.decode(
                record, position: position, calibration: calibration, generation: generation,
                bytes: probe.annotations, into: &out)
            position += 1
        }
        let orphans = decoder.orphaned - orphanedBefore
        if hasOverrun, orphans > 0 {
            lost.orphaned += orphans
            orphaned.wrappingAdd(orphans, ordering: .relaxed)
        }
        return raw.count
    }

    /// Closes what is open, once the process has ended.
    func cut(into out: inout [Delivery]) { decoder.cut(into: &out) }
}
