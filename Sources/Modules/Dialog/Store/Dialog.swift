package import Bytes
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import Synchronization

/// One dialog: what was fixed when it was created, and what changes, under its own short lock.
///
/// Any process may work on it at any moment. No other lock is taken and nothing is sent while `lock` is held.
package final class Dialog: @unchecked Sendable {
    // @unchecked: `next…` is guarded by the table's shard, `places` and `deadlines` by the timers, `stored` by `lock`; the rest is
    // constant.

    // Guarded by the table's shard: what follows in its chains by Call-ID and by number.
    var next: Dialog?
    var nextByNumber: Dialog?
    var isStored = false

    // Guarded by the timers: place in each heap, -1 outside, and deadline, in milliseconds.
    var places = SIMD4<Int32>(repeating: -1)
    var deadlines = SIMD4<Int>(repeating: .max)

    // Constants.
    /// Index of its chain in the table: first part of its id.
    let chain: UInt32
    /// Second part of its id.
    let number: UInt32
    let hash: Int
    /// As the caller has it.
    let callID: ByteString
    let fromURI: ByteString
    let toURI: ByteString
    /// CSeq of the caller's INVITE.
    let inviteNumber: UInt32
    /// Hash of its top Via: the same INVITE has the same.
    let inviteVia: UInt64
    /// Seconds since 1970.
    let createdAt: Int
    /// The listener that the caller's INVITE came by.
    let callerSocket: ScriptSocket?
    /// Whether there is an `accounting`.
    let isAccounted = Atomic<Bool>(false)

    /// What changes.
    struct Values {
        var machine: DialogMachine
        var caller: DialogLeg
        /// One for each early dialog of a forked INVITE, in order of appearance.
        var callees: [DialogLeg] = []
        /// Tags of early dialogs that a BYE went to before a reply of theirs was seen here.
        var earlyByes: [ByteString] = []
        /// The callee that the dialog is confirmed with.
        var confirmed: Int?
        var calleeSocket: ScriptSocket?
        /// Call-ID on the callee's side, when it is another.
        var calleeCallID: ByteString?
        /// Record-Route values that the INVITE came with.
        var recordedBefore = 0
        /// Seconds since 1970; 0 before.
        var confirmedAt = 0
        var endedAt = 0
        var options: DialogOptions
        var lifetimeSeconds: Int
        var deleteDelaySeconds: Int
        var variables: [(name: ByteString, value: Value)] = []
        var flags: UInt32 = 0
        var profiles: [ProfileLink] = []
        var onAnswer: RouteHandle?
        var onTimeout: RouteHandle?
        var onHangup: RouteHandle?
        /// The INVITE's, while it may have to be cancelled.
        var invite: Transaction?
        /// What the branches of the INVITE offer, by their places: empty while all offer what the caller did.
        var offers: [Int: DialogBody] = [:]
        /// Why it is to end soon, whatever its lifetime: the deadline is that of this end.
        var pendingEnd: DialogEndReason?
        /// What topology hiding keeps.
        var hiding: HidingSides?
        /// From and To as the callee knows them, where `uac` changed them.
        var changes = DialogAddresses()
        var accounting: (any DialogAccounting)?

        /// The callee that matters: the one that answered, else the one that was heard last.
        var callee: DialogLeg? { leg(.callee) }

        /// - Parameter callee: which of the callees; nil: the one that matters.
        func leg(_ side: DialogSide, callee: Int? = nil) -> DialogLeg? {
            if side == .caller { return caller }
            let index = place(callee)
            return callees.indices.contains(index) ? callees[index] : nil
        }

        @discardableResult
        mutating func updateLeg<Result>(
            _ side: DialogSide, callee: Int? = nil, _ body: (inout DialogLeg) -> Result
        ) -> Result? {
            if side == .caller { return body(&caller) }
            let index = place(callee)
            guard callees.indices.contains(index) else { return nil }
            return body(&callees[index])
        }

        /// A side was told something; where there is nothing the last stays. What the caller hears of a callee that is not, or
        /// may not be, the one that answers stays with that callee.
        ///
        /// - Parameter callee: as in `leg`.
        mutating func note(told body: DialogBody?, to side: DialogSide, callee: Int? = nil) {
            guard body != nil else { return }
            let index = place(callee)
            guard side == .caller else {
                updateLeg(.callee, callee: index) { $0.note(received: body) }
                return
            }
            guard callees.indices.contains(index) else { return caller.note(received: body) }
            callees[index].note(forCaller: body)
            if confirmed.map({ $0 == index }) ?? true { caller.note(received: body) }
        }

        /// What a branch of the INVITE offers. One that went on to another address offers what it did at the first.
        func offer(ofBranch branch: Int) -> DialogBody {
            if let offer = offers[branch] { return offer }
            return offers.max { $0.key < $1.key }?.value ?? caller.bodySent
        }

        /// A branch of the INVITE leaves.
        ///
        /// - Parameter body: what it offers in the place of the caller's body; nil: that.
        mutating func note(offer body: DialogBody?, ofBranch branch: Int) {
            if body == nil, offers.isEmpty { return }
            for earlier in 0..<branch where offers[earlier] == nil { offers[earlier] = caller.bodySent }
            offers[branch] = body ?? caller.bodySent
        }

        private func place(_ callee: Int?) -> Int { callee ?? confirmed ?? callees.count - 1 }
    }

    let lock = StackLock()
    private var stored: Values

    init(
        chain: UInt32, number: UInt32, hash: Int, request: Message, options: DialogOptions, createdAt: Int,
        socket: ScriptSocket?, settings: DialogSettings
    ) {
        self.chain = chain
        self.number = number
        self.hash = hash
        callID = request.callID.compacted()
        fromURI = (request.from?.uriText ?? .empty).compacted()
        toURI = (request.to?.uriText ?? .empty).compacted()
        inviteNumber = request.cseq?.number ?? 0
        inviteVia = Self.viaHash(of: request)
        self.createdAt = createdAt
        callerSocket = socket
        var caller = DialogLeg(tag: request.fromTag ?? .empty)
        caller.refreshTarget(from: request)
        caller.routes = RouteSet(recordedBy: request)
        caller.note(sent: DialogBody(of: request))
        caller.numbers.note(inviteNumber, method: .invite)
        stored = Values(
            machine: DialogMachine(byesOnTimeout: options.contains(.byeOnTimeout)), caller: caller,
            options: options, lifetimeSeconds: settings.defaultTimeoutSeconds,
            deleteDelaySeconds: settings.deleteDelaySeconds)
        stored.recordedBefore = request.elements(of: .recordRoute).reduce(0) { count, _ in count + 1 }
    }

    static func viaHash(of request: Message) -> UInt64 { (request.value(.via) ?? .empty).stableHash(seed: 0) }

    /// Whether this is the INVITE that made the dialog.
    func isMade(by invite: Message) -> Bool {
        invite.cseq?.number == inviteNumber && Self.viaHash(of: invite) == inviteVia
            && read { $0.caller.tag == invite.fromTag }
    }

    /// A copy of everything: for what looks at several fields.
    var values: Values { lock.withLock { stored } }

    func read<Result>(_ body: (borrowing Values) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(stored)
    }

    @discardableResult
    func update<Result>(_ body: (inout Values) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&stored)
    }

    var state: DialogState { read { $0.machine.state } }
    var options: DialogOptions { read { $0.options } }

    /// `create_dialog()` for one that is there already, since accounting or topology hiding made it. Pings begin with the answer:
    /// what is asked for behind that has none.
    func add(_ options: DialogOptions) {
        update { values in
            values.options = values.options.adding(options)
            values.machine.byesOnTimeout = values.options.contains(.byeOnTimeout)
        }
    }

    /// `6ae.4b38d013`: in Record-Route, in scripts and for management.
    package var id: ByteString {
        var writer = ByteWriter(reserving: 17)
        writer.append(hex: UInt64(chain))
        writer.append(UInt8(ascii: "."))
        writer.append(hex: UInt64(number))
        return writer.finishText()
    }

    /// The id as one number.
    var databaseID: Int { Int(UInt64(chain) << 32 | UInt64(number)) }

    /// Both parts of an id; nil when the text is none.
    static func parts(of id: ByteString) -> (chain: UInt32, number: UInt32)? {
        guard let dot = id.first(of: UInt8(ascii: ".")), let chain = id.prefix(dot).hexadecimal(),
            let number = id.dropFirst(dot + 1).hexadecimal(), chain <= UInt32.max, number <= UInt32.max
        else { return nil }
        return (UInt32(chain), UInt32(number))
    }
}

/// Membership of a dialog in a profile.
struct ProfileLink: Equatable {
    let profile: Int
    /// Empty in a profile without values.
    let value: ByteString
}
