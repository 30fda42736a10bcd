package import Profiling

/// The sites of the reactor itself, with the names and lines of the seed's sample.
package enum ReactorSites {
    /// A batch of due timers: held, so that a tick in which no timer speaks leaves nothing.
    package static let timerJob = Site("timer_job", file: "handle_io", line: 333, exitLine: 335, interest: .timers)
    /// A job that another process or the process itself submitted.
    package static let ipcJob = Site("ipc_job", file: "handle_io", line: 327, exitLine: 329, interest: .sip)

    /// A timer job by name, as `Reactor.schedule` wants it (level 3).
    package static func timer(_ name: String) -> Site {
        Site(name, file: "handle_timer_job", line: 1012, exitLine: 1041, interest: .timers)
    }

    /// A job by name, as `Reactor.submit` wants it; level 1 unless it belongs to an extra process.
    package static func job(_ name: String, interest: Interest = .sip) -> Site {
        Site(name, file: "ipc_handle_job", line: 0, interest: interest)
    }
}
