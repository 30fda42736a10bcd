package import Bytes
import Synchronization

/// The names of flags and the bits they stand for: 32 for messages, 32 for branches. Names need no declaration.
///
/// Filled at start (constants of the script, parameters of modules); a name that first appears at run time gets a bit
/// then, while there is one.
package final class FlagNames: Sendable {
    package enum Family: Sendable { case message, branch }

    package static let countMax = 32

    private struct Tables {
        var message: [ByteString] = []
        var branch: [ByteString] = []
    }

    private let tables = Mutex(Tables())

    package init() {}

    /// The bit number of a name; nil when all 32 are taken by others.
    package func bit(_ name: ByteString, of family: Family) -> Int? {
        tables.withLock { tables in
            var names = family == .message ? tables.message : tables.branch
            if let known = names.firstIndex(of: name) { return known }
            guard names.count < Self.countMax else { return nil }
            names.append(name.compacted())
            if family == .message { tables.message = names } else { tables.branch = names }
            return names.count - 1
        }
    }

    /// The mask of a name, 0 when there is no bit for it.
    package func mask(_ name: ByteString, of family: Family) -> UInt32 {
        bit(name, of: family).map { 1 << UInt32($0) } ?? 0
    }

    /// The names of the bits that are set, as `$mf` and `$bf` show them.
    package func names(of bits: UInt32, in family: Family) -> [ByteString] {
        tables.withLock { tables in
            let names = family == .message ? tables.message : tables.branch
            return names.indices.filter { bits & (1 << UInt32($0)) != 0 }.map { names[$0] }
        }
    }
}
