package import RouteLanguage

/// Modules that add no function to the language: transports of SIP, of management and of events. Their parameters are
/// read by the Server when it makes the processes.
extension ModuleDeclaration {
    /// `proto_udp`: SIP over UDP.
    package static let protoUDP = ModuleDeclaration(
        "proto_udp", parameters: [.integer("udp_port", 5060)], transport: "udp")

    /// `proto_tcp`: SIP over TCP.
    package static let protoTCP = ModuleDeclaration(
        "proto_tcp",
        parameters: [
            .integer("tcp_port", 5060), .integer("tcp_send_timeout"), .integer("tcp_max_msg_chunks"),
            .integer("tcp_crlf_pingpong", 1), .integer("tcp_crlf_drop", 0), .integer("tcp_async", 1),
            .integer("tcp_async_max_postponed_chunks"), .integer("tcp_async_local_connect_timeout"),
            .integer("tcp_async_local_write_timeout"), .integer("tcp_parallel_handling", 0),
            .integer("tcp_max_opened_connections"),
        ]
            + ["trace_destination", "trace_on", "trace_filter_route"].map {
                ModuleParameterDeclaration(
                    $0, .any,
                    availability: .missing("HEP tracing is not supported; raise the profiling level instead"))
            }, transport: "tcp")

    /// `mi_fifo`: management over a FIFO.
    package static let miFIFO = ModuleDeclaration(
        "mi_fifo",
        parameters: [
            .string("fifo_name", "/tmp/opensips_fifo"),
            .integer("fifo_mode", 0o660),
            ModuleParameterDeclaration("fifo_group", .any),
            ModuleParameterDeclaration("fifo_user", .any),
            .string("reply_dir", "/tmp/"),
            .integer("pretty_printing", 0),
        ] + missing)

    /// `mi_datagram`: management over UDP or a unix socket.
    package static let miDatagram = ModuleDeclaration(
        "mi_datagram",
        parameters: [
            .string("socket_name"),
            ModuleParameterDeclaration("children_count", .any, default: .integer(1)),
            .integer("unix_socket_mode", 0o660),
            ModuleParameterDeclaration("unix_socket_group", .any),
            ModuleParameterDeclaration("unix_socket_user", .any),
            .integer("socket_timeout", 2000),
            .integer("pretty_printing", 0),
            .integer("socket_buf_size", 65457),
        ] + missing)

    /// `event_datagram`: events over UDP or a unix socket.
    package static let eventDatagram = ModuleDeclaration(
        "event_datagram", parameters: [.string("profiling_fields", "")])

    /// `event_stream`: events over TCP.
    package static let eventStream = ModuleDeclaration(
        "event_stream",
        parameters: [
            .integer("reliable_mode", 0),
            .integer("timeout", 1000),
            .string("event_param"),
            .string("profiling_fields", ""),
        ])

    /// `event_route`: events handled by `event_route[NAME]` blocks, which read them with `$param(name)`.
    package static let eventRoute = ModuleDeclaration("event_route")

    /// Of every management transport: what traces it.
    static let missingTraces: [ModuleParameterDeclaration] =
        ["trace_destination", "trace_bwlist"].map {
            ModuleParameterDeclaration(
                $0, .string, availability: .missing("HEP tracing is not supported; raise the profiling level instead"))
        }

    private static let missing: [ModuleParameterDeclaration] =
        missingTraces + [
            ModuleParameterDeclaration(
                "reply_indent", .string, availability: .missing("replies are JSON; indent them with pretty_printing"))
        ]
}
