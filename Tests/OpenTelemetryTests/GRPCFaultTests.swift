import GRPCCore
import Testing

@testable import OpenTelemetry

/// What each status of gRPC means for the spans (OTLP, "OTLP/gRPC": what may be tried again).
@Suite struct GRPCFaultTests {
    private func cause(_ outcome: ExportOutcome) -> (LossCause, isRetried: Bool)? {
        switch outcome {
        case .failed(let cause, _, _): (cause, true)
        case .refused(let cause, _): (cause, false)
        case .taken, .takenUnreadable: nil
        }
    }

    static let codes: [(RPCError.Code, LossCause, Bool)] = [
        (.cancelled, .retryExhausted, true), (.deadlineExceeded, .timeout, true), (.aborted, .retryExhausted, true),
        (.outOfRange, .retryExhausted, true), (.dataLoss, .retryExhausted, true),
        (.resourceExhausted, .rejected, false), (.unknown, .rejected, false), (.invalidArgument, .rejected, false),
        (.notFound, .rejected, false), (.alreadyExists, .rejected, false), (.permissionDenied, .rejected, false),
        (.unauthenticated, .rejected, false), (.failedPrecondition, .rejected, false),
        (.unimplemented, .rejected, false), (.internalError, .rejected, false),
    ]

    @Test(arguments: codes) func aStatus(code: RPCError.Code, expected: LossCause, isRetried: Bool) throws {
        let found = try #require(cause(GRPCFault.outcome(of: RPCError(code: code, message: "told to"))))
        #expect(found == (expected, isRetried))
    }

    /// An answer that had begun and whose message did not come out is too long, or nothing that can be unpacked.
    @Test(arguments: [RPCError.Code.internalError, .resourceExhausted])
    func anAnswerThatCannotBeTaken(code: RPCError.Code) throws {
        let met = RPCError(code: code, message: "whatever the library says")
        let error = RPCError(code: .internalError, message: "Failed to decode message \(met)")
        #expect(
            try #require(cause(GRPCFault.outcome(of: error, isInMessage: true)))
                == (code == .resourceExhausted ? .answerTooBig : .answerBroken, false))
        // Trailers are the collector's.
        let told = RPCError(code: code, message: "m", metadata: ["x": "y"])
        #expect(try #require(cause(GRPCFault.outcome(of: told, isInMessage: true))) == (.rejected, false))
    }

    /// Nobody answered, or the collector said so itself.
    @Test func unavailable() throws {
        let nobody = RPCError(code: .unavailable, message: "no connection")
        #expect(try #require(cause(GRPCFault.outcome(of: nobody))) == (.unreachable, true))
        let told = RPCError(code: .unavailable, message: "busy", metadata: ["x": "y"])
        #expect(try #require(cause(GRPCFault.outcome(of: told))) == (.retryExhausted, true))
    }
}
