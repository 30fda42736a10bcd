/// The script that `sipray demo` runs: residential telephony as a 4.x `opensips.cfg` has it.
package enum DemoScript {
    /// The script with its socket, management socket and number of receivers filled in.
    package static func text(socket: String, management: String, workers: Int) -> String {
        """
        # sipray demo: registrations, calls between registered users, record-routing, accounting,
        # a failure route that sends busy calls to the operator.
        log_level=1
        stderror_enabled=yes
        udp_workers=\(workers)
        socket=udp:\(socket)

        loadmodule "proto_udp.so"
        loadmodule "signaling.so"
        loadmodule "sl.so"
        loadmodule "tm.so"
        modparam("tm", "fr_timeout", 5)
        modparam("tm", "fr_inv_timeout", 30)
        loadmodule "rr.so"
        modparam("rr", "append_fromtag", 0)
        loadmodule "maxfwd.so"
        loadmodule "sipmsgops.so"
        loadmodule "usrloc.so"
        modparam("usrloc", "working_mode_preset", "single-instance-no-db")
        loadmodule "registrar.so"
        modparam("registrar", "max_contacts", 10)
        loadmodule "acc.so"
        modparam("acc", "early_media", 0)
        modparam("acc", "report_cancels", 0)
        modparam("acc", "detect_direction", 0)
        loadmodule "mi_datagram.so"
        modparam("mi_datagram", "socket_name", "\(management)")
        loadmodule "event_datagram.so"

        route {
            if (!mf_process_maxfwd_header(10)) {
                send_reply(483, "Too Many Hops");
                exit;
            }

            if (has_totag()) {
                route(within_dialog);
                exit;
            }

            if (is_method("CANCEL")) {
                if (t_check_trans())
                    t_relay();
                exit;
            }

            t_check_trans();

            if (is_method("REGISTER")) {
                if (!save("location"))
                    sl_reply_error();
                exit;
            }

            if (!is_method("INVITE")) {
                send_reply(405, "Method Not Allowed");
                exit;
            }

            record_route();
            do_accounting("log");
            route(to_user);
        }

        route[within_dialog] {
            if (!loose_route()) {
                if (is_method("ACK") && t_check_trans())
                    t_relay();
                else if (!is_method("ACK"))
                    send_reply(404, "Not Here");
                exit;
            }
            if (is_method("BYE"))
                do_accounting("log", "failed");
            route(relay);
        }

        route[to_user] {
            if (!lookup("location")) {
                send_reply(404, "Not Found");
                exit;
            }
            t_on_failure("missed_call");
            route(relay);
        }

        route[relay] {
            if (is_method("INVITE")) {
                t_on_branch("per_branch");
                t_on_reply("handle_reply");
            }
            if (!t_relay())
                send_reply(500, "Internal Error");
            exit;
        }

        branch_route[per_branch] {
            append_hf("X-Branch: $T_branch_idx\\r\\n");
        }

        onreply_route[handle_reply] {
            if ($rs >= 300)
                xlog("L_INFO", "$ci was answered $rs\\n");
        }

        failure_route[missed_call] {
            if (t_was_cancelled())
                exit;
            if (t_check_status("486")) {
                $ru = "sip:user1@$rd";
                if (lookup("location"))
                    route(relay);
            }
        }

        """
    }
}
