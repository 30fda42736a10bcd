import Bytes
import Profiling
import Reactor
import RouteLanguage
import SIPMessage

/// What a run tells of itself when its session begins. Only while somebody listens; copies ranges, allocates nothing.
extension ScriptRun {
    /// The context learns which session handles it; who wants annotations learns what the message is.
    @inline(never)
    func noteSession() {
        // What began before anybody wanted notes is nowhere that could be gone on with.
        let origin = isLinkCause || !link.origin.isAnnotated ? process.records.origin : link.origin
        context.records = SessionLink(session: session, origin: origin.isAnnotated ? origin : session)
        // Sessions of the same run share its origin.
        link = SessionLink(session: link.session, origin: context.records.origin)
        isLinkCause = false
        if probe.wantsAnnotations { noteMessage() }
    }

    /// The session that starts next is about the call of the run's message, or about none; with `ofPass` the process's is
    /// too.
    @inline(never)
    func noteSubject(ofPass: Bool = false) {
        let callID = kind.isAboutMessage ? context.message.callID : .empty
        callID.withBytes { bytes in
            let kept = UnsafeRawBufferPointer(rebasing: bytes.prefix(MessageNote.fieldBytesMax))
            if ofPass { probe.subject(kept) }
            probe.subject(kept, ofNextScript: true)
        }
    }

    private func noteMessage() {
        let hasMessage = kind.isAboutMessage
        let context = context
        probe.annotate(MessageNote.key) { memory in
            var fields = FieldWriter(memory)
            fields.put(MessageNote.Field.origin.rawValue, value: context.records.origin.rawValue)
            guard hasMessage else { return fields.count }
            fields.put(MessageNote.Field.peer.rawValue, value: context.source)
            if let local = context.socketIn?.socketAddress {
                fields.put(MessageNote.Field.local.rawValue, value: local)
                MessageNote.text(.transport, context.sourceTransport, &fields)
            }
            MessageNote.put(context.message, uri: context.requestURI, into: &fields)
            if configuration.notesTraceParents, let request = context.tracedRequest {
                MessageNote.putTrace(of: request, into: &fields)
            }
            return fields.count
        }
        if hasMessage, configuration.notesRawMessages { noteRawMessage() }
    }

    private func noteRawMessage() {
        context.message.wholeText.withBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Probe.annotationBytesMax)
                probe.annotate(MessageNote.rawKey, UnsafeRawBufferPointer(rebasing: piece))
                rest = rest.dropFirst(piece.count)
            }
        }
    }
}

extension MessageContext {
    /// The request that the work is about: of a reply the one that it answers.
    var tracedRequest: Message? { message.isRequest ? message : request?.message }
}

extension RouteKind {
    /// Whether a run of the kind handles a SIP message.
    fileprivate var isAboutMessage: Bool {
        switch self {
        case .request, .failure, .onreply, .branch, .error, .local: true
        case .startup, .timer, .event: false
        }
    }
}
