import Profiling
import Reactor
import RouteRuntime

/// One `sleep()` or `usleep()`: a timer of the script's process, which goes on with other work.
final class ScriptSleep {
    private var timer: Timer?
    private static let site = Site("sleep", file: "ScriptSleep", interest: .timers)

    private init() {}

    static func start(_ call: borrowing Call, milliseconds: Int) -> Outcome {
        let sleep = ScriptSleep()
        let resumption = call.wait { sleep.timer?.cancel() }
        sleep.timer = call.process.process.reactor.schedule(afterMilliseconds: milliseconds, label: site) {
            resumption.resume(.yes)
        }
        return .suspended
    }
}
