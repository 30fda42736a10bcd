import Profiling

/// The sites of reading from UDP, with the names and lines of the seed's sample.
enum UDPSites {
    static let reading = Site(
        "udp proto reading", file: "handle_io", line: 317, exitName: "reading done", exitLine: 324, interest: .sip)
    /// An ICMP error or a refusal of the kernel, handed to the stack.
    static let failure = Site("udp send failure", file: "handle_io", line: 345, exitLine: 347, interest: .sip)
    static let unblocked = Site("udp send queue", file: "handle_io", line: 351, exitLine: 353, interest: .sip)
}
