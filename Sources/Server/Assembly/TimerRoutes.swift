import Events
import Logging
import Modules
import Reactor
import RouteLanguage
import RouteRuntime

/// `timer_route[NAME, SECONDS]`: runs on a timer process, first after one interval.
enum TimerRoutes {
    /// Spreads the routes over the timer processes, as `next` gives them.
    static func connect(
        _ engine: ScriptEngine, _ host: ScriptHost, _ watch: TimerWatch, next: () -> SIPProcess
    ) {
        for route in engine.routes(.timer) {
            let process = next()
            let milliseconds = max(1, route.intervalSeconds ?? 1) * 1000
            let name = "timer_route \(route.name ?? "")"
            let runner = TimerRouteRunner(
                name: name, route: route.handle, milliseconds: milliseconds, process: process, host: host, watch: watch)
            let timer = process.process.reactor.every(
                milliseconds: milliseconds, label: ReactorSites.timer(name)
            ) { runner.fire() }
            process.process.reactor.atStop { timer.invalidate() }
        }
    }
}

/// One timer route on its process.
private final class TimerRouteRunner {
    private let name: String
    private let route: RouteHandle
    private let milliseconds: Int
    private let process: SIPProcess
    private let host: ScriptHost
    private let watch: TimerWatch
    /// When the run began that has not ended; nil when none goes on.
    private var begun: Int?
    /// When it is to run next.
    private var due: Int

    init(
        name: String, route: RouteHandle, milliseconds: Int, process: SIPProcess, host: ScriptHost, watch: TimerWatch
    ) {
        (self.name, self.route, self.milliseconds) = (name, route, milliseconds)
        (self.process, self.host, self.watch) = (process, host, watch)
        due = process.process.reactor.nowMilliseconds + milliseconds
    }

    func fire() {
        let now = process.process.reactor.nowMilliseconds
        let late = now - due
        // Turns that were missed are left out.
        due += milliseconds * (1 + max(0, late) / milliseconds)
        if late > TimerWatch.lateMillisecondsLimit { watch.late(name, milliseconds: late) }
        if let begun { return watch.overlapping(name, milliseconds: now - begun) }
        begun = now
        process.script.run(TopRoute(route, as: .timer, on: host.emptyContext())) { [self] _ in begun = nil }
    }
}

/// Counts and tells of periodic work that runs late, or that would overlap itself. Any thread.
final class TimerWatch: Sendable {
    /// Lateness beyond which a run counts as late.
    static let lateMillisecondsLimit = 200

    private let statistics: Statistics
    private let lateRuns: Counter
    private let skippedRuns: Counter
    private let logger: Logger
    private let events: EventInterface

    init(_ statistics: Statistics, _ logger: Logger, _ events: EventInterface) {
        (self.statistics, self.logger, self.events) = (statistics, logger, events)
        lateRuns = statistics.counter(group: "timer", name: "late_runs")
        skippedRuns = statistics.counter(group: "timer", name: "skipped_runs")
    }

    /// A run begins that long after it was due.
    func late(_ name: String, milliseconds: Int) {
        statistics.shared.add(lateRuns)
        logger.warning("timer task <\(name)> runs \(milliseconds) ms late")
        events.raiseThreshold(source: "timer", microseconds: milliseconds * 1000, extra: name)
    }

    /// A run is left out: the one before, begun that long ago, still goes on.
    func overlapping(_ name: String, milliseconds: Int) {
        statistics.shared.add(skippedRuns)
        logger.warning("timer task <\(name)> already scheduled \(milliseconds) ms ago, it may overlap: left out")
        events.raiseThreshold(source: "timer", microseconds: milliseconds * 1000, extra: name)
    }
}
