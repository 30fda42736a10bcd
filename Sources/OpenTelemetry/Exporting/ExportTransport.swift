/// Carries one request to the collector.
package protocol ExportTransport: Sendable {
    /// Sends and waits for what comes of it. Returns soon when its task is cancelled, and in any case when the time is over.
    func send(_ request: [UInt8], nanoseconds: UInt64) async -> ExportOutcome
    /// Lets go of all connections. Once, after the last `send`.
    func close() async
}

/// What came of one request.
package enum ExportOutcome: Sendable, Hashable {
    /// Taken; the answer may name spans that were not.
    case taken(TraceAnswer)
    /// Taken, by the status; the answer itself can't be read.
    case takenUnreadable(String)
    /// Not taken, and not to be sent again.
    case refused(LossCause, String)
    /// Not taken, or nobody knows; may be sent again. `LossCause` is what it counts as when it is given up after this.
    case failed(LossCause, String, RetryDelay? = nil)
}
