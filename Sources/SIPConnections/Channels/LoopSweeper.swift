import NIOCore

/// Looks at the connections of one NIO loop a few times a second, while there are any. Confined to its loop.
final class LoopSweeper: @unchecked Sendable {
    // @unchecked: made on another thread, used on its loop only.

    private static let periodMilliseconds: Int64 = 200

    private let loop: any EventLoop
    private var handlers: [ObjectIdentifier: ConnectionHandler] = [:]
    private var task: RepeatedTask?

    init(loop: any EventLoop) { self.loop = loop }

    func add(_ handler: ConnectionHandler) {
        handlers[ObjectIdentifier(handler)] = handler
        guard task == nil else { return }
        let period = TimeAmount.milliseconds(Self.periodMilliseconds)
        task = loop.scheduleRepeatedTask(initialDelay: period, delay: period) { [weak self] _ in self?.sweep() }
    }

    func remove(_ handler: ConnectionHandler) {
        handlers[ObjectIdentifier(handler)] = nil
        if handlers.isEmpty {
            task?.cancel()
            task = nil
        }
    }

    private func sweep() {
        let now = Connection.now
        for handler in Array(handlers.values) { handler.check(now) }
    }
}
