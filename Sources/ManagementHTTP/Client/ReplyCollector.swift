import Glibc
import Management
import NIOCore
import NIOSSL
import NIOTLS

/// Sends a request when TLS is up and gathers what comes back. Confined to its loop.
final class ReplyCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: [UInt8]
    private let answer: EventLoopPromise<[UInt8]>
    private let encryption: NIOSSLClientHandler
    private let endpoint: ManagementEndpoint
    private let isComplete: ([UInt8]) -> Bool
    private var bytes: [UInt8] = []
    private var isUp = false

    init(
        request: [UInt8], answer: EventLoopPromise<[UInt8]>, encryption: NIOSSLClientHandler,
        endpoint: ManagementEndpoint, isComplete: @escaping ([UInt8]) -> Bool
    ) {
        self.request = request
        self.answer = answer
        self.encryption = encryption
        self.endpoint = endpoint
        self.isComplete = isComplete
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event, !isUp {
            isUp = true
            context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request)), promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        if bytes.count > ManagementClient.replyBytesMax {
            answer.fail(ManagementClientError.badReply("longer than \(ManagementClient.replyBytesMax) bytes"))
            context.close(promise: nil)
        } else if isComplete(bytes) {
            answer.succeed(bytes)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard !isUp else { return answer.succeed(bytes) }
        answer.fail(
            ManagementClientError.noTLS(
                endpoint, reason: "it closed the connection before that was up; does it speak TLS?"))
    }

    /// Whatever came before the end is the answer, or none; before TLS is up it says why there is no TLS.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isUp { answer.fail(fault(of: error)) }
        context.close(promise: nil)
    }

    private func fault(of error: any Error) -> ManagementClientError {
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return .untrusted(endpoint, reason: certificateFault) }
        if error is NIOSSLExtraError || error as? NIOSSLError == .unableToValidateCertificate {
            return .untrusted(endpoint, reason: "its certificate is for another name or address than that")
        }
        if ["WRONG_VERSION_NUMBER", "HTTP_REQUEST"].contains(where: text.contains) {
            return .noTLS(endpoint, reason: "what it answers is no TLS; write http:// if it speaks plain HTTP")
        }
        return .noTLS(endpoint, reason: String(text.prefix(300)))
    }

    private var certificateFault: String {
        if let certificate = encryption.peerCertificate {
            if certificate.notValidAfter < time(nil) {
                return "its certificate expired on \(Self.date(certificate.notValidAfter))"
            }
            if certificate.notValidBefore > time(nil) {
                return "its certificate is not valid before \(Self.date(certificate.notValidBefore))"
            }
        }
        return "nobody who is trusted here vouches for its certificate (self-signed?); --ca FILE says whom to trust"
    }

    private static func date(_ time: time_t) -> String {
        var time = time
        var parts = tm()
        gmtime_r(&time, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }
}
