import Bytes
import Profiling
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// Who is told how a reference goes, besides a party of the bridge itself.
enum ReferListener {
    /// A party (0 or 1) of another session.
    case party(B2BSession, Int)
    case sender(ReferSender)
}

/// Who sent a REFER outside of a dialog: told in the subscription that it made (RFC 3515 §2.4.4). Belongs to the turns of the
/// session that was triggered.
///
/// Its answers, and a subscription that it ends, are of no interest: two or three NOTIFYs, and all is over.
final class ReferSender: @unchecked Sendable {
    // @unchecked: made before the session's first turn, used in its turns.

    private var dialog: AgentDialog
    private let contact: LocalContact
    private let socket: ListenSocket?

    /// - Parameter tag: the To tag of the replies to the REFER.
    init?(_ request: Message, tag: ByteString, contact: LocalContact, socket: ListenSocket?) {
        guard let dialog = AgentDialog(request: request, localTag: tag) else { return nil }
        self.dialog = dialog
        self.contact = contact
        self.socket = socket
    }

    func tell(_ notice: ReferNotice, records: SessionLink, _ worker: StackWorker) {
        let outline = dialog.outline()
        var local = LocalRequest(method: "NOTIFY", requestURI: outline.requestURI, from: outline.from, to: outline.to)
        local.headers = outline.routeLines + "Contact: " + contact.value + "\r\n" + notice.lines
        local.body = notice.body
        local.contentType = ReferNotice.contentType
        local.callID = outline.callID
        local.cseq = outline.cseq
        local.nextHop = outline.nextHop
        local.socket = socket
        local.records = records
        worker.send(local, completion: nil)
    }
}

/// What a NOTIFY says of a reference (RFC 3515 §2.4.5).
struct ReferNotice {
    static let contentType: ByteString = "message/sipfrag;version=2.0"
    /// Whole header lines.
    let lines: ByteString
    let body: ByteString

    init(status: Int) {
        let state = status < 200 ? "active;expires=60" : "terminated;reason=noresource"
        lines = "Event: refer\r\nSubscription-State: \(state)\r\n".lines
        body = ByteString("SIP/2.0 \(status) ") + ByteString(StatusCode.reason(status)) + "\r\n"
    }
}
