import Profiling

/// The places of both B2B modules that level 1 records name, as the peer's records name them.
enum B2BSites {
    static let prescript = Site("B2BE_request_prescript", file: "b2b_prescript_f", line: 893, exitLine: 1652)
    /// The same, left because the request is none of an entity's.
    static let prescriptPass = Site("B2BE_request_prescript", file: "b2b_prescript_f", line: 893, exitLine: 1655)
    static let replyReceived = Site("B2BE_reply_received", file: "b2b_tm_cback", line: 3271, exitLine: 4207)
    static let serverRequest = notify("B2BL server received a request")
    static let clientRequest = notify("B2BL client received a request")
    static let serverReply = notify("B2BL server received a reply")
    static let clientReply = notify("B2BL client received a reply")
    static let topHidingClient = Site("client_new", file: "create_top_hiding_entities", line: 2861)
    static let clientNew = Site("client_new", file: "create_entities", line: 1)
    static let initialRequest = Site("t_request_within", file: "_client_new", line: 237)
    static let dialogRequest = Site("t_request_within", file: "b2b_send_indlg_req", line: 2553)
    static let passRequest = Site("send_request", file: "_b2b_pass_request", line: 1692)
    static let ownRequest = Site("send_request", file: "b2b_send_request", line: 1)
    static let passProvisional = Site("send_reply", file: "_b2b_handle_reply", line: 1425)
    static let passSuccess = Site("send_reply", file: "_b2b_handle_reply", line: 1352)
    static let passFinal = Site("send_reply", file: "_b2b_handle_reply", line: 1234)
    static let ownReply = Site("send_reply", file: "b2b_send_reply", line: 1)
    static let reply = Site("t_reply_with_body", file: "_b2b_send_reply", line: 2187)

    private static func notify(_ name: String) -> Site {
        Site(name, file: "b2b_logic_notify", line: 2432, exitName: "B2BL_notify_received", exitLine: 2661)
    }
}
