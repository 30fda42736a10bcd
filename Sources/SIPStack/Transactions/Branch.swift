import Bytes
import SIPMessage
import SIPTransaction
import SIPTransport

/// A client transaction of a forked request. Guarded by its transaction's lock.
struct Branch {
    var machine: ClientMachine
    /// The request as it goes out; sent again as it is.
    var request: [UInt8]
    var destination: Destination
    /// Where else it can go; nil: nowhere.
    var failover: Failover?
    var requestURI: ByteString
    /// The last response received, without the Via that was added here being removed.
    var response: Message?
    /// Changes that the reply hook made to it.
    var edits: MessageEdits?
    /// How often the request went out.
    var sendings: UInt8 = 0
    /// The network or the system refused it.
    var sendFailed = false
    var deadlines = Deadlines()
    var cancel: CancelBranch?
    /// What the transaction user keeps for the branch.
    var user: AnyObject?
}

/// The other addresses of a branch, in order, and how its request is to leave, so that the same goes to the next of them (RFC 3263
/// §4.3). Made only for a branch with more than one address.
final class Failover {
    let next: Destination
    private let others: ArraySlice<Destination>
    /// The listener that was chosen for the branch; nil: none was.
    let socket: ListenSocket?
    let viaHost: ByteString?
    let viaPort: ByteString?
    let loop: UInt64?

    /// nil when the branch has one address only.
    convenience init?(_ branch: OutgoingBranch, loop: UInt64?) {
        let others = branch.destinations.dropFirst()
        guard let next = others.first else { return nil }
        self.init(
            next, others.dropFirst(), socket: branch.socket, viaHost: branch.viaHost, viaPort: branch.viaPort,
            loop: loop)
    }

    private init(
        _ next: Destination, _ others: ArraySlice<Destination>, socket: ListenSocket?, viaHost: ByteString?,
        viaPort: ByteString?, loop: UInt64?
    ) {
        self.next = next
        self.others = others
        self.socket = socket
        self.viaHost = viaHost
        self.viaPort = viaPort
        self.loop = loop
    }

    /// What is left when `next` has been tried; nil: nothing.
    var rest: Failover? {
        others.first.map {
            Failover($0, others.dropFirst(), socket: socket, viaHost: viaHost, viaPort: viaPort, loop: loop)
        }
    }
}

/// The CANCEL of one branch: a client transaction of its own (RFC 3261 §9.1). Made only when there is one.
final class CancelBranch {
    var machine: ClientMachine
    let request: [UInt8]
    var deadlines = Deadlines()

    init(request: [UInt8], isReliable: Bool) {
        self.request = request
        machine = ClientMachine(isInvite: false, isReliable: isReliable)
    }
}

/// When the two timers of a machine are due, in milliseconds of the reactor's clock; `Int.max` when not running.
struct Deadlines: BitwiseCopyable {
    var retransmission = Int.max
    var lifetime = Int.max
    var retransmissionTimer = TransactionTimer.a
    var lifetimeTimer = TransactionTimer.b

    var next: Int { min(retransmission, lifetime) }

    mutating func apply(retransmission change: TimerChange, lifetime other: TimerChange, now: Int) {
        Self.apply(change, &retransmission, &retransmissionTimer, now)
        Self.apply(other, &lifetime, &lifetimeTimer, now)
    }

    private static func apply(
        _ change: TimerChange, _ deadline: inout Int, _ timer: inout TransactionTimer, _ now: Int
    ) {
        switch change {
        case .keep: break
        case .stop: deadline = .max
        case .start(let name, let milliseconds):
            timer = name
            deadline = now + Int(milliseconds)
        }
    }

    /// The timer that is due, taken off; the retransmission first.
    mutating func take(dueAt now: Int) -> TransactionTimer? {
        if lifetime <= now {
            lifetime = .max
            return lifetimeTimer
        }
        if retransmission <= now {
            retransmission = .max
            return retransmissionTimer
        }
        return nil
    }
}
