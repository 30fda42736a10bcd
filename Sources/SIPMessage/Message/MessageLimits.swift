/// How much one message may hold. Whatever passes a limit is refused with an error that names the limit.
package struct MessageLimits: Hashable, Sendable {
    /// Bytes of a whole message; a longer one is dropped unread.
    package var messageBytesMax = 65_535
    /// Bytes of the request line or status line.
    package var startLineBytesMax = 8_192
    /// Header fields.
    package var headerCountMax = 256
    /// Bytes of one header field, its folded lines included. Never above 65,535.
    package var headerBytesMax = 16_384

    /// The limits of a server that nobody configured.
    package static let `default` = MessageLimits()

    package init() {}
}
