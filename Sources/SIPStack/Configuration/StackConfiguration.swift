package import Bytes
package import SIPMessage
package import SIPTransaction

/// Everything about the stack that script and start options decide. Fixed once traffic starts.
package struct StackConfiguration: Sendable {
    package var settings = StackConfiguration.defaultSettings
    package var trying = TryingRule.immediately
    package var messageLimits = StackConfiguration.limits
    /// Transactions in memory at once; a request beyond them is answered 503.
    package var transactionsMax = 250_000
    /// Branches of one transaction over its life.
    package var branchesMax = ResponseContext.branchesMax
    /// `disable_6xx_block`: 6xx is handled as any other negative reply.
    package var blocksOn6xx = true
    /// `disable_503_translation`: a 503 that was received goes upstream as it is.
    package var translates503 = true
    /// `disable_dns_failover`.
    package var usesDNSFailover = true
    /// `mhomed`: where no listener was chosen, the kernel's route says which.
    package var followsRoutes = false
    /// `disable_stateless_fwd`: replies without a transaction are dropped, except 2xx to INVITE.
    package var forwardsStrayReplies = true
    /// `ruri_matching`, `via1_matching`: parts of the pre-3261 rule that may be switched off.
    package var matching = MatchingRules()
    /// `tcp_accept_aliases`: `;alias` in a Via makes its connection that of the Via's port too (RFC 5923).
    package var acceptsAliases = false
    /// Value of the `Server` header of replies built here; nil for none (`server_signature`, `server_header`).
    package var serverHeader: ByteString? = "SIPRay"
    /// Value of the `User-Agent` header of requests built here; nil for none (`user_agent_header`).
    package var userAgent: ByteString? = "SIPRay"

    /// Whether notes about replies tell the `traceparent` of their request.
    package var notesTraceParents = false

    package init() {}

    /// A datagram can't be longer than 65,535 bytes; a message of a connection can.
    package static var limits: MessageLimits {
        var limits = MessageLimits.default
        limits.messageBytesMax = FramingLimits.default.messageBytesMax
        return limits
    }

    /// The tm module's documented defaults.
    package static var defaultSettings: TransactionSettings {
        var settings = TransactionSettings()
        settings.finalResponse = 30_000
        settings.finalInviteResponse = 120_000
        settings.setWait(5_000)
        return settings
    }
}
