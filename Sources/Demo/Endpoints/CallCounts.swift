/// What became of the calls so far.
package struct CallCounts: Sendable, Equatable {
    /// Of one kind of call.
    package struct OfKind: Sendable, Equatable {
        package var started = 0
        package var completed = 0
        /// Milliseconds from INVITE to 200, one for each answered call.
        package var setupMilliseconds: [Double] = []
    }

    private var kinds: [CallKind: OfKind] = [:]
    /// Final answers other than 2xx, by code.
    package var refused: [Int: Int] = [:]
    /// No answer at all in time.
    package var lost = 0
    package var retransmissions = 0

    package init() {}

    package subscript(kind: CallKind) -> OfKind {
        get { kinds[kind] ?? OfKind() }
        set { kinds[kind] = newValue }
    }

    package var started: Int { kinds.values.reduce(0) { $0 + $1.started } }
    package var completed: Int { kinds.values.reduce(0) { $0 + $1.completed } }
    package var failed: Int { refused.values.reduce(0, +) + lost }
    package var finished: Int { completed + failed }
}
