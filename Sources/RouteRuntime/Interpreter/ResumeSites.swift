import Profiling

/// The sites of a script's resume, with the names and lines of a real server's records (`reference/captures`).
enum ResumeSites {
    /// A script goes on after `async()`, or after any call that made it wait.
    static let script = Site("async_script", file: "handle_io", line: 338, exitLine: 341, interest: .sip)
    /// What `launch()` started is done.
    static let launch = Site("async_launch", file: "handle_io", interest: .sip)

    /// `usleep -> resume_route`: the function and the route that goes on.
    static func handler(_ function: String, _ route: String) -> Site {
        Site(
            "\(function) -> \(route)", file: "t_resume_async", line: 412, exitName: "async-cfg resume handler",
            exitLine: 424, interest: .sip)
    }

    /// `resume usleep`: the function after which the script goes on where it was.
    static func statement(_ function: String) -> Site {
        Site("resume \(function)", file: "resume", interest: .sip)
    }
}
