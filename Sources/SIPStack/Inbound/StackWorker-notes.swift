import Bytes
import Profiling
import Reactor
import SIPMessage
import SIPTransport

extension StackWorker {
    /// Notes what a reply is and which session it goes on with, inside the job that is open: for replies that no route sees.
    /// Only while somebody wants to know; copies ranges, allocates nothing.
    @inline(never)
    func note(
        _ reply: Message, from source: SocketAddress, on socket: ListenSocket, continuing transaction: Transaction
    ) {
        guard probe.wants(StackSites.replyReceived) else { return }
        let records = transaction.records
        let request = configuration.notesTraceParents ? transaction.originalRequest : nil
        probe.annotate(MessageNote.key) { memory in
            var fields = FieldWriter(memory)
            if records.session.isAnnotated {
                fields.put(MessageNote.Field.link.rawValue, value: records.session.rawValue)
            }
            if records.origin.isAnnotated {
                fields.put(MessageNote.Field.origin.rawValue, value: records.origin.rawValue)
            }
            fields.put(MessageNote.Field.peer.rawValue, value: source)
            fields.put(MessageNote.Field.local.rawValue, value: socket.address)
            fields.put(MessageNote.Field.transport.rawValue, socket.transport.viaName)
            MessageNote.put(reply, into: &fields)
            if let request { MessageNote.putTrace(of: request, into: &fields) }
            return fields.count
        }
    }

    /// What the process does from here on is about the call of a message.
    @inline(never)
    func noteSubject(_ message: Message?) {
        (message?.callID ?? .empty).withBytes { bytes in
            probe.subject(UnsafeRawBufferPointer(rebasing: bytes.prefix(MessageNote.fieldBytesMax)))
        }
    }

    /// The same for a request that no route sees.
    @inline(never)
    func note(_ request: InboundRequest) {
        guard probe.wants(StackSites.receiveMessage) else { return }
        let message = request.message
        probe.annotate(MessageNote.key) { memory in
            var fields = FieldWriter(memory)
            fields.put(MessageNote.Field.peer.rawValue, value: request.source)
            fields.put(MessageNote.Field.local.rawValue, value: request.socket.address)
            fields.put(MessageNote.Field.transport.rawValue, request.socket.transport.viaName)
            MessageNote.put(message, into: &fields)
            if configuration.notesTraceParents { MessageNote.putTrace(of: message, into: &fields) }
            return fields.count
        }
    }
}
