import Bytes
import Reactor
import SIPMessage

/// The called telephones: ring, answer after a moment, hang up when told to. A number that begins with `busy` is busy.
///
/// Confined to its process.
final class Callee {
    static let ringing = ReactorSites.timer("demo-answer")

    private let socket: EndpointSocket
    private let server: SocketAddress
    private let answerAfterMilliseconds: Int
    private(set) var answered = 0

    init(socket: EndpointSocket, server: SocketAddress, answerAfterMilliseconds: Int) {
        self.socket = socket
        self.server = server
        self.answerAfterMilliseconds = answerAfterMilliseconds
    }

    func start() throws(SystemCallError) {
        try socket.listen { [unowned self] message in
            if message.isRequest { self.handle(message) }
        }
    }

    private func handle(_ request: Message) {
        switch request.method {
        case .invite where request.requestURI.string.hasPrefix("sip:busy"):
            reply(to: request, 486, "Busy Here")
        case .invite:
            reply(to: request, 180, "Ringing")
            socket.process.reactor.schedule(afterMilliseconds: answerAfterMilliseconds, label: Self.ringing) {
                [unowned self] in
                answered += 1
                reply(to: request, 200, "OK", withSession: true)
            }
        case .ack: break
        default: reply(to: request, 200, "OK")
        }
    }

    private func reply(to request: Message, _ code: Int, _ reason: String, withSession: Bool = false) {
        var text = "SIP/2.0 \(code) \(reason)\r\n"
        for field in request.headers {
            switch field.id {
            case .via, .recordRoute, .from, .callID, .cseq:
                text += "\(request.text(field.name)): \(request.text(field.value))\r\n"
            case .to:
                let value = request.text(field.value).string
                text += "To: \(value)\(value.contains("tag=") ? "" : ";tag=callee")\r\n"
            default: break
            }
        }
        text += "Contact: <sip:callee@\(socket.address)>\r\n"
        text += withSession ? SessionDescription.text(socket.address) : "Content-Length: 0\r\n\r\n"
        socket.send(text, to: server)
    }
}

/// The smallest useful SDP, as a body with its two header fields.
enum SessionDescription {
    static func text(_ address: SocketAddress) -> String {
        let body =
            "v=0\r\no=sipray 1 1 IN IP4 \(address.host)\r\ns=demo\r\nc=IN IP4 \(address.host)\r\nt=0 0\r\n"
            + "m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        return "Content-Type: application/sdp\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}
