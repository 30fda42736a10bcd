import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `sipmsg_validate()`: whether a message is built as RFC 3261 says. Codes are those that scripts know; -1 (no SIP
/// message) and -255 (undefined) don't occur: what is no message never comes to a script, and every fault has its code.
enum MessageValidation {
    /// Why a message is refused.
    enum Fault: Int32 {
        case headerParsing = -2
        case noCallID = -3
        case noContentLength = -4
        case badContentLength = -5
        case badSDP = -6
        case noCSeq = -7
        case noFrom = -8
        case noTo = -9
        case noVia = -10
        case badRequestURI = -11
        case badRequestHost = -12
        case noMaxForwards = -13
        case noContact = -14
        case pathOutsideRegister = -15
        case noAllow = -16
        case noMinExpires = -17
        case noProxyAuthenticate = -18
        case noUnsupported = -19
        case noWWWAuthenticate = -20
        case noContentType = -21
        case badTo = -22
        case badToHost = -23
        case badFrom = -24
        case badFromHost = -25
        case badContact = -26
        case badRequestUser = -27
        case badFromUser = -28
        case badToUser = -29
        case asteriskContact = -30

        var text: ByteString {
            switch self {
            case .headerParsing: "A header field breaks the grammar"
            case .noCallID: "No Call-ID"
            case .noContentLength: "No Content-Length"
            case .badContentLength: "Content-Length is not the length of the body"
            case .badSDP: "The SDP body breaks the grammar"
            case .noCSeq: "No CSeq"
            case .noFrom: "No From"
            case .noTo: "No To"
            case .noVia: "No Via"
            case .badRequestURI: "The request URI breaks the grammar"
            case .badRequestHost: "Bad host in the request URI"
            case .noMaxForwards: "No Max-Forwards"
            case .noContact: "No Contact"
            case .pathOutsideRegister: "Path in another request than REGISTER"
            case .noAllow: "No Allow in a 405"
            case .noMinExpires: "No Min-Expires in a 423"
            case .noProxyAuthenticate: "No Proxy-Authenticate in a 407"
            case .noUnsupported: "No Unsupported in a 420"
            case .noWWWAuthenticate: "No WWW-Authenticate in a 401"
            case .noContentType: "A body without Content-Type"
            case .badTo: "To breaks the grammar"
            case .badToHost: "Bad host in To"
            case .badFrom: "From breaks the grammar"
            case .badFromHost: "Bad host in From"
            case .badContact: "Contact breaks the grammar"
            case .badRequestUser: "Bad user in the request URI"
            case .badFromUser: "Bad user in From"
            case .badToUser: "Bad user in To"
            case .asteriskContact: "Contact is * outside REGISTER"
            }
        }
    }

    static func run(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard
            let fault = fault(of: context.message, transport: context.sourceTransport, flags: call.string(0) ?? .empty)
        else { return .yes }
        if call.isPresent(1) { call.assign(1, .string(fault.text)) }
        return .done(fault.rawValue)
    }

    /// The first fault; nil for a message that is well built.
    static func fault(of message: Message, transport: ByteString, flags: ByteString) -> Fault? {
        let mandatory: [(HeaderID, Fault)] = [
            (.callID, .noCallID), (.cseq, .noCSeq), (.from, .noFrom), (.to, .noTo), (.via, .noVia),
        ]
        for (id, fault) in mandatory where !message.contains(id) { return fault }
        if let fault = contentFault(message, transport, flags) { return fault }
        if message.isRequest {
            if !flags.contains(UInt8(ascii: "m")), !message.contains(.maxForwards) { return .noMaxForwards }
            if message.contains(.path), message.method != .register { return .pathOutsideRegister }
        }
        if let fault = contactFault(message, flags) ?? replyFault(message) { return fault }
        return addressFault(message, flags)
    }

    private static func contentFault(_ message: Message, _ transport: ByteString, _ flags: ByteString) -> Fault? {
        if !message.contains(.contentLength) {
            if transport != "udp" { return .noContentLength }
        } else if message.contentLength != UInt32(message.bodyRange.count) {
            return .badContentLength
        }
        guard !message.bodyRange.isEmpty else { return nil }
        guard message.contains(.contentType) else { return .noContentType }
        if flags.contains(UInt8(ascii: "s")) {
            for part in message.bodyParts.parts where part.isOf("application/sdp") {
                if !SDPText(part.body).isWellFormed { return .badSDP }
            }
        }
        return nil
    }

    private static func contactFault(_ message: Message, _ flags: ByteString) -> Fault? {
        let makesDialog: Bool
        switch message.method {
        case .invite, .subscribe, .refer:
            makesDialog = message.isRequest || (200..<300).contains(message.statusCode)
        default: makesDialog = false
        }
        if makesDialog, !message.contains(.contact) { return .noContact }
        guard flags.contains(UInt8(ascii: "c")), message.contains(.contact) else { return nil }
        for element in message.elements(of: .contact) {
            guard let address = NameAddress(message.text(element.range)) else { return .badContact }
            if address.isAsterisk {
                guard message.isRequest, message.method == .register, message.contains(.expires) else {
                    return .asteriskContact
                }
            } else if address.uri == nil {
                return .badContact
            }
        }
        return nil
    }

    private static func replyFault(_ message: Message) -> Fault? {
        guard !message.isRequest else { return nil }
        switch message.statusCode {
        case 401 where !message.contains(.wwwAuthenticate): return .noWWWAuthenticate
        case 405 where !message.contains(.allow): return .noAllow
        case 407 where !message.contains(.proxyAuthenticate): return .noProxyAuthenticate
        case 420 where !message.contains(.unsupported): return .noUnsupported
        case 423 where !message.contains(.minExpires): return .noMinExpires
        default: return nil
        }
    }

    private static func addressFault(_ message: Message, _ flags: ByteString) -> Fault? {
        if flags.contains(UInt8(ascii: "h")), message.cseq == nil || message.topVia == nil { return .headerParsing }
        if flags.contains(UInt8(ascii: "r")) || flags.contains(UInt8(ascii: "h")), message.isRequest {
            guard let uri = SIPURI(message.requestURI) else { return .badRequestURI }
            if !hasValidHost(uri) { return .badRequestHost }
            if !hasValidUser(uri) { return .badRequestUser }
        }
        if flags.contains(UInt8(ascii: "f")) || flags.contains(UInt8(ascii: "h")) {
            guard let uri = message.from?.uri else { return .badFrom }
            if flags.contains(UInt8(ascii: "f")) {
                if !hasValidHost(uri) { return .badFromHost }
                if !hasValidUser(uri) { return .badFromUser }
            }
        }
        if flags.contains(UInt8(ascii: "t")) || flags.contains(UInt8(ascii: "h")) {
            guard let uri = message.to?.uri else { return .badTo }
            if flags.contains(UInt8(ascii: "t")) {
                if !hasValidHost(uri) { return .badToHost }
                if !hasValidUser(uri) { return .badToUser }
            }
        }
        return nil
    }

    /// Whether the user is made of the characters and escapes that a user may have; what is no SIP URI has none.
    private static func hasValidUser(_ uri: SIPURI) -> Bool {
        guard uri.scheme == .sip || uri.scheme == .sips else { return true }
        return uri.user.isUserText
    }

    /// Whether the host is made of the bytes that a name or an address may have.
    private static func hasValidHost(_ uri: SIPURI) -> Bool {
        guard uri.scheme == .sip || uri.scheme == .sips else { return true }
        let host = uri.host
        guard let first = host.first, let last = host.last else { return false }
        if first == ASCII.openBracket { return last == ASCII.closeBracket }
        return first != UInt8(ascii: "-") && first != UInt8(ascii: ".")
            && host.elements.allSatisfy {
                ASCII.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }
}
