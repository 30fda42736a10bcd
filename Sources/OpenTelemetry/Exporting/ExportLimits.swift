/// What the exporter allows itself. Sizes and times that an operator sets are in ``ExporterSettings``.
package enum ExportLimits {
    /// A request, before compression (OTLP: receivers refuse more than 64 MiB by default). A batch past it is sent in halves; a
    /// single span past it is lost as `too_big`.
    package static let requestBytesMax = 64 << 20
    /// An answer, also after decompression.
    package static let answerBytesMax = 4 << 20
    /// What waits in the queue, by ``Span/footprintBytes``.
    package static let queueBytesMax = 64 << 20
    /// What of a collector's or a library's message is kept for `last_error`.
    package static let messageCharactersMax = 300
    /// The longest wait that a collector can ask for with `Retry-After` or `RetryInfo`; less where batches are to take less
    /// than half of it.
    package static let retryAfterSecondsMax = 60
    /// How long the end of the server waits for what is queued; what is left then is lost as `shutdown`.
    package static let flushMillisecondsMax = 1500
    /// How long after that the exporter may take to let go of its connections.
    package static let closeMillisecondsMax = 500
    /// A loss is over when spans have been delivered and none was lost for this long.
    package static let lossQuietMilliseconds = 2000
    /// Bytes of all request headers of the settings together.
    package static let headerBytesMax = 16 << 10
    /// The largest values that the environment may set.
    package static let millisecondsMax = 600_000
    package static let queueSpansMax = 1 << 20
}
