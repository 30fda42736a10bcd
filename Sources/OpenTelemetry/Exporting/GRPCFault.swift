import GRPCCore
import GRPCProtobuf

/// What an error of a call means for the spans (OTLP, "OTLP/gRPC", "Failures").
enum GRPCFault {
    /// - Parameter isInMessage: the collector had begun to answer (a refusal is a status without that), and its message did not
    ///   come out. grpc-swift ends the call itself then, as an internal error without any trailer whose text ends with the
    ///   error that the message met (2.x, GRPCStreamStateMachine): `resourceExhausted` for one that is longer than the limit,
    ///   before or after decompression, another for one that can't be unpacked.
    static func outcome(of error: any Error, isInMessage: Bool = false) -> ExportOutcome {
        guard let error = error as? RPCError else {
            return error is CancellationError
                ? .failed(.timeout, "no answer in time") : .failed(.unreachable, HTTPFault.bounded("\(error)"))
        }
        let text = describe(error)
        let delay = retryDelay(error)
        if isInMessage, error.metadata.isEmpty, error.code == .internalError || error.code == .resourceExhausted {
            return error.message.contains("\(RPCError.Code.resourceExhausted)")
                ? .refused(.answerTooBig, "an answer of more than \(ExportLimits.answerBytesMax) bytes: \(text)")
                : .refused(.answerBroken, "an answer that can't be unpacked: \(text)")
        }
        switch error.code {
        case .deadlineExceeded: return .failed(.timeout, text, delay)
        case .unavailable:
            guard error.cause != nil || error.metadata.isEmpty else { return .failed(.retryExhausted, text, delay) }
            if let fault = faultOfTLS(error) { return .failed(.tls, HTTPFault.textOfTLS(fault), delay) }
            return .failed(.unreachable, text, delay)
        case .cancelled, .aborted, .outOfRange, .dataLoss: return .failed(.retryExhausted, text, delay)
        case .resourceExhausted:
            return delay == nil ? .refused(.rejected, text) : .failed(.retryExhausted, text, delay)
        default: return .refused(.rejected, text)
        }
    }

    /// `RetryInfo` in the details of the status. A negative one is as if there were none.
    private static func retryDelay(_ error: RPCError) -> RetryDelay? {
        guard let status = try? error.unpackGoogleRPCStatus() else { return nil }
        for case let info? in status.details.map(\.retryInfo) {
            let (seconds, attoseconds) = info.delay.components
            guard seconds >= 0, attoseconds >= 0 else { return nil }
            return .nanoseconds(
                UInt64(min(seconds, Int64(Int32.max))) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000))
        }
        return nil
    }

    /// The handshake's error, when that is what keeps the connection from being there.
    private static func faultOfTLS(_ error: RPCError) -> (any Error)? {
        var cause: (any Error)? = error.cause
        while let present = cause {
            if HTTPFault.isOfTLS(present) { return present }
            cause = (present as? RPCError)?.cause
        }
        return nil
    }

    private static func describe(_ error: RPCError) -> String {
        var text = "gRPC \(error.code): \(error.message)"
        var cause: (any Error)? = error.cause
        while let present = cause {
            text += " (\((present as? RPCError)?.message ?? String(describing: present)))"
            cause = (present as? RPCError)?.cause
        }
        return HTTPFault.bounded(text)
    }
}
