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
            let runner = TimerRouteRunner(name: name, route: route.handle, process: process, host: host, watch: watch)
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
    private let process: SIPProcess
    private let host: ScriptHost
    private let watch: TimerWatch
    /// When the run began that has not ended; nil when none goes on.
    private var begun: Int?

    init(name: String, route: RouteHandle, process: SIPProcess, host: ScriptHost, watch: TimerWatch) {
        (self.name, self.route, self.process, self.host, self.watch) = (name, route, process, host, watch)
    }

    func fire() {
        let now = process.process.reactor.nowMilliseconds
        if let begun { return watch.overlapping(name, milliseconds: now - begun) }
        begun = now
        process.script.run(TopRoute(route, as: .timer, on: host.emptyContext())) { [self] _ in begun = nil }
    }
}
