/// What became of session trees, since the start.
package struct TracingFigures: Sendable, Hashable {
    /// Trees and spans handed to the exporter.
    package var treesKept: UInt64 = 0
    package var spansMade: UInt64 = 0
    /// Trees that head sampling left out (`OTEL_TRACES_SAMPLER`, or a caller that does not sample).
    package var treesNotSampled: UInt64 = 0
    /// Trees that no tail rule kept.
    package var treesNotKept: UInt64 = 0
    /// Trees that say that something of them is missing.
    package var treesTruncated: UInt64 = 0
    /// Sessions and jobs left out of a tree that was too large.
    package var stepsDropped: UInt64 = 0
    /// Sessions left out because too many were open.
    package var sessionsRefused: UInt64 = 0
    /// Profiling records that rings or the consumer's queue lost.
    package var recordsLost: UInt64 = 0

    package init() {}

    /// One of them by the name that statistics and `opentelemetry:status` give it.
    package struct Figure: Sendable {
        package let name: String
        package let read: @Sendable (TracingFigures) -> Int
    }

    package static let all: [Figure] = [
        Figure(name: "trees_kept") { Int(clamping: $0.treesKept) },
        Figure(name: "trees_not_sampled") { Int(clamping: $0.treesNotSampled) },
        Figure(name: "trees_not_kept") { Int(clamping: $0.treesNotKept) },
        Figure(name: "trees_truncated") { Int(clamping: $0.treesTruncated) },
        Figure(name: "spans_made") { Int(clamping: $0.spansMade) },
        Figure(name: "steps_dropped") { Int(clamping: $0.stepsDropped) },
        Figure(name: "sessions_refused") { Int(clamping: $0.sessionsRefused) },
        Figure(name: "records_lost") { Int(clamping: $0.recordsLost) },
    ]
}
