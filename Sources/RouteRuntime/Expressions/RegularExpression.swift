package import Bytes
import Glibc

/// A compiled POSIX extended regular expression, by the C library. Matching ignores case unless told otherwise.
///
/// Immutable after init; `regexec` may be called from several threads.
package final class RegularExpression: @unchecked Sendable {
    // @unchecked: `regex` is written in init only, and regexec takes its own lock on it.
    private let regex: UnsafeMutablePointer<regex_t>
    package let groupCount: Int

    /// nil when the pattern is not a valid expression.
    package init?(_ pattern: ByteString, ignoringCase: Bool = true, multiline: Bool = false) {
        guard !pattern.contains(0) else { return nil }
        let memory = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
        memory.initialize(to: regex_t())
        var flags = REG_EXTENDED
        if ignoringCase { flags |= REG_ICASE }
        if multiline { flags |= REG_NEWLINE }
        guard regcomp(memory, pattern.string, flags) == 0 else {
            memory.deallocate()
            return nil
        }
        regex = memory
        groupCount = Int(memory.pointee.re_nsub) + 1
    }

    deinit {
        regfree(regex)
        regex.deallocate()
    }

    /// Whether the text holds a match. No allocation.
    package func matches(_ text: ByteString) -> Bool {
        text.withBytes { bytes in
            var match = regmatch_t(rm_so: 0, rm_eo: regoff_t(bytes.count))
            return regexec(regex, Self.start(of: bytes), 0, &match, REG_STARTEND) == 0
        }
    }

    /// The first match at or behind an offset: the ranges of the whole and of its groups, nil for groups not taken.
    package func firstMatch(in text: ByteString, from start: Int = 0) -> [Range<Int>?]? {
        text.withBytes { bytes in
            var matches = [regmatch_t](repeating: regmatch_t(), count: groupCount)
            matches[0] = regmatch_t(rm_so: regoff_t(start), rm_eo: regoff_t(bytes.count))
            let flags = REG_STARTEND | (start > 0 ? REG_NOTBOL : 0)
            guard regexec(regex, Self.start(of: bytes), matches.count, &matches, flags) == 0 else { return nil }
            return matches.map { $0.rm_so < 0 ? nil : Int($0.rm_so)..<Int($0.rm_eo) }
        }
    }

    /// The text as C sees it. With REG_STARTEND no terminating zero is read.
    private static func start(of bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar> {
        guard let base = bytes.baseAddress else { return UnsafePointer(empty) }
        return base.assumingMemoryBound(to: CChar.self)
    }

    // One zero byte that lives as long as the program; never written.
    nonisolated(unsafe) private static let empty: UnsafeMutablePointer<CChar> = {
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return byte
    }()
}
