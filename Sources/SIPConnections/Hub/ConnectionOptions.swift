package import SIPMessage

/// Settings and limits of connections, each with its default.
package struct ConnectionOptions: Hashable, Sendable {
    /// NIO loops; 0: one for each processor (`tcp_threads`).
    package var loops = 0
    /// Connections that others may have open to us (`tcp_max_connections`).
    package var acceptedMax = 2048
    /// Connections that the server may have opened itself (`tcp_max_opened_connections`, which the peer does not have).
    package var openedMax = 16_384
    /// What the making of a connection may take (`tcp_connect_timeout`).
    package var connectMilliseconds = 2_000
    /// How long a connection may be idle (`tcp_connection_lifetime`).
    package var lifetimeMilliseconds = 120_000
    /// What a message may take from its first byte to its last (`tcp_max_msg_time`).
    package var messageMilliseconds = 4_000
    /// Reads that one message may be spread over (`tcp_max_msg_chunks`); 0: any number.
    package var messageChunksMax = 0
    /// How long a peer may take nothing while something waits for it (`tcp_send_timeout`).
    package var stallMilliseconds = 10_000
    /// How long a connection stays open whose peer sends no more (half open) while requests of it are unanswered.
    package var halfOpenMilliseconds = 4_000
    /// Messages (`tcp_async_max_postponed_chunks`) and bytes that may wait for a slow peer.
    package var queueMessagesMax = 4_096
    package var queueBytesMax = 4 << 20
    /// Messages of one connection that may wait for their SIP process before no more are read from it.
    package var handedMessagesMax = 256
    /// Ports that one connection may stand for beside its own.
    package var aliasesMax = 8
    /// Connections that SIP processes may write to themselves, each with a second descriptor; nil: a quarter of the
    /// files that the server may have open. Further ones are written to by their loops.
    package var directConnectionsMax: Int?
    /// `tcp_socket_backlog`
    package var backlog = 1_024
    /// A double CRLF is answered with one (`tcp_crlf_pingpong`).
    package var answersPings = true
    /// Messages of one connection may be handled by several processes at once (`tcp_parallel_handling`).
    package var handlesInParallel = false
    package var keepalive = Keepalive()
    /// The type of service of what is sent; nil: the system's.
    package var typeOfService: Int?
    package var framing = FramingLimits.default

    /// The kernel's probes of idle connections; nil: what the system says.
    package struct Keepalive: Hashable, Sendable {
        package var isOn = true
        package var idleSeconds: Int?
        package var intervalSeconds: Int?
        package var count: Int?

        package init() {}
    }

    package init() {}
}
