import Synchronization

/// The lines of one output. Those that it does not take at once are lost; their number is told before the next one.
/// Any thread.
final class LogLines: Sendable {
    private struct State {
        /// Since they were told last.
        var lost = 0
        /// The last line was taken in part, so that the next begins in the midst of it.
        var isCut = false
    }

    private let state = Mutex(State())
    private let total = Atomic<Int>(0)
    /// Takes bytes without waiting; the number of those taken.
    private let take: @Sendable ([UInt8]) -> Int

    init(_ take: @escaping @Sendable ([UInt8]) -> Int) {
        self.take = take
    }

    /// Lines lost since the start.
    var lostCount: Int { total.load(ordering: .relaxed) }

    /// Writes a line, with its end. `notice` makes the line that tells how many were lost before it.
    func write(_ line: [UInt8], notice: (Int) -> [UInt8]) {
        // One line after another: what is said of them would be wrong otherwise, and a long line would mix with others.
        state.withLock { state in
            if state.lost > 0, put(notice(state.lost), &state) { state.lost = 0 }
            guard state.lost > 0 || !put(line, &state) else { return }
            state.lost += 1
            total.wrappingAdd(1, ordering: .relaxed)
        }
    }

    private func put(_ line: [UInt8], _ state: inout State) -> Bool {
        let bytes = state.isCut ? [UInt8(ascii: "\n")] + line : line
        let count = take(bytes)
        if count > 0 { state.isCut = count < bytes.count }
        return count == bytes.count
    }
}
