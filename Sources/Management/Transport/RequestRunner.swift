package import JSONRPC
package import Profiling
package import Reactor
import Synchronization

/// Carries out request texts on the process that read them, each call with its record.
package struct RequestRunner: Sendable {
    /// The site of a call's record. Only asked for names by which a command was found, so that clients can't fill the table.
    package typealias CallSite = @Sendable (_ name: String) -> Site
    /// The status of a call's record; `code` is 0 or that of an error, `nil` when the answer comes later.
    package typealias CallStatus = @Sendable (_ call: PreparedCall, _ code: Int32?) -> Int32

    private let dispatcher: CommandDispatcher
    private let process: ReactorProcess
    private let site: CallSite
    private let status: CallStatus
    private let rest: Rest?

    /// The record of what is no single call of a command, where none around it would tell: a batch, bytes that are no request,
    /// an unknown method.
    package struct Rest: Sendable {
        package var site: Site
        /// The status; `isSilent`: nothing is answered. Without an answer yet it is 0.
        package var status: @Sendable (_ isSilent: Bool) -> Int32

        package init(site: Site, status: @escaping @Sendable (_ isSilent: Bool) -> Int32) {
            self.site = site
            self.status = status
        }
    }

    package init(
        dispatcher: CommandDispatcher, process: ReactorProcess, site: @escaping CallSite,
        status: @escaping CallStatus = { _, code in code ?? 0 }, rest: Rest? = nil
    ) {
        self.dispatcher = dispatcher
        self.process = process
        self.site = site
        self.status = status
        self.rest = rest
    }

    /// Reads and carries out a request, on the process's thread. `deliver` is called once, on that thread, now or later;
    /// `nil`: nothing is to be said.
    package func run(_ request: [UInt8], _ deliver: @escaping @Sendable (RPCAnswer?) -> Void) {
        let preparation = dispatcher.prepare(request)
        if case .ready = preparation { return carryOut(preparation, deliver) }
        guard let rest else { return carryOut(preparation, deliver) }
        let note = StatusNote()
        process.probe.enter(rest.site)
        carryOut(preparation) { answer in
            note.value.store(rest.status(answer == nil), ordering: .relaxed)
            deliver(answer)
        }
        process.probe.exit(rest.site, status: note.value.load(ordering: .relaxed))
    }

    private func carryOut(
        _ preparation: CommandDispatcher.Preparation, _ deliver: @escaping @Sendable (RPCAnswer?) -> Void
    ) {
        preparation.run({ call, done in run(call, done) }, deliver)
    }

    private func run(_ call: PreparedCall, _ done: @escaping @Sendable (RPCReply?) -> Void) {
        let probe = process.probe
        let site = site(call.call.method)
        probe.enter(site)
        let code = ReplySlot.run(call, on: process) { [status] reply, isLate in
            guard isLate else { return done(reply) }
            // The answer of a command that took its time is a job of its own, by the same name.
            process.probe.enter(site)
            done(reply)
            process.probe.exit(site, status: status(call, Self.code(reply)))
        }
        probe.exit(site, status: status(call, code))
    }

    /// The status of an answer that may come before or after the record of its request ends.
    private final class StatusNote: Sendable {
        let value = Atomic<Int32>(0)
    }

    static func code(_ reply: RPCReply?) -> Int32 {
        if case .failure(let error)? = reply?.outcome { return Int32(truncatingIfNeeded: error.code) }
        return 0
    }
}
