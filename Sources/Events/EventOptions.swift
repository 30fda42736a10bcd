/// What the modules of the event transports set.
package struct EventOptions: Hashable, Sendable {
    /// `profiling_fields` of `event_datagram`: what profiling events over `udp:` and `unix:` have beyond the peer's fields.
    package var datagramFields: ExtraFields = []
    /// `profiling_fields` of `event_stream`: the same over `tcp:`.
    package var streamFields: ExtraFields = []
    /// Whether `event_stream` is loaded: without it `tcp:` is no address.
    package var hasStreams = false
    /// `reliable_mode` of `event_stream`: each event is a request, and the next goes out when it was answered.
    package var isReliable = false
    /// `timeout` of `event_stream`: how long a connection, a write or an answer may take.
    package var streamMilliseconds = 1000
    /// `event_param` of `event_stream`: the parameter that holds the event's name.
    package var eventParameter: String?

    package init() {}

    func takes(_ socket: EventSocket) -> Bool {
        if case .tcp = socket { return hasStreams }
        return true
    }

    func format(of socket: EventSocket, fields: ExtraFields) -> EventFormat {
        switch socket {
        case .udp, .unix: EventFormat(fields: datagramFields.union(fields))
        case .tcp(_, let method):
            EventFormat(fields: streamFields.union(fields), method: method, eventParameter: eventParameter)
        }
    }
}
