/// A header name that the server knows. Any other name is `other`; its text is in the message.
///
/// The raw values of the first `indexedCount` are positions in each message's table of first fields, so those are
/// found in one load. All of them are below 128, because a message keeps a set of the ids it holds as 128 bits.
package enum HeaderID: UInt8, BitwiseCopyable, Hashable, Sendable, CaseIterable {
    case via, from, to, callID, cseq, contact, maxForwards, route, recordRoute, contentLength, contentType
    case expires, allow, supported, require, userAgent, accept, acceptContact, acceptEncoding, acceptLanguage
    case acceptResourcePriority, alertInfo, allowEvents, answerMode, authenticationInfo, authorization
    case callInfo, contentDisposition, contentEncoding, contentLanguage, contentID, date, diversion
    case encryption, errorInfo, event, featureCaps, flowTimer, geolocation, geolocationError
    case geolocationRouting, historyInfo, identity, identityInfo, infoPackage, inReplyTo, join, maxBreadth
    case mimeVersion, minExpires, minSE, organization, pAccessNetworkInfo, pAnswerState, pAssertedIdentity
    case pAssertedService, pAssociatedURI, pCalledPartyID, pChargingFunctionAddresses, pChargingVector
    case pEarlyMedia, pMediaAuthorization, pPreferredIdentity, pPreferredService, pProfileKey, pServedUser
    case pUserDatabase, pVisitedNetworkID, path, priority, privAnswerMode, privacy, proxyAuthenticate
    case proxyAuthenticationInfo, proxyAuthorization, proxyRequire, rack, reason, recvInfo, referSub, referTo
    case referredBy, rejectContact, remotePartyID, replaces, replyTo, requestDisposition, resourcePriority
    case responseKey, retryAfter, rseq, securityClient, securityServer, securityVerify, server, serviceRoute
    case sessionExpires, sessionID, sipETag, sipIfMatch, subject, subscriptionState, suppressIfMatch
    case targetDialog, timestamp, unsupported, userToUser, warning, wwwAuthenticate
    case other

    /// How many ids, from 0 on, have a place in each message's table of first fields.
    static let indexedCount = 16

    /// The name in its usual spelling; empty for `other`.
    package var name: StaticString {
        switch self {
        case .via: "Via"
        case .from: "From"
        case .to: "To"
        case .callID: "Call-ID"
        case .cseq: "CSeq"
        case .contact: "Contact"
        case .maxForwards: "Max-Forwards"
        case .route: "Route"
        case .recordRoute: "Record-Route"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .expires: "Expires"
        case .allow: "Allow"
        case .supported: "Supported"
        case .require: "Require"
        case .userAgent: "User-Agent"
        case .accept: "Accept"
        case .acceptContact: "Accept-Contact"
        case .acceptEncoding: "Accept-Encoding"
        case .acceptLanguage: "Accept-Language"
        case .acceptResourcePriority: "Accept-Resource-Priority"
        case .alertInfo: "Alert-Info"
        case .allowEvents: "Allow-Events"
        case .answerMode: "Answer-Mode"
        case .authenticationInfo: "Authentication-Info"
        case .authorization: "Authorization"
        case .callInfo: "Call-Info"
        case .contentDisposition: "Content-Disposition"
        case .contentEncoding: "Content-Encoding"
        case .contentLanguage: "Content-Language"
        case .contentID: "Content-ID"
        case .date: "Date"
        case .diversion: "Diversion"
        case .encryption: "Encryption"
        case .errorInfo: "Error-Info"
        case .event: "Event"
        case .featureCaps: "Feature-Caps"
        case .flowTimer: "Flow-Timer"
        case .geolocation: "Geolocation"
        case .geolocationError: "Geolocation-Error"
        case .geolocationRouting: "Geolocation-Routing"
        case .historyInfo: "History-Info"
        case .identity: "Identity"
        case .identityInfo: "Identity-Info"
        case .infoPackage: "Info-Package"
        case .inReplyTo: "In-Reply-To"
        case .join: "Join"
        case .maxBreadth: "Max-Breadth"
        case .mimeVersion: "MIME-Version"
        case .minExpires: "Min-Expires"
        case .minSE: "Min-SE"
        case .organization: "Organization"
        case .pAccessNetworkInfo: "P-Access-Network-Info"
        case .pAnswerState: "P-Answer-State"
        case .pAssertedIdentity: "P-Asserted-Identity"
        case .pAssertedService: "P-Asserted-Service"
        case .pAssociatedURI: "P-Associated-URI"
        case .pCalledPartyID: "P-Called-Party-ID"
        case .pChargingFunctionAddresses: "P-Charging-Function-Addresses"
        case .pChargingVector: "P-Charging-Vector"
        case .pEarlyMedia: "P-Early-Media"
        case .pMediaAuthorization: "P-Media-Authorization"
        case .pPreferredIdentity: "P-Preferred-Identity"
        case .pPreferredService: "P-Preferred-Service"
        case .pProfileKey: "P-Profile-Key"
        case .pServedUser: "P-Served-User"
        case .pUserDatabase: "P-User-Database"
        case .pVisitedNetworkID: "P-Visited-Network-ID"
        case .path: "Path"
        case .priority: "Priority"
        case .privAnswerMode: "Priv-Answer-Mode"
        case .privacy: "Privacy"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .proxyAuthenticationInfo: "Proxy-Authentication-Info"
        case .proxyAuthorization: "Proxy-Authorization"
        case .proxyRequire: "Proxy-Require"
        case .rack: "RAck"
        case .reason: "Reason"
        case .recvInfo: "Recv-Info"
        case .referSub: "Refer-Sub"
        case .referTo: "Refer-To"
        case .referredBy: "Referred-By"
        case .rejectContact: "Reject-Contact"
        case .remotePartyID: "Remote-Party-ID"
        case .replaces: "Replaces"
        case .replyTo: "Reply-To"
        case .requestDisposition: "Request-Disposition"
        case .resourcePriority: "Resource-Priority"
        case .responseKey: "Response-Key"
        case .retryAfter: "Retry-After"
        case .rseq: "RSeq"
        case .securityClient: "Security-Client"
        case .securityServer: "Security-Server"
        case .securityVerify: "Security-Verify"
        case .server: "Server"
        case .serviceRoute: "Service-Route"
        case .sessionExpires: "Session-Expires"
        case .sessionID: "Session-ID"
        case .sipETag: "SIP-ETag"
        case .sipIfMatch: "SIP-If-Match"
        case .subject: "Subject"
        case .subscriptionState: "Subscription-State"
        case .suppressIfMatch: "Suppress-If-Match"
        case .targetDialog: "Target-Dialog"
        case .timestamp: "Timestamp"
        case .unsupported: "Unsupported"
        case .userToUser: "User-to-User"
        case .warning: "Warning"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .other: ""
        }
    }
}
