package import JSONRPC

/// A call that was understood: its command is known and its parameters fit.
package struct PreparedCall: Sendable {
    package let command: Command
    package let call: CommandCall
    /// `nil` for a notification: it is carried out and not answered.
    package let id: JSONValue?

    /// Carries the call out. `deliver` is called once, before this returns or later, on the thread on which the
    /// command answers; with `nil` for a notification.
    package func run(_ deliver: @escaping @Sendable (RPCReply?) -> Void) {
        let id = id
        command.handler(
            call,
            CommandReply { outcome in
                deliver(id.map { RPCReply(outcome: outcome, id: $0) })
            })
    }
}

/// Turns request bytes into calls of the registered commands. Immutable; shared by all management processes.
package final class CommandDispatcher: Sendable {
    package let registry: CommandRegistry
    private let limits: JSONLimits

    package init(registry: CommandRegistry, limits: JSONLimits = .default) {
        self.registry = registry
        self.limits = limits
    }

    package enum Preparation: Sendable {
        case ready(PreparedCall)
        /// Not carried out; `nil` when nothing is to be said, because it was a notification.
        case refused(RPCReply?)
        /// Several, none of which is a batch.
        case batch([Preparation])
    }

    /// Reads a request and finds its command. Never fails, whatever the bytes are.
    package func prepare(_ bytes: [UInt8]) -> Preparation {
        prepare(RPCIncoming.classify(bytes, limits: limits))
    }

    private func prepare(_ incoming: RPCIncoming) -> Preparation {
        switch incoming {
        case .refused(let reply): .refused(reply)
        case .call(let request): prepare(request)
        case .batch(let calls): .batch(calls.map(prepare))
        }
    }

    package func prepare(_ request: RPCRequest) -> Preparation {
        do throws(RPCError) {
            let command = try registry.find(request.method)
            let values = try CommandCall.match(request.parameters, recipes: command.recipes)
            let call = CommandCall(method: request.method, values: values, registry: registry)
            return .ready(PreparedCall(command: command, call: call, id: request.id))
        } catch {
            return .refused(request.id.map { RPCReply(error: error, id: $0) })
        }
    }

    /// Reads and carries out a request. `deliver` is called once, when every call has its answer; `nil`: say nothing.
    package func dispatch(_ bytes: [UInt8], _ deliver: @escaping @Sendable (RPCAnswer?) -> Void) {
        prepare(bytes).run({ call, done in call.run(done) }, deliver)
    }
}
