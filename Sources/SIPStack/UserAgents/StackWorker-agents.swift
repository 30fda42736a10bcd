import Bytes
import Reactor
import SIPMessage
import SIPTransaction
package import SIPTransport

extension StackWorker {
    /// Sends the ACK of a 2xx: no transaction, sent once; `sent` gets the bytes, to be sent again whenever the 2xx comes again
    /// (RFC 3261 §13.2.2.4). `local_route` sees it as it sees other requests of the server's own.
    package func acknowledge(_ local: LocalRequest, sent: @escaping ([UInt8], Destination) -> Void) {
        let local = caused(local)
        locate(local.nextHop ?? local.requestURI) { [self] result in
            guard case .success(let destinations) = result, var destination = destinations.first,
                let socket = listener(for: destination, chosen: local.socket),
                let message = try? Message.parse(compose(local, socket), limits: configuration.messageLimits)
            else { return }
            destination.socket = socket
            let branch = makeUnique()
            let finish: (MessageEdits) -> Void = { [self] edits in
                let bytes = makeRequest(
                    message, edits: edits, requestURI: local.requestURI, source: nil, forcesRport: false,
                    onStream: socket.transport.isReliable,
                    via: { writer in
                        Self.writeVia(&writer, socket: socket, host: nil, port: nil, asksForRport: false) {
                            $0.append("z9hG4bKsa")
                            $0.append(hex: branch, digits: 16)
                        }
                    })
                _ = port.send(bytes, destination)
                sent(bytes, destination)
            }
            guard let hook = stack.hooks.localRequest else { return finish(MessageEdits()) }
            // Never in the table: only what the hook wants to know of a transaction.
            let transaction = Transaction(
                key: .none, hash: 0, request: message, isServer: false, source: socket.address,
                replyDestination: destination, isReliable: true, configuration: configuration)
            transaction.userState = local.user
            transaction.records = local.records
            hook(message, transaction, self) { edits in
                // Nobody ends this transaction: what holds it is let go here.
                transaction.user = nil
                if let edits { finish(edits) }
            }
        }
    }

    /// A request of the server's own is given up: an INVITE by CANCEL, as soon as that is allowed.
    package func giveUp(_ transaction: Transaction) { cancelAll(transaction) }

    /// Sends a reply of the server's own again, until `stop` or the end of the wait (`AnswerRepeater`).
    package func repeatAnswer(
        of transaction: Transaction, untilGivenUp givenUp: @escaping @Sendable (StackWorker) -> Void
    ) -> AnswerRepeater {
        let bytes = transaction.lastReplyBytes
        let (settings, status) = transaction.lock.withLock { (transaction.settings, transaction.lastStatus) }
        let repeater = AnswerRepeater(
            bytes: bytes, destination: transaction.replyDestination,
            settings: settings, isFinal: status >= 200, startedAt: now, givenUp: givenUp)
        schedule(repeater, afterMilliseconds: repeater.nextWait)
        return repeater
    }

    /// What scripts see of where a response came from.
    package func origin(of transaction: Transaction) -> Destination {
        transaction.lock.withLock { transaction.branches.last?.destination ?? transaction.replyDestination }
    }

    /// The listener that a request came in by.
    package func listener(of transaction: Transaction) -> ListenSocket? { transaction.replyDestination.socket }

    // MARK: tasks

    /// Runs a task on this process after some time. There is no way to take it back: a task that means nothing any more
    /// does nothing.
    package func schedule(_ task: any WorkerTask, afterMilliseconds milliseconds: Int) {
        let deadline = now + max(0, milliseconds)
        tasks.push(task, deadline: deadline)
        armTimer(at: deadline)
    }
}
