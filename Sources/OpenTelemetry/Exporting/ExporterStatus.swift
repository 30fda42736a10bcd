package import JSONRPC

/// What an operator can ask of the exporter: `opentelemetry:status` and the statistics of group `opentelemetry`.
package struct ExporterStatus: Sendable {
    package let settings: ExporterSettings
    package let submitted: Int
    package let exported: Int
    package let lost: [LossCause: Int]
    package let requests: Int
    package let retries: Int
    package let answersUnreadable: Int
    package let queuedSpans: Int
    package let queuedBytes: Int
    package let cpuNanoseconds: UInt64
    /// Whether spans are being lost at the moment.
    package let isLosing: Bool
    private let state: String
    private let attempt: Int
    private let retryMilliseconds: Int
    private let lastError: ExportLedger.Fault?

    init(
        settings: ExporterSettings, ledger: ExportLedger.Snapshot, isRunning: Bool, queuedSpans: Int,
        queuedBytes: Int, cpuNanoseconds: UInt64, now: UInt64
    ) {
        let counts = ledger.counts
        self.settings = settings
        submitted = counts.submitted
        exported = counts.exported
        lost = counts.lost
        requests = counts.requests
        retries = counts.retries
        answersUnreadable = counts.answersUnreadable
        self.queuedSpans = queuedSpans
        self.queuedBytes = queuedBytes
        self.cpuNanoseconds = cpuNanoseconds
        isLosing = ledger.isLosing
        lastError = ledger.lastError
        switch ledger.phase {
        case .idle: (state, attempt, retryMilliseconds) = (isRunning ? "idle" : "stopped", 0, 0)
        case .sending(let attempt): (state, self.attempt, retryMilliseconds) = ("sending", attempt, 0)
        case .waiting(let attempt, let until):
            (state, self.attempt) = ("waiting to retry", attempt)
            retryMilliseconds = until > now ? Int((until - now) / 1_000_000) : 0
        case .stopped: (state, attempt, retryMilliseconds) = ("stopped", 0, 0)
        }
    }

    package var lostTotal: Int { lost.values.reduce(0, +) }

    /// The answer of `opentelemetry:status`.
    package var json: JSONValue {
        var lostByCause = JSONObject()
        for cause in LossCause.allCases { lostByCause.append(cause.rawValue, .integer(lost[cause, default: 0])) }
        return [
            "endpoint": .string(settings.endpoint.description),
            "protocol": .string(settings.transport.rawValue),
            "compression": .string(settings.compresses ? "gzip" : "none"),
            "state": .string(state),
            "attempt": .integer(attempt),
            "retry_in_ms": .integer(retryMilliseconds),
            "losing": .bool(isLosing),
            "queue": [
                "spans": .integer(queuedSpans), "spans_max": .integer(settings.queueSpansMax),
                "bytes": .integer(queuedBytes), "bytes_max": .integer(ExportLimits.queueBytesMax),
            ],
            "submitted": .integer(submitted),
            "exported": .integer(exported),
            "lost": .object(lostByCause),
            "requests": .integer(requests),
            "retries": .integer(retries),
            "answers_unreadable": .integer(answersUnreadable),
            "last_error": lastError.map { fault in
                ["text": .string(fault.text), "time": .integer(Int(fault.wallNanoseconds / 1_000_000_000))]
            } ?? .null,
        ]
    }

    /// A figure of the statistics group `opentelemetry`.
    package struct Figure: Sendable {
        package let name: String
        /// Only grows.
        package let isCounter: Bool
        package let read: @Sendable (ExporterStatus) -> Int
    }

    /// The statistics, in order.
    package static let figures: [Figure] =
        [
            Figure(name: "spans_submitted", isCounter: true) { $0.submitted },
            Figure(name: "spans_exported", isCounter: true) { $0.exported },
            Figure(name: "spans_lost", isCounter: true) { $0.lostTotal },
        ]
        + LossCause.allCases.map { cause in
            Figure(name: "lost_\(cause.rawValue)", isCounter: true) { $0.lost[cause, default: 0] }
        } + [
            Figure(name: "queue_spans", isCounter: false) { $0.queuedSpans },
            Figure(name: "queue_bytes", isCounter: false) { $0.queuedBytes },
            Figure(name: "requests", isCounter: true) { $0.requests },
            Figure(name: "retries", isCounter: true) { $0.retries },
            Figure(name: "answers_unreadable", isCounter: true) { $0.answersUnreadable },
            Figure(name: "exporter_cpu_ms", isCounter: true) { Int($0.cpuNanoseconds / 1_000_000) },
        ]
}
