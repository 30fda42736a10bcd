import Profiling

/// The sites of what connections hand to SIP processes, shaped as those of UDP.
enum ConnectionSites {
    static let reading = Site(
        "tcp proto reading", file: "handle_io", line: 317, exitName: "reading done", exitLine: 324, interest: .sip)
    /// A message that did not leave, handed to the stack.
    static let failure = Site("tcp send failure", file: "handle_io", line: 345, exitLine: 347, interest: .sip)
}
