import Bytes
import RouteRuntime

/// The second argument of `lookup()`.
struct LookupFlags {
    /// Only the best contact is used.
    var takesFirstOnly = false
    /// All contacts become branches, none the request URI.
    var fillsBranchesOnly = false
    /// The addresses in existing branches are looked up too.
    var expandsBranches = false
    var filtersByMethod = false
    /// Pattern that the User-Agent must match; nil for any.
    var userAgent: RegularExpression?

    init() {}

    /// Nil when `text` has a flag that there is not.
    init?(_ text: ByteString) {
        if text.isEmpty { return }
        guard let flags = FlagText(text, words: Self.words) else { return nil }
        var pattern: ByteString?
        var ignoresCase = false
        for (letter, value) in flags.entries {
            switch letter {
            case UInt8(ascii: "b"): takesFirstOnly = true
            case UInt8(ascii: "B"): fillsBranchesOnly = true
            case UInt8(ascii: "r"): expandsBranches = true
            case UInt8(ascii: "m"): filtersByMethod = true
            case UInt8(ascii: "u"):
                guard let end = value.last(of: ASCII.slash), end > 0, value.first == ASCII.slash else { return nil }
                pattern = value.slice(1..<end)
                ignoresCase = ignoresCase || value.dropFirst(end + 1).contains(UInt8(ascii: "i"))
            case UInt8(ascii: "i"): ignoresCase = true
            // Patterns are extended ones always; there is neither a federation nor a measured ping latency.
            case UInt8(ascii: "e"), UInt8(ascii: "g"), UInt8(ascii: "y"), UInt8(ascii: "Y"): break
            default: return nil
            }
        }
        if let pattern {
            guard let expression = RegularExpression(pattern, ignoringCase: ignoresCase) else { return nil }
            userAgent = expression
        }
    }

    private static let words: [(letter: UInt8, word: StaticString)] = [
        (UInt8(ascii: "b"), "no-branches"), (UInt8(ascii: "B"), "to-branches-only"), (UInt8(ascii: "r"), "branch"),
        (UInt8(ascii: "m"), "method-filtering"), (UInt8(ascii: "u"), "ua-filtering"),
        (UInt8(ascii: "i"), "case-insensitive"), (UInt8(ascii: "e"), "extended-regexp"), (UInt8(ascii: "g"), "global"),
        (UInt8(ascii: "y"), "max-ping-latency"), (UInt8(ascii: "Y"), "sort-by-latency"),
    ]
}
