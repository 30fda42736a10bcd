import Profiling

/// The trace that a session's work belongs to, and how it hangs on what was before.
struct TraceClaim {
    var trace: TraceID
    /// `tracestate`, where the trace is that of a request that came with one.
    var state = ""
    var parent = SpanID.none
    var isParentRemote = false
    var isParentSampled: Bool?
    var links: [SpanLink] = []
    /// The session that made the work necessary, to be linked to.
    var cause: UInt64?
}

extension SpanWriter {
    /// To which trace a session's work belongs; nil where it only belongs to what is around it.
    func claim(of index: Int, in tree: SessionTree) -> TraceClaim? {
        let session = tree.sessions[index]
        if session.producer == .script {
            // What a script runs within itself, such as a branch route, is its own; but not another call's request.
            if session.parent >= 0, tree.sessions[session.parent].producer == .script,
                !isOfAnotherCall(session, inside: tree.sessions[session.parent])
            {
                return nil
            }
            return claim(
                session.noted.message, own: session.id, link: session.link, isCause: session.isLinkCause)
        }
        return claim(ofPass: session, in: tree)
    }

    private func claim(ofPass session: TracedSession, in tree: SessionTree) -> TraceClaim? {
        // A request was made that names the pass: it is where the request says.
        let cause = session.jobs.lazy.compactMap(\.noted.cause).first ?? session.noted.cause
        // A message that no route sees: a reply goes on with its request's session.
        guard let message = session.jobs.lazy.compactMap(\.noted.message).first else {
            return cause.map { claim($0, own: session.id, link: $0.link, isCause: false) }
        }
        // Of which nothing was traced before: then the pass is in the trace of the script that handles it.
        let isNew = cause == nil && message.origin == nil && !(description.propagates && message.traceParent != nil)
        if isNew, tree.sessions.contains(where: { $0.producer == .script && !$0.isLinkCause }) { return nil }
        return claim(message, own: session.id, link: message.link, isCause: false)
    }

    private func isOfAnotherCall(_ session: TracedSession, inside outer: TracedSession) -> Bool {
        guard description.tracesCalls, let message = session.noted.message, !message.callID.isEmpty else {
            return false
        }
        return message.callID != outer.noted.message?.callID
    }

    private func claim(_ message: NotedMessage?, own: UInt64, link: UInt64?, isCause: Bool) -> TraceClaim {
        // Where the session before it is no span, it goes on with the one that began the work.
        let continued = isCause ? nil : link ?? message?.origin.flatMap { $0 == own ? nil : $0 }
        let parent = description.propagates ? message?.traceParent : nil
        var claim = TraceClaim(
            trace: parent?.traceID ?? identity.traceID(origin: message?.origin ?? continued ?? own))
        claim.isParentSampled = parent?.isSampled
        let state = message?.traceState ?? ""
        if description.tracesCalls, let callID = message?.callID, !callID.isEmpty {
            claim.trace = TraceIdentity.traceID(callID: callID)
        }
        if parent?.traceID == claim.trace { claim.state = state }
        if isCause { claim.cause = link }
        if let continued {
            if let known = traces[continued], known != claim.trace {
                // A request has another Call-ID than what it was made for, or came into a call with a trace of its own.
                claim.cause = continued
                if let parent, parent.traceID == claim.trace {
                    claim.parent = parent.spanID
                    claim.isParentRemote = message?.status == nil
                }
            } else {
                claim.parent = identity.spanID(session: continued)
            }
        } else if let parent {
            // A request of our own bears the span that made it.
            let isOurs = isCause && link.map { identity.spanID(session: $0) } == parent.spanID
            if parent.traceID == claim.trace {
                claim.parent = parent.spanID
                claim.isParentRemote = !isOurs
            } else if !isOurs {
                claim.links.append(SpanLink(remote: parent, state: state))
            }
        }
        return claim
    }

    /// A session that caused something in the tree and of which it is not known yet in which trace it is.
    func unknownCause(of tree: SessionTree) -> UInt64? {
        for session in tree.sessions where session.isLinkCause {
            if let cause = session.link, traces[cause] == nil, !tree.sessions.contains(where: { $0.id == cause }) {
                return cause
            }
        }
        return nil
    }
}

/// In which trace the last sessions were: bounded, forgets the oldest.
struct RecentTraces {
    private var recent: [UInt64: TraceID] = [:]
    private var older: [UInt64: TraceID] = [:]

    /// Sessions remembered, twice this many at most.
    static let remembered = 8192

    subscript(session: UInt64) -> TraceID? { recent[session] ?? older[session] }

    mutating func note(_ session: UInt64, _ trace: TraceID) {
        if recent.count >= RecentTraces.remembered {
            older = recent
            recent.removeAll(keepingCapacity: true)
        }
        recent[session] = trace
    }
}

extension SpanLink {
    fileprivate init(remote parent: TraceParent, state: String) {
        self.init(traceID: parent.traceID, spanID: parent.spanID)
        traceState = state
        flags = [.hasIsRemote, .isRemote]
        if parent.isSampled { flags.insert(.sampled) }
    }
}
