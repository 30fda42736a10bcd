import Modules
import RouteLanguage
import RouteRuntime
import Testing

/// Every name that the peer's manual (4.x) lists for the core and these modules is declared: there, or with what to use
/// instead. The lists below are the manual's.
@Suite struct DocumentedNamesBTests {
    /// A function and how many arguments it must and may be given: `strip:1`, `send:1-2` in the lists.
    private struct Documented {
        var name: String
        var required: Int
        var most: Int
    }

    // MARK: Modules

    @Test(arguments: [
        (
            "usrloc",
            """
            ul_add_key:3-4 ul_get_key:4 ul_del_key:3
            """
        ),
        (
            "registrar",
            """
            save:1-4 remove:2-6 remove_ip_port:3-4 lookup:1-3 is_registered:1-2 is_contact_registered:1-4
            is_ip_registered:3-4 add_sock_hdr:1 pn_process_purr:1
            """
        ),
        (
            "acc",
            """
            do_accounting:1-3 drop_accounting:0-2 acc_log_request:1 acc_db_request:2 acc_aaa_request:1
            acc_evi_request:1 acc_new_leg:0 acc_load_ctx_from_dlg:0 acc_unload_ctx_from_dlg:0
            """
        ),
        (
            "cfgutils",
            """
            rand_event:0-1 rand_set_prob:1 rand_reset_prob:0 rand_get_prob:0 sleep:1 usleep:1 abort:0
            pkg_status:0 shm_status:0 set_count:2 set_select_weight:1 ts_usec_delta:4-6 check_time_rec:1-2
            get_static_lock:1 release_static_lock:1 get_dynamic_lock:1 release_dynamic_lock:1
            strings_share_lock:2 get_accurate_time:2-3 shuffle_avps:1
            """
        ),
        ("exec", "exec:1-5"), ("uac_auth", ""),
        ("rest_client", "rest_get:2-4 rest_post:4-6 rest_put:4-6 rest_append_hf:1 rest_init_client_tls:1"),
        (
            "uac",
            """
            uac_replace_from:2 uac_replace_to:2 uac_restore_from:0 uac_restore_to:0 uac_auth:0-1 uac_inc_cseq:1
            """
        ),
        (
            "b2b_entities",
            """
            ua_session_server_init:0-3 ua_session_update:2-5 ua_session_reply:3-7 ua_session_terminate:1-2
            """
        ),
        (
            "b2b_logic",
            """
            b2b_init_request:1-4 b2b_server_new:1-4 b2b_client_new:2-8 b2b_bridge:2-4 b2b_bridge_retry:1
            b2b_pass_request:0 b2b_handle_reply:0-1 b2b_send_reply:2-4 b2b_delete_entity:0 b2b_end_dlg_leg:0
            b2b_bridge_request:2-4 b2b_trigger_scenario:6-8
            """
        ),
        ("proto_udp", ""), ("mi_fifo", ""), ("mi_datagram", ""), ("event_datagram", ""), ("event_route", ""),
        (
            "dialog",
            """
            create_dialog:0-1 match_dialog:0-1 validate_dialog:0 fix_route_dialog:0 get_dialog_info:4-5
            get_dialog_vals:3 get_dialogs_by_val:4 get_dialogs_by_profile:4 load_dialog_ctx:1-3 unload_dialog_ctx:0
            set_dlg_profile:1-3 unset_dlg_profile:1-2 is_in_profile:1-2 get_profile_size:3 set_dlg_flag:1
            test_and_set_dlg_flag:2 reset_dlg_flag:1 is_dlg_flag_set:1 store_dlg_value:2 fetch_dlg_value:2
            set_dlg_sharing_tag:1 dlg_on_answer:0-1 dlg_on_timeout:0-1 dlg_on_hangup:0-1 dlg_send_sequential:2-5
            dlg_inc_cseq:0-2
            """
        ),
        ("topology_hiding", "topology_hiding:0-2 topology_hiding_match:0-1"),
    ])
    func functions(module: String, documented: String) throws {
        let declaration = try #require(ModuleLibrary.declarations.first { $0.name == module })
        for function in Self.functions(documented) { try Self.expect(function, in: declaration) }
    }

    @Test(arguments: [
        (
            "usrloc",
            """
            nat_bflag contact_id_column user_column domain_column contact_column expires_column q_column callid_column
            cseq_column methods_column flags_column cflags_column user_agent_column received_column socket_column
            path_column sip_instance_column kv_store_column attr_column use_domain desc_time_order timer_interval db_url
            cachedb_url working_mode_preset cluster_mode restart_persistency sql_write_mode matching_mode cseq_delay
            location_cluster ha_cluster ha_shtag skip_replicated_db_ops max_contact_delete hash_size
            regen_broken_contactid latency_event_min_us latency_event_min_us_delta pinging_mode mi_dump_kv_store
            contact_refresh_timer
            """
        ),
        ("exec", "setvars time_to_kill"),
        ("uac", "restore_mode restore_passwd rr_from_store_param rr_to_store_param force_dialog"),
        ("uac_auth", "credential auth_realm_avp auth_username_avp auth_password_avp"),
        (
            "rest_client",
            """
            curl_timeout connection_timeout connect_poll_interval max_async_transfers max_transfer_size ssl_verifypeer
            ssl_verifyhost ssl_capath curl_http_version enable_expect_100 no_concurrent_connects curl_conn_lifetime
            """
        ),
        (
            "registrar",
            """
            default_expires min_expires max_expires default_q tcp_persistent_flag realm_prefix case_sensitive
            received_avp received_param allow_dup_cseq expires_max_deviation max_contacts max_username_len
            max_domain_len max_aor_len max_contact_len retry_after sock_hdr_name mcontact_avp attr_avp gruu_secret
            disable_gruu pn_enable pn_providers pn_ct_match_params pn_pnsreg_interval pn_trigger_interval
            pn_skip_pn_interval pn_refresh_timeout pn_enable_purr
            """
        ),
        (
            "acc",
            """
            early_media report_cancels detect_direction extra_fields leg_fields log_level log_facility aaa_url
            service_type db_table_acc db_table_missed_calls db_url acc_method_column acc_from_tag_column
            acc_to_tag_column acc_callid_column acc_sip_code_column acc_sip_reason_column acc_time_column
            """
        ),
        ("cfgutils", "initial_probability hash_file shv_hash_size shvset varset lock_pool_size"),
        ("proto_udp", "udp_port"),
        (
            "b2b_entities",
            """
            server_hsize client_hsize script_req_route script_reply_route db_url cachedb_url cachedb_key_prefix
            update_period b2b_key_prefix db_mode db_table cluster_id passthru_prack advertised_contact
            ua_default_timeout
            """
        ),
        (
            "b2b_logic",
            """
            hash_size script_req_route script_reply_route cleanup_period custom_headers_regexp custom_headers
            custom_contact_header_params db_url cachedb_url cachedb_key_prefix update_period max_duration contact_user
            b2bl_from_spec_param server_address init_callid_hdr db_mode db_table b2bl_th_init_timeout
            b2bl_early_update old_entity_term_delay
            """
        ),
        (
            "dialog",
            """
            enable_stats hash_size log_profile_hash_size rr_param default_timeout dlg_extra_hdrs dlg_match_mode
            delete_delay db_url db_mode db_update_period options_ping_interval reinvite_ping_interval table_name
            call_id_column from_uri_column from_tag_column to_uri_column to_tag_column from_cseq_column to_cseq_column
            from_route_column to_route_column from_contact_column to_contact_column from_sock_column to_sock_column
            dlg_id_column state_column start_time_column timeout_column profiles_column vars_column sflags_column
            mflags_column flags_column profiles_with_value profiles_no_value db_flush_vals_profiles timer_bulk_del_no
            race_condition_timeout cachedb_url profile_value_prefix profile_no_value_prefix profile_size_prefix
            profile_timeout dialog_replication_cluster profile_replication_cluster replicate_profiles_buffer
            replicate_profiles_check replicate_profiles_timer replicate_profiles_expire cluster_auto_sync
            auto_prack_hangup_on_failure auto_prack_fr_timeout
            """
        ),
        (
            "topology_hiding",
            """
            th_callid_passwd th_callid_prefix th_passed_contact_uri_params th_passed_contact_params force_dialog
            th_contact_encode_passwd th_contact_encode_param th_contact_encode_param_password th_use_param
            th_contact_encode_scheme th_contact_caller_username_var th_contact_callee_username_var
            th_callid_loop_protection th_internal_trusted_tag th_external_socket_tag th_auto_route_on_trusted_socket
            """
        ),
        (
            "mi_fifo",
            """
            fifo_name fifo_mode fifo_group fifo_user reply_dir pretty_printing trace_destination trace_bwlist
            reply_indent
            """
        ),
        (
            "mi_datagram",
            """
            socket_name children_count unix_socket_mode unix_socket_group unix_socket_user socket_timeout
            trace_destination trace_bwlist pretty_printing socket_buf_size reply_indent
            """
        ),
    ])
    func parameters(module: String, documented: String) throws {
        let declaration = try #require(ModuleLibrary.declarations.first { $0.name == module })
        let names = Set(declaration.parameters.map(\.name))
        #expect(Self.words(documented).filter { !names.contains($0) } == [], "not declared")
    }

    @Test(arguments: [
        (
            "dialog",
            """
            DLG_count DLG_status DLG_lifetime DLG_flags DLG_dir DLG_did DLG_end_reason DLG_timeout DLG_del_delay DLG_json
            DLG_ctx_json dlg_val
            """
        ), ("topology_hiding", "TH_callee_callid"),
        ("acc", "acc_extra acc_leg acc_current_leg"), ("cfgutils", "env RANDOM ctime shv"), ("tm", "T_branch_idx"),
    ])
    func variables(module: String, documented: String) throws {
        let declaration = try #require(ModuleLibrary.declarations.first { $0.name == module })
        let names = Set(declaration.variables.map(\.name))
        #expect(Self.words(documented).filter { !names.contains($0) } == [], "not declared")
    }

    // MARK: Core

    @Test func coreFunctions() throws {
        let documented = """
            add_local_rport:0 append_branch:0-2 append_msg_branch:1-3 avp_print:0 cache_store:3-4 cache_remove:2
            cache_fetch:3 cache_counter_fetch:3 cache_add:4-5 cache_sub:4-5 cache_raw_query:2-3 construct_uri:6
            force_rport:0 force_send_socket:1 force_tcp_alias:0-1 forward:0-1 get_timestamp:2 isdsturiset:0
            isflagset:1 isbflagset:1-2 is_myself:1-2 move_branch:0-3 next_branches:0 prefix:1 pv_printf:2
            raise_event:1-3 remove_msg_branch:1 resetdsturi:0 resetflag:1 resetbflag:1-2 revert_uri:0
            set_via_handling:1 sethost:1 sethostport:1 setuser:1 setuserpass:1 setport:1 seturi:1
            script_trace:0-3 send:1-2 serialize_branches:1-2 set_advertised_address:1 set_advertised_port:1
            setdsturi:1 setflag:1 setbflag:1-2 socket_belongs_to_bond:2 sr_check_status:1-2 strip:1 strip_tail:1
            subscribe_event:2-3 swap_branches:0-2 use_blacklist:1 unuse_blacklist:1 check_blacklist_rule:2-5
            add_blacklist_rule:2-6 del_blacklist_rule:2-5
            """
        for function in Self.functions(documented) { try Self.expect(function, in: CoreModule.declaration) }
    }

    @Test func coreVariables() {
        let names = Set(CoreModule.declaration.variables.map(\.name))
        let documented = """
            var avp ai adu ar au ad an auth.resp auth.nonce auth.cnonce auth.opaque auth.alg auth.qop auth.nc aU Au argv
            challenge.algorithm challenge.realm challenge.nonce challenge.opaque challenge.qop challenge.ik challenge.ck
            bf branch branch.flag ci cl cs ct ct.fields cT dd di dip dir dp dP ds du duri err.class err.level err.info
            err.rcode err.rreason fd from.domain fn ft fu from fU from.user log_level mb mf mi ml msg.branch
            msg.branch.uri msg.branch.duri msg.branch.path msg.branch.q msg.branch.flags msg.branch.socket
            msg.branch.flag msg.branch.attr msg.branch.last_idx msg.flag msg.is_request msg.type od op oP ou ouri oU
            path param pd proxy_protocol pn pp pU pu rd ruri.domain rb rc retcode re return rm rp rP rr rs rt ru ruri rU
            ruri.user ru_q sdp sdp.line sdp.stream sdp.session sdp.stream.idx si src_ip socket_in socket_out sp td
            to.domain tn tt tu to tU to.user time Tf Ts Tsm TS ua hdr hdr_name hdrcnt route route.type route.name
            cfg_line cfg_file xlog_level C
            """
        #expect(Self.words(documented).filter { !names.contains($0) } == [], "not declared")
        let writable = Set(CoreModule.declaration.variables.filter(\.isWritable).map(\.name))
        let assigned = """
            var avp branch branch.flag dd dp du duri log_level msg.branch msg.branch.uri msg.branch.duri msg.branch.path
            msg.branch.q msg.branch.flags msg.branch.socket msg.branch.flag msg.branch.attr msg.flag rd ruri.domain rp ru
            ruri rU ruri.user ru_q sdp sdp.line sdp.stream sdp.session socket_out xlog_level
            """
        #expect(Self.words(assigned).filter { !writable.contains($0) } == [], "not writable")
    }

    @Test(arguments: [
        (
            "s",
            """
            len int md5 crc32 reverse substr select encode.hexa decode.hexa escape.common unescape.common escape.user
            unescape.user escape.param unescape.param tolower toupper index rindex fill.left fill.right width trim trimr
            triml dec2hex hex2dec b64encode b64decode xor eval date2unix sha1 sha224 sha256 sha384 sha512 sha1_hmac
            sha224_hmac sha256_hmac sha384_hmac sha512_hmac
            """
        ),
        (
            "uri",
            "user host domain passwd port params param headers transport ttl uparam maddr method lr r2 schema"
        ),
        ("via", "name version transport host domain port comment params param branch received rport"),
        ("param", "value exist valueat name count"), ("nameaddr", "name uri len param params"),
        ("ip", "pton ntop isip isip4 isip6 family resolve matches isprivate"), ("csv", "count value"),
        ("sdp", "line stream stream-delete"), ("re", "subst"),
    ])
    func transformations(family: String, documented: String) {
        let names = Set(CoreModule.declaration.transformations.filter { $0.family == family }.map(\.name))
        #expect(Self.words(documented).filter { !names.contains($0) } == [], "not declared")
    }

    @Test func globalParameters() {
        let documented = """
            abort_on_assert advertised_address advertised_port auto_aliases auto_scaling_cycle check_via chroot
            debug_mode db_version_table db_default_url db_max_async_connections disable_503_translation
            disable_core_dump disable_dns_blacklist disable_dns_failover disable_stateless_fwd dns dns_retr_time
            dns_retr_no dns_servers_no dns_try_ipv6 dns_try_naptr dns_use_search_list enable_asserts
            event_pkg_threshold event_shm_threshold exec_dns_threshold exec_msg_threshold log_event_enabled
            log_event_level_filter log_json_buf_size log_level log_msg_buf_size log_stdout log_prefix max_while_loops
            maxbuffer mem-group mem_warming mem_warming_percentage mem_warming_pattern_file memdump mem_dump memlog
            mem_log mcast_loopback mcast_ttl mhomed mpath open_files_limit poll_method pv_print_buf_size
            query_buffer_size query_flush_time restart_persistency_cache_file restart_persistency_size rev_dns
            server_header server_signature shm_hash_split_percentage shm_memlog_size shm_secondary_hash_size
            sip_warning stderror_enabled stderror_level_filter stderror_log_format syslog_enabled syslog_facility
            syslog_level_filter syslog_log_format syslog_name tcp_workers tcp_threads tcp_accept_aliases
            tcp_connect_timeout tcp_connection_lifetime tcp_max_connections tcp_max_msg_time tcp_no_new_conn_bflag
            tcp_no_new_conn_rplflag tcp_socket_backlog tcp_threshold tcp_keepalive tcp_keepcount tcp_keepidle
            tcp_keepinterval timer_workers tos udp_workers user_agent_header wdir xlog_buf_size xlog_force_color
            xlog_level xlog_print_level
            """
        #expect(Self.words(documented).filter { GlobalParameterTable.byName[$0] == nil } == [], "not declared")
    }

    // MARK: Common

    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    private static func functions(_ text: String) -> [Documented] {
        words(text).map { word in
            let parts = word.split(separator: ":")
            let counts = parts[1].split(separator: "-").compactMap { Int($0) }
            return Documented(name: String(parts[0]), required: counts[0], most: counts[counts.count - 1])
        }
    }

    private static func expect(_ documented: Documented, in module: ModuleDeclaration) throws {
        let function = try #require(
            module.functions.first { $0.name == documented.name }, "\(documented.name) of \(module.name)")
        let required = (function.parameters.lastIndex { !$0.isOptional }).map { $0 + 1 } ?? 0
        #expect(required == documented.required, "\(documented.name) needs another number of arguments")
        #expect(function.parameters.count == documented.most, "\(documented.name) takes another number of arguments")
    }
}
