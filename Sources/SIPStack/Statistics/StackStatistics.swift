package import Reactor

/// The figures of the stack, by the names that monitors of the peer expect: groups `core`, `tm` and `sl`.
package struct StackStatistics: Sendable {
    // core
    package let requestsReceived, repliesReceived: Counter
    package let requestsForwarded, repliesForwarded: Counter
    package let requestsDropped, repliesDropped: Counter
    package let requestsFailed, repliesFailed: Counter
    package let badURIs, unsupportedMethods, badHeaders: Counter
    // tm
    package let tmReplies, tmRelayedReplies, tmLocalReplies: Counter
    package let serverTransactions, clientTransactions: Counter
    /// Indexed by the class of the final response, 2…6.
    package let completed: [Counter]
    /// Indexed by how often the request went out before: 500 ms, 1 s, 2 s, 4 s and later.
    package let requestRetransmissions: [Counter]
    package let replyRetransmissions: Counter
    package let timeoutsNoReply, timeoutsNoFinal: Counter
    // sl
    package let statelessReplies: [Counter]
    package let statelessSent, statelessErrors, statelessFailures, statelessAcks: Counter

    package init(_ statistics: Statistics) {
        func core(_ name: String) -> Counter { statistics.counter(group: "core", name: name) }
        func tm(_ name: String) -> Counter { statistics.counter(group: "tm", name: name) }
        func sl(_ name: String) -> Counter { statistics.counter(group: "sl", name: name) }
        requestsReceived = core("rcv_requests")
        repliesReceived = core("rcv_replies")
        requestsForwarded = core("fwd_requests")
        repliesForwarded = core("fwd_replies")
        requestsDropped = core("drop_requests")
        repliesDropped = core("drop_replies")
        requestsFailed = core("err_requests")
        repliesFailed = core("err_replies")
        badURIs = core("bad_URIs_rcvd")
        unsupportedMethods = core("unsupported_methods")
        badHeaders = core("bad_msg_hdr")
        tmReplies = tm("received_replies")
        tmRelayedReplies = tm("relayed_replies")
        tmLocalReplies = tm("local_replies")
        serverTransactions = tm("UAS_transactions")
        clientTransactions = tm("UAC_transactions")
        completed = (2...6).map { tm("\($0)xx_transactions") }
        requestRetransmissions = ["T1_1", "T1_2", "T1_3", "T2"].map { tm("retransmission_req_\($0)") }
        replyRetransmissions = tm("retransmission_rpl_T2")
        timeoutsNoReply = tm("timeout_finalresponse")
        timeoutsNoFinal = tm("timeout_finalresponse_inv")
        statelessReplies = (1...6).map { sl("\($0)xx_replies") }
        statelessSent = sl("sent_replies")
        statelessErrors = sl("sent_err_replies")
        statelessFailures = sl("failures")
        statelessAcks = sl("received_ACKs")
    }
}
