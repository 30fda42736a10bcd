package import Profiling

/// The places of the SIP stack that level 1 records name, with the names, functions and lines of the seed's sample.
enum StackSites {
    static let receiveMessage = Site("receive_msg", file: "receive_msg", line: 120, exitLine: 316)
    static let requestPreScript = Site("request_pre_script", file: "receive_msg", line: 223, exitLine: 225)
    static let requestScript = Site("request_script", file: "receive_msg", line: 235, exitLine: 237)
    static let replyForward = Site("reply_forward", file: "receive_msg", line: 291, exitLine: 293)
    static let replyReceived = Site("TM_reply_received", file: "reply_received", line: 1663, exitLine: 1822)
}

extension Site {
    /// Label of the stack's timer job on each process: one for all transaction timers.
    package static let transactionTimer = Site("tm-timer", file: "timer_routine", line: 1, interest: .timers)
}
