import Profiling

/// The places of level 2 records, with the peer's names and lines.
enum ManagementSites {
    static let fifoReading = Site(
        "MI_FIFO reading", file: "mi_fifo_callback", line: 675, exitName: "MI_FIFO", exitLine: 817, interest: .extra)
    static let datagramHandling = Site(
        "MI_DATAGRAM handling", file: "mi_datagram_callback", line: 503, exitName: "MI_DATAGRAM", exitLine: 596,
        interest: .extra)

    /// Only for names that a command was found by, so that clients can't fill the table.
    static func fifoCommand(_ name: String) -> Site {
        Site("MI_FIFO \(name)", file: "mi_fifo_callback", line: 779, exitLine: 782, interest: .extra)
    }

    static func datagramCommand(_ name: String) -> Site {
        Site("MI_DATAGRAM \(name)", file: "mi_datagram_callback", line: 529, exitLine: 532, interest: .extra)
    }
}
