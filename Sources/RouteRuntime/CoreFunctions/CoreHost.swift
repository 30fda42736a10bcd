package import Bytes

/// What the core's functions need of the floors that the runtime cannot see. Given by the server at start.
package struct CoreHost: Sendable {
    /// Sends the request on without state: `forward()`. Destination as `[proto:]host[:port]`, nil: by the request URI.
    package var forward: HostFunction
    /// Sends the message as received to a destination: `send()`.
    package var send: HostFunction
    /// Makes the connection of the message that of another port of its peer too: `force_tcp_alias()`; nil: the Via's port.
    package var addAlias: @Sendable (_ call: borrowing Call, _ port: Int?) -> Bool
    /// Closes the connection of the message: `tcp_close_conn()`.
    package var closeConnection: @Sendable (_ call: borrowing Call) -> Bool
    /// The listening socket that a text names: `udp:10.0.0.1:5060`, `10.0.0.1`, a tag.
    package var socket: @Sendable (ByteString) -> ScriptSocket?
    /// Whether a host and port (0: any) are ours: a socket, an advertised address or an alias.
    package var isMyself: @Sendable (_ host: ByteString, _ port: Int, _ transport: ByteString?) -> Bool
    /// Whether a socket belongs to a `bond`.
    package var isInBond: @Sendable (_ socket: ByteString, _ bond: ByteString) -> Bool
    /// The index of a `dst_blacklist`, nil when there is none of that name.
    package var blacklist: @Sendable (ByteString) -> Int?
    /// Lists that are in use before a script chose any, one bit each.
    package var defaultBlacklists: UInt64 = 0
    /// Whether an address lies in a blacklist; nil: in one of those in use.
    package var isBlacklisted: @Sendable (_ list: Int?, _ call: borrowing Call) -> Bool
    /// Raises an event of the script: `raise_event()`.
    package var raiseEvent: @Sendable (_ name: ByteString, _ parameters: [(name: ByteString?, value: Value)]) -> Bool
    /// Subscribes somebody to an event: `subscribe_event()`. Expiry in seconds, nil: never.
    package var subscribeEvent: @Sendable (_ name: ByteString, _ socket: ByteString, _ expires: Int?) -> Bool
    /// The store that `cache_store()` and its like name.
    package var store: @Sendable (ByteString) -> (any KeyValueStore)?

    /// A host of a runtime that stands alone: nothing can be sent, nothing is ours.
    package init() {
        forward = { _ in .no }
        send = { _ in .no }
        addAlias = { _, _ in false }
        closeConnection = { _ in false }
        socket = { _ in nil }
        isMyself = { _, _, _ in false }
        isInBond = { _, _ in false }
        blacklist = { _ in nil }
        isBlacklisted = { _, _ in false }
        raiseEvent = { _, _ in false }
        store = { _ in nil }
        subscribeEvent = { _, _, _ in false }
    }
}
