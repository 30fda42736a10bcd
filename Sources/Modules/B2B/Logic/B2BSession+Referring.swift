import Bytes
import Profiling
import SIPMessage
import SIPStack

/// Who sent a REFER is told how it goes (RFC 3515).
extension B2BSession {
    /// Tells who sent the REFER how the reference goes.
    func tell(_ bridge: B2BBridge, status: Int, _ worker: StackWorker) {
        guard status > bridge.toldStatus else { return }
        bridge.toldStatus = status
        switch bridge.informed {
        case .party(let session, let party):
            session.act(worker) { session, worker in
                guard session.entities.indices.contains(party) else { return }
                session.notify(session.entities[party], status: status, worker)
            }
        case .sender(let sender): sender.tell(ReferNotice(status: status), records: records, worker)
        case nil: break
        }
        if bridge.options.notifies, let referrer = bridge.referrer { notify(referrer, status: status, worker) }
    }

    private func notify(_ referrer: B2BEntity, status: Int, _ worker: StackWorker) {
        guard referrer.state == .confirmed else { return }
        let notice = ReferNotice(status: status)
        referrer.send(
            "NOTIFY", lines: notice.lines, body: notice.body, contentType: ReferNotice.contentType, purpose: .notice,
            worker)
    }
}
