/// How trace and span ids come about: computed from what a session is called, so that whoever knows the session (the
/// process that sends a request on, the one that handles its reply, the assembler) knows the same ids without asking.
///
/// The secret, drawn at start, tells servers apart. Only the id that derives from a Call-ID is the same on all of them.
package struct TraceIdentity: Sendable {
    private let secret: UInt64

    package init(secret: UInt64) { self.secret = secret }

    /// With a secret that nobody else has.
    package static func random() -> TraceIdentity { TraceIdentity(secret: .random(in: 1 ... .max)) }

    /// The trace of the work that began with a session.
    package func traceID(origin: UInt64) -> TraceID {
        let high = TraceIdentity.mix(secret ^ TraceIdentity.mix(origin))
        return TraceID(high: high, low: TraceIdentity.mix(high ^ secret &+ origin) | 1)
    }

    /// The span of a session, or of one of its jobs, counted from 1.
    package func spanID(session: UInt64, job: Int = 0) -> SpanID {
        let value = TraceIdentity.mix(TraceIdentity.mix(session ^ secret) &+ UInt64(job))
        return SpanID(value == 0 ? 1 : value)
    }

    /// The trace of a call, on every SIPRay server that it crosses: FNV-1a of the Call-ID's first
    /// `MessageNote.fieldBytesMax` bytes with two bases, mixed. A change of it would tear calls apart between versions.
    package static func traceID(callID: some Sequence<UInt8>) -> TraceID {
        var high: UInt64 = 0xCBF2_9CE4_8422_2325
        var low: UInt64 = 0x6C62_272E_07BB_0142
        for byte in callID {
            high = (high ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            low = (low ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 &+ 1
        }
        return TraceID(high: mix(high), low: mix(low) | 1)
    }

    /// The finaliser of SplitMix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
