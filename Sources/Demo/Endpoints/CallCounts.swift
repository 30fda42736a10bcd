/// What became of the calls so far.
package struct CallCounts: Sendable, Equatable {
    package var started = 0
    package var answered = 0
    package var completed = 0
    /// Final answers other than 2xx, by code.
    package var refused: [Int: Int] = [:]
    /// No answer at all in time.
    package var lost = 0
    package var retransmissions = 0
    /// Milliseconds from INVITE to 200, one for each answered call.
    package var setupMilliseconds: [Double] = []

    package init() {}

    package var failed: Int { refused.values.reduce(0, +) + lost }
    package var finished: Int { completed + failed }
}
