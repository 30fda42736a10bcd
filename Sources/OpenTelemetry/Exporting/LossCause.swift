/// Why a span did not reach the collector; raw values are the names in status and statistics.
package enum LossCause: String, Sendable, Hashable, CaseIterable {
    /// The queue had no room, in spans or in bytes.
    case queueFull = "queue_full"
    /// The collector said that it won't take the request, ever.
    case rejected
    /// The collector took the request but not these spans (OTLP, "Partial Success").
    case partiallyRejected = "partially_rejected"
    /// No answer in time, until the batch was given up.
    case timeout
    /// No connection, or one that broke before the answer, until the batch was given up.
    case unreachable
    /// No connection that can be trusted, until the batch was given up.
    case tls
    /// The collector said that it can't now, until the batch was given up.
    case retryExhausted = "retry_exhausted"
    /// A single span larger than a request may be.
    case tooBig = "too_big"
    /// An answer larger than an answer may be, so that nobody knows what became of the request.
    case answerTooBig = "answer_too_big"
    /// An answer that had begun and can't be read, before it was known whether the request was taken.
    case answerBroken = "answer_broken"
    /// What had to be left when the server ended.
    case shutdown
}
