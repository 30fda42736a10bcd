/// A connection by its number: unique among those that are open.
package struct ConnectionID: BitwiseCopyable, Hashable, Sendable, CustomStringConvertible {
    /// 0 for none.
    package let number: UInt32

    package init(_ number: UInt32) { self.number = number }

    /// What came without a connection, or goes without a certain one.
    package static let none = ConnectionID(0)

    package var isNone: Bool { number == 0 }

    package var description: String { "\(number)" }
}
