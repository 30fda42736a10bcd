import Bytes

/// What `rr` keeps with a message: the Record-Route that was asked for, and our own Route value that was found.
struct RouteState {
    /// A Record-Route is to be added when the message goes out.
    var isRecording = false
    /// Parameters for it, each with its semicolon.
    var parameters = ByteString.empty
    /// Given by `record_route_preset()`: for the outbound side, and for the inbound side when it differs.
    var preset: (outbound: ByteString, inbound: ByteString?)?
    /// What `loose_route()` answered, nil before it was called.
    var looseRouteResult: Int32?
    /// The Route values that `loose_route()` left, nil before it was called.
    var remaining: [ByteString]?
    /// Parameters of our own Route value, with their first semicolon.
    var ownParameters: ByteString?
}
