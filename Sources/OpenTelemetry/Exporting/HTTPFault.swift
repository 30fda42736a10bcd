import AsyncHTTPClient
import Compression
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What an error of the HTTP client means for the spans.
enum HTTPFault {
    static func outcome(of error: any Error) -> ExportOutcome {
        if error is NIOTooManyBytesError || error as? Gzip.Fault == .tooLong {
            return .refused(.answerTooBig, "an answer of more than \(ExportLimits.answerBytesMax) bytes")
        }
        if error is Gzip.Fault { return .takenUnreadable("an answer whose compression is broken") }
        if isOfTLS(error) { return .failed(.tls, textOfTLS(error)) }
        if isTimeout(error) { return .failed(.timeout, "no answer in time") }
        return .failed(.unreachable, text(error))
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        let times: [HTTPClientError] = [
            .connectTimeout, .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout,
            .tlsHandshakeTimeout, .cancelled,
        ]
        if let error = error as? HTTPClientError { return times.contains(error) }
        if case ChannelError.connectTimeout = error { return true }
        return error is CancellationError
    }

    /// A handshake that failed: a certificate that is expired, or for another name, or signed by nobody known.
    static func isOfTLS(_ error: any Error) -> Bool {
        if let error = error as? NIOSSLError {
            if case .uncleanShutdown = error { return false }
            return true
        }
        return error is NIOSSLExtraError || error is BoringSSLError
    }

    /// The two faults that an operator meets in words; of others, what the library says.
    static func textOfTLS(_ error: any Error) -> String {
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "the collector's certificate can't be verified: it is expired, or signed by nobody who is trusted"
        }
        if error is NIOSSLExtraError { return "the collector's certificate is for another name: \(bounded(text))" }
        return bounded("TLS: \(text)")
    }

    static func text(_ error: any Error) -> String {
        // NIO's errors that hold one for each address say more by these than by their own text.
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return bounded("\(error.host):\(error.port): \(first.error)")
        }
        return bounded(String(describing: error))
    }

    static func bounded(_ text: String) -> String { String(text.prefix(ExportLimits.messageCharactersMax)) }
}
