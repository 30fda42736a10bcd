/// The script of `sipray demo`: a residential service. Registration, calls between registered users with dialogs,
/// record-routing and accounting, failure and branch routes, back-to-back calls, a lookup over HTTP.
///
/// It is an ordinary script: write it to a file and `sipray serve` runs it.
package enum ResidentialScript {
    /// - Parameters:
    ///   - sockets: values for `socket=`, such as `udp:127.0.0.1:5060`.
    ///   - udpWorkers: processes for each of them.
    ///   - fifoName: where management listens; nil leaves it out.
    ///   - directory: the HTTP service that knows where a ported number lives now.
    package static func text(
        sockets: [String] = ["udp:127.0.0.1:5060"], udpWorkers: Int = 2, fifoName: String? = "/tmp/sipray_fifo",
        directory: String = "http://127.0.0.1:8080"
    ) -> String {
        let listeners = sockets.map { "socket = \($0)\n" }.joined()
        let management =
            fifoName.map { name in
                """
                loadmodule "mi_fifo.so"
                modparam("mi_fifo", "fifo_name", "\(name)")
                loadmodule "event_datagram.so"

                """
            } ?? ""
        return "udp_workers = \(udpWorkers)\n" + listeners + modules + management + routes + calls
            + porting(directory) + endings
    }

    private static let modules = """
        log_level = 2
        stderror_enabled = yes
        syslog_enabled = no

        loadmodule "proto_udp.so"
        loadmodule "sl.so"
        loadmodule "tm.so"
        modparam("tm", "fr_timeout", 5)
        modparam("tm", "fr_inv_timeout", 30)
        loadmodule "signaling.so"
        loadmodule "rr.so"
        loadmodule "maxfwd.so"
        loadmodule "sipmsgops.so"
        loadmodule "usrloc.so"
        modparam("usrloc", "working_mode_preset", "single-instance-no-db")
        loadmodule "registrar.so"
        modparam("registrar", "max_expires", 3600)
        modparam("registrar", "max_contacts", 5)
        loadmodule "acc.so"
        modparam("acc", "extra_fields", "log: caller; callee")
        loadmodule "dialog.so"
        loadmodule "b2b_entities.so"
        loadmodule "b2b_logic.so"
        loadmodule "rest_client.so"


        """

    private static let routes = """

        route {
            route(limits);
            if (has_totag())
                route(inside_dialog);

            # What is asked of the service itself ends here.
            switch ($rm) {
                case "CANCEL":
                    route(give_up);
                case "REGISTER":
                    t_check_trans();
                    route(register);
                case "OPTIONS":
                    if (is_myself($rd) && $rU == NULL) {
                        send_reply(200, "Here I Am");
                        exit;
                    }
            }

            # What is left is for somebody's telephone. A repetition is answered by its transaction.
            t_check_trans();
            route(no_way_of_its_own);
            if (is_method("INVITE") && $rU =~ "^ported")
                route(ask_directory);
            route(find_user);
            if (is_method("INVITE") && $rU =~ "^trunk")
                route(back_to_back);
            route(call);
        }

        # Nothing travels for ever, and only what telephones understand travels at all.
        route[limits] {
            if (!mf_process_maxfwd_header(10)) {
                send_reply(483, "Too Many Hops");
                exit;
            }
            if (is_method("INVITE|ACK|CANCEL|BYE|PRACK|UPDATE|INFO|REFER|NOTIFY"))
                return;
            if (is_method("REGISTER|OPTIONS|MESSAGE|SUBSCRIBE|PUBLISH"))
                return;
            send_reply(405, "Method Not Allowed");
            exit;
        }

        route[give_up] {
            if (t_check_trans())
                t_relay();
            exit;
        }

        # Requests inside a call follow the route that was recorded when it began.
        route[inside_dialog] {
            if (is_method("ACK") && t_check_trans()) {
                t_relay();
                exit;
            }
            if (!loose_route()) {
                if (!is_method("ACK"))
                    send_reply(404, "No Route Recorded");
                exit;
            }
            if (is_method("BYE"))
                do_accounting("log", "failed");
            route(relay);
        }

        # Nobody but this server says where a first request goes.
        route[no_way_of_its_own] {
            if (!loose_route())
                return;
            if (!is_method("ACK"))
                send_reply(403, "Route Was Not Recorded");
            exit;
        }

        route[register] {
            if (!save("location"))
                xlog("L_WARN", "$tu could not be registered\\n");
            exit;
        }

        route[account] {
            if (is_method("INVITE")) {
                do_accounting("log", "failed|missed");
                $acc_extra(caller) = $fU;
                $acc_extra(callee) = $rU;
            }
        }

        """

    private static let calls = """

        # A call that this server follows from its INVITE to its BYE.
        route[call] {
            if (is_method("INVITE"))
                create_dialog();
            record_route();
            route(account);
            route(relay);
        }

        # Two calls instead of one: neither side sees the other's addresses. What belongs to them never comes by here again.
        route[back_to_back] {
            if (!b2b_init_request("top hiding"))
                send_reply(500, "Not Bridged");
            exit;
        }

        # From the name that was dialled to the phones that it rings.
        route[find_user] {
            if ($rU == NULL) {
                send_reply(484, "Address Incomplete");
                exit;
            }
            if (!lookup("location", "method-filtering")) {
                switch ($retcode) {
                    case -2:
                        send_reply(405, "Method Not Allowed");
                        break;
                    default:
                        # With a transaction, so that it is accounted and its repetitions are absorbed.
                        t_newtran();
                        t_reply(404, "Nobody Here By That Name");
                }
                exit;
            }
        }

        route[relay] {
            if (is_method("INVITE")) {
                t_on_branch("each_phone");
                t_on_reply("progress");
                t_on_failure("unanswered");
            }
            if (!t_relay())
                send_reply(500, "Relaying Failed");
            exit;
        }

        """

    /// A directory may take its time: nobody waits for it but the caller.
    private static func porting(_ directory: String) -> String {
        """

        # Ported numbers: a slow directory knows where they live now. The script waits for it, no process does.
        route[ask_directory] {
            async(rest_get("\(directory)/ported/$rU", $avp(moved_to), , $avp(answer)), directory_answered, 2);
        }

        route[directory_answered] {
            if ($rc < 0 || $avp(answer) != 200) {
                t_reply(503, "Directory Silent");
                exit;
            }
            $rU = $avp(moved_to);
            route(find_user);
            route(call);
        }

        """
    }

    private static let endings = """

        branch_route[each_phone] {
            append_hf("X-Branch: $T_branch_idx\\r\\n");
        }

        onreply_route[progress] {
            if ($rs == 180)
                remove_hf("X-Branch");
        }

        # Busy here may be free at the mailbox, if there is one.
        failure_route[unanswered] {
            if (t_was_cancelled())
                exit;
            if (t_check_status("408|48[06]") && $avp(tried_mailbox) == NULL) {
                $avp(tried_mailbox) = 1;
                $ru = "sip:mailbox@" + $rd;
                if (lookup("location", "", "sip:mailbox@$fd")) {
                    t_on_branch("each_phone");
                    t_relay();
                }
            }
        }

        """
}
