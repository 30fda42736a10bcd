extension HeaderID {
    /// The one-letter form of the name (RFC 3261 §7.3.3 and later RFCs); nil when there is none.
    package var compactName: UInt8? {
        switch self {
        case .via: UInt8(ascii: "v")
        case .from: UInt8(ascii: "f")
        case .to: UInt8(ascii: "t")
        case .callID: UInt8(ascii: "i")
        case .contact: UInt8(ascii: "m")
        case .contentLength: UInt8(ascii: "l")
        case .contentType: UInt8(ascii: "c")
        case .supported: UInt8(ascii: "k")
        case .acceptContact: UInt8(ascii: "a")
        case .allowEvents: UInt8(ascii: "u")
        case .contentEncoding: UInt8(ascii: "e")
        case .event: UInt8(ascii: "o")
        case .identity: UInt8(ascii: "y")
        case .identityInfo: UInt8(ascii: "n")
        case .referTo: UInt8(ascii: "r")
        case .referredBy: UInt8(ascii: "b")
        case .rejectContact: UInt8(ascii: "j")
        case .requestDisposition: UInt8(ascii: "d")
        case .sessionExpires: UInt8(ascii: "x")
        case .subject: UInt8(ascii: "s")
        default: nil
        }
    }

    /// Whether its value is a comma-separated list, so that one field with commas says the same as several fields
    /// (RFC 3261 §7.3.1).
    package var isList: Bool {
        switch self {
        case .via, .contact, .route, .recordRoute, .allow, .supported, .require, .accept, .acceptContact,
            .acceptEncoding, .acceptLanguage, .acceptResourcePriority, .alertInfo, .allowEvents, .callInfo,
            .contentEncoding, .contentLanguage, .diversion, .errorInfo, .featureCaps, .geolocation,
            .historyInfo, .inReplyTo, .pAccessNetworkInfo, .pAssertedIdentity, .pAssociatedURI, .pEarlyMedia,
            .pMediaAuthorization, .pPreferredIdentity, .pVisitedNetworkID, .path, .proxyRequire, .reason,
            .recvInfo, .rejectContact, .remotePartyID, .requestDisposition, .resourcePriority, .securityClient,
            .securityServer, .securityVerify, .serviceRoute, .unsupported, .userToUser, .warning:
            true
        default: false
        }
    }

    /// Whether a message may hold several fields of this name: lists, challenges and credentials, free text, and
    /// names that are not known.
    package var isRepeatable: Bool {
        switch self {
        case .userAgent, .authenticationInfo, .authorization, .encryption, .identity, .privacy,
            .proxyAuthenticate, .proxyAuthenticationInfo, .proxyAuthorization, .responseKey, .server,
            .wwwAuthenticate, .other:
            true
        default: isList
        }
    }
}
