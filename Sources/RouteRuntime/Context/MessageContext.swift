package import Bytes
package import Profiling
package import Reactor
package import SIPMessage

/// Everything that a script can see or change of one message.
///
/// Confined to the process that runs the script. The stack makes one per message received, and one per branch for branch
/// routes (`copyForBranch`); what the transaction must keep (AVPs, flags) it takes over when the script has ended.
package final class MessageContext {
    /// As received; never changed. Changes are `edits` and the fields below.
    package let message: Message
    package var edits = MessageEdits()
    /// Number of the message on its process: `$mi`.
    package let number: Int

    // Where it came from.
    package let source: SocketAddress
    package let sourceTransport: ByteString
    /// The source address without its port, as text.
    package private(set) lazy var sourceText = ByteString(source.host)
    package let socketIn: ScriptSocket?
    /// Number of the connection that it came over, 0 without one.
    package var connection: UInt32 = 0

    // Where it goes.
    /// The request URI as it stands (`$ru`). Empty for a reply.
    package var requestURI: ByteString
    package var destinationURI: ByteString?
    /// q of the request URI in thousandths, or `ScriptBranch.qUnspecified`.
    package var q = ScriptBranch.qUnspecified
    package var path: ByteString?
    package var socketOut: ScriptSocket?
    /// Branches besides the request URI.
    package var branches: [ScriptBranch] = []
    /// Values of the request URI's own branch (`$msg.branch.attr`).
    package var branchAttributes: BranchAttributes = []

    // Flags: bits are given out by `FlagNames`.
    package var messageFlags: UInt32 = 0
    /// Flags of the request URI's branch.
    package var branchFlags: UInt32 = 0

    /// Shared with the transaction once there is one.
    package var avps: AVPStore

    // How it is sent.
    package var forceRport = false
    package var addLocalRport = false
    package var advertisedAddress: ByteString?
    package var advertisedPort: ByteString?
    /// Bits of `set_via_handling()`.
    package var viaHandling: UInt32 = 0
    /// Blacklists in use, by index into the list of blacklists; nil before the script chose any.
    package var blacklists: UInt64?

    /// Max-Forwards of the request as it will go out; nil while `maxfwd` has not seen it.
    package var maxForwardsOut: Int?
    /// What modules add to the request when it goes out, once the listener is known. Copied to branches.
    package var outboundEdits: [OutboundEdit] = []

    // State that belongs to others.
    /// The transaction, as TM knows it.
    package var transaction: AnyObject?
    /// The session of the run that handles the message, for what goes on with it later or elsewhere; `none` while nobody
    /// listens.
    package internal(set) var records = SessionLink.none
    /// Index of the branch that a branch or onreply route is about; 0 elsewhere (`$T_branch_idx`).
    package var branchIndex = 0
    /// In a failure route the winning reply, in an onreply route the reply itself: `$(<reply>…)`.
    package var reply: Message? {
        didSet { replyContextStored = nil }
    }
    /// A context around `reply`, made when a script asks for it.
    package var replyContext: MessageContext? {
        guard let reply else { return nil }
        if let replyContextStored { return replyContextStored }
        let context = MessageContext(
            message: reply, number: number, source: source, sourceTransport: sourceTransport, socketIn: socketIn,
            avps: avps)
        replyContextStored = context
        return context
    }
    private var replyContextStored: MessageContext?
    /// In an onreply route the request of the transaction: `$(<request>…)`.
    package var request: MessageContext?
    /// What went wrong, in an error route: `$err.*`.
    package var error: ScriptError?
    /// In an event route, the event's parameters: `$param(name)`.
    package var eventParameters: [(name: ByteString, value: Value)] = []
    /// Values that modules keep with the message, by a key of theirs.
    package var moduleState: [ObjectIdentifier: AnyObject] = [:]
    /// The keys of `moduleState` whose objects this context may change; nil: all. A branch shares its parent's until it
    /// changes one.
    package var ownedModuleState: Set<ObjectIdentifier>?

    package init(
        message: Message, number: Int = 0, source: SocketAddress, sourceTransport: ByteString = "udp",
        socketIn: ScriptSocket?, avps: AVPStore = AVPStore()
    ) {
        self.message = message
        self.number = number
        self.source = source
        self.sourceTransport = sourceTransport
        self.socketIn = socketIn
        self.avps = avps
        requestURI = message.isRequest ? message.requestURI : .empty
    }

    /// A context for one branch: the same message and AVPs, its own URI, edits and flags.
    package func copyForBranch(_ branch: ScriptBranch, index: Int) -> MessageContext {
        let copy = MessageContext(
            message: message, number: number, source: source, sourceTransport: sourceTransport, socketIn: socketIn,
            avps: avps)
        copy.edits = edits
        copy.requestURI = branch.uri
        copy.destinationURI = branch.destinationURI
        copy.q = branch.q
        copy.path = branch.path
        copy.socketOut = branch.socket ?? socketOut
        copy.branchAttributes = branch.attributes
        copy.messageFlags = messageFlags
        copy.branchFlags = branch.flags
        copy.forceRport = forceRport
        copy.addLocalRport = addLocalRport
        copy.advertisedAddress = advertisedAddress
        copy.advertisedPort = advertisedPort
        copy.viaHandling = viaHandling
        copy.blacklists = blacklists
        copy.transaction = transaction
        copy.records = records
        copy.branchIndex = index
        copy.moduleState = moduleState
        copy.ownedModuleState = []
        // What both have now neither changes in place: the copy may be looked at by another process.
        if ownedModuleState?.isEmpty != true, !moduleState.isEmpty { ownedModuleState = [] }
        copy.maxForwardsOut = maxForwardsOut
        copy.outboundEdits = outboundEdits
        return copy
    }
}

/// A change that can be made only when it is known by which listener a request leaves, such as Record-Route. Gets the
/// context of the branch.
package typealias OutboundEdit = (MessageContext, inout MessageEdits, _ outbound: ScriptSocket) -> Void

extension MessageContext {
    /// The edits of the request as it leaves by `outbound`: the script's and those that modules left for this moment.
    package func edits(for outbound: ScriptSocket) -> MessageEdits {
        if outboundEdits.isEmpty { return edits }
        var edits = edits
        edits.admitServer()
        for edit in outboundEdits { edit(self, &edits, outbound) }
        return edits
    }
}

/// What an error route is told.
package struct ScriptError: Sendable {
    /// 1 for parsing errors.
    package var errorClass: Int
    package var level: Int
    package var info: ByteString
    package var replyCode: Int
    package var replyReason: ByteString

    package init(errorClass: Int, level: Int, info: ByteString, replyCode: Int, replyReason: ByteString) {
        self.errorClass = errorClass
        self.level = level
        self.info = info
        self.replyCode = replyCode
        self.replyReason = replyReason
    }
}
