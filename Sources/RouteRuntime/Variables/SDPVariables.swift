import RouteLanguage

/// `$sdp…`: reading and rewriting of session descriptions piece by piece. Not here yet.
enum SDPVariables {
    private static let reason = "read $rb with {sdp.line} and {sdp.stream}; change bodies with textops"

    static let all: [VariableDefinition] = [
        .missing("sdp", isWritable: true, reason),
        .missing("sdp.line", inner: .optional, isWritable: true, isIndexable: true, reason),
        .missing("sdp.stream", inner: .optional, isWritable: true, isIndexable: true, reason),
        .missing("sdp.stream.idx", inner: .optional, isWritable: true, isIndexable: true, reason),
        .missing("sdp.session", inner: .optional, isWritable: true, isIndexable: true, reason),
        .missing("proxy_protocol", inner: .optional, "SIPRay's UDP sockets do not take the PROXY protocol"),
    ]
}
