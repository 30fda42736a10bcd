import CPlatform

/// What a descriptor is ready for, or what one waits for.
package struct Readiness: OptionSet, BitwiseCopyable, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
    /// An error waits at the descriptor. Reported whether asked for or not.
    package static let failed = Readiness(rawValue: 4)
    /// The peer has closed its side. Reported whether asked for or not.
    package static let hangup = Readiness(rawValue: 8)
}

/// A failed system call of the reactor or a socket: the call and its errno.
package struct SystemCallError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: StaticString
    package let code: Int32

    package init(call: StaticString, code: Int32) {
        self.call = call
        self.code = code
    }

    package static func == (left: SystemCallError, right: SystemCallError) -> Bool {
        left.code == right.code && left.call.description == right.call.description
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(code) }

    package var description: String { "\(call): \(Self.message(code))" }

    /// The system's text for an errno.
    package static func message(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        return buffer.withUnsafeMutableBufferPointer { cplatform_error_message(code, $0.baseAddress!, $0.count) }
            .map { String(cString: $0) } ?? "error \(code)"
    }
}
