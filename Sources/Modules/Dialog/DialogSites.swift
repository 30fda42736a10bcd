import Profiling
import Reactor

/// The places of the dialog module that level 1 records name: calls of its functions, callbacks by the peer's names, jobs.
enum DialogSites {
    static let create = Site("create_dialog", file: "dlg_handlers", line: 1)
    static let match = Site("match_dialog", file: "dlg_handlers", line: 2)
    static let validate = Site("validate_dialog", file: "dlg_handlers", line: 3)
    static let fixRoute = Site("fix_route_dialog", file: "dlg_handlers", line: 4)
    static let end = Site("dlg_end_dlg", file: "dlg_req_within", line: 5)
    static let sendSequential = Site("dlg_send_sequential", file: "dlg_req_within", line: 6)

    static let created = Site("DLGCB_CREATED", file: "dlg_cb", line: 10)
    static let early = Site("DLGCB_EARLY", file: "dlg_cb", line: 11)
    static let confirmed = Site("DLGCB_CONFIRMED", file: "dlg_cb", line: 12)
    static let responseForwarded = Site("DLGCB_RESPONSE_FWDED", file: "dlg_cb", line: 13)
    static let requestWithin = Site("DLGCB_REQ_WITHIN", file: "dlg_cb", line: 14)
    static let responseWithin = Site("DLGCB_RESPONSE_WITHIN", file: "dlg_cb", line: 15)
    static let terminated = Site("DLGCB_TERMINATED", file: "dlg_cb", line: 16)
    static let expired = Site("DLGCB_EXPIRED", file: "dlg_cb", line: 17)
    static let failed = Site("DLGCB_FAILED", file: "dlg_cb", line: 18)
    static let destroy = Site("DLGCB_DESTROY", file: "dlg_cb", line: 19)

    static let dueJob = Site("dlg-timer job", file: "dlg_timer", line: 20)
    static let abandonedJob = Site("dialog dropped", file: "dlg_handlers", line: 22)
    static let endingJob = Site("dialog ending", file: "dlg_handlers", line: 23)
    static let managementJob = Site("dialog management", file: "mi_dlg", line: 21)
}
