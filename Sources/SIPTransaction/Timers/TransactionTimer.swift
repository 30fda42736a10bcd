/// The timers of RFC 3261 §17 and RFC 6026 by their letter, with two that every proxy needs beside them.
package enum TransactionTimer: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// INVITE client: retransmission of the request.
    case a
    /// INVITE client: no response at all (`fr_timeout`).
    case b
    /// INVITE client of a proxy: no final response after a provisional one (`fr_inv_timeout`, RFC 3261 §16.6 item 11).
    case c
    /// INVITE client: absorbing repeated non-2xx final responses.
    case d
    /// Non-INVITE client: retransmission of the request.
    case e
    /// Non-INVITE client: no final response (`fr_timeout`).
    case f
    /// INVITE server: retransmission of a non-2xx final response.
    case g
    /// INVITE server: no ACK for a non-2xx final response.
    case h
    /// INVITE server: absorbing repeated ACKs.
    case i
    /// Non-INVITE server: absorbing repeated requests.
    case j
    /// Non-INVITE client: absorbing repeated final responses.
    case k
    /// INVITE server after a 2xx: absorbing repeated INVITEs (RFC 6026).
    case l
    /// INVITE client after a 2xx: passing on repeated and forked 2xx responses (RFC 6026).
    case m
    /// INVITE server: a 100 Trying is due, because nothing was sent for 200 ms (RFC 3261 §17.2.1).
    case trying
    /// INVITE client: CANCEL was sent and no final response follows (64·T1, RFC 3261 §9.1).
    case cancelWait
}

/// What a step does to one of the two timers that a machine has.
package enum TimerChange: Sendable, Hashable, BitwiseCopyable {
    case keep
    case stop
    /// Replaces what was running; the duration is in milliseconds.
    case start(TransactionTimer, UInt32)
}

/// Durations of the transaction timers in milliseconds. The defaults are those of RFC 3261 table 4 and RFC 6026;
/// the tm module sets its own (`fr_timeout`, `fr_inv_timeout`, `wt_timer`, `T1_timer`, `T2_timer`).
package struct TransactionSettings: Sendable, BitwiseCopyable {
    package var t1: UInt32 = 500
    package var t2: UInt32 = 4_000
    package var t4: UInt32 = 5_000
    /// Timers B, F and H.
    package var finalResponse: UInt32 = 32_000
    /// Timer C: RFC 3261 asks for more than three minutes; the tm module's default is 120 s.
    package var finalInviteResponse: UInt32 = 181_000
    /// Timer D, for unreliable transports.
    package var clientInviteWait: UInt32 = 32_000
    /// Timer J, for unreliable transports.
    package var serverWait: UInt32 = 32_000
    /// Timers I and K, for unreliable transports.
    package var shortWait: UInt32 = 5_000
    /// Timers L and M.
    package var acceptedWait: UInt32 = 32_000
    /// How long the server may stay silent before it says 100 Trying.
    package var trying: UInt32 = 200
    /// Timer C starts anew with every provisional response (`restart_fr_on_each_reply`).
    package var restartsOnEachReply = true

    package init() {}

    /// Timers L and M by the letter of RFC 6026 (64·T1), where a 2xx that comes late is lost on everybody else.
    package mutating func keepAccepted() { acceptedWait = max(acceptedWait, t1 &* 64) }

    /// All waits after the final response (D, I, J, K, L, M) set to one value, as `wt_timer` does.
    package mutating func setWait(_ milliseconds: UInt32) {
        clientInviteWait = milliseconds
        serverWait = milliseconds
        shortWait = milliseconds
        acceptedWait = milliseconds
    }
}
